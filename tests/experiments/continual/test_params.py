"""What the section may say: classes once, roles that are cells, heads that there are, images that have classes."""

from pathlib import Path

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.continual.jobs import RULES, runs, sessions_before
from crossmodal.experiments.continual.params import Params
from crossmodal.study import grid
from crossmodal.study.configuration import read_yaml
from crossmodal.study.study import Study, load_study

DEFAULTS = {**read_yaml(Path("params.yaml")), "continual": None}
LORSU = {"update": {"kind": "lorsu"}}
ROOM = {"dataset": "twemoji", "cells": {"lorsu": LORSU}, "cell": None, "baseline": None, "random": None,
        "retention": {"datasets": []}, "shifts": []}  # fmt: skip
VIT = {"vit": {"kind": "scratch", "config": "vit-nano-32", "datasets": ["web"], "training": {"epochs": 1}}}
AS_IT_IS = {"vit": {"method": {"kind": "zero_shot"}, "model": "vit", "seeds": [0]}}


def study(**changes: object) -> Study:
    given = {"models": VIT, "adaptation": {"cells": AS_IT_IS}, "continual": {**ROOM, **changes}}
    return load_study(DEFAULTS, given)


@pytest.mark.parametrize(
    ("room", "message"),
    [
        ({"dataset": "digit"}, 'continual.dataset: got "digit"'),
        ({"classes": [["a", "b"], ["b"]]}, '"b" stands in two places; each class is learnt in one session'),
        ({"classes": [["a"], []]}, "a session without classes"),
        ({"cell": "lora"}, "cell: lora is none of the cells"),
        (
            {"cell": "lorsu", "baseline": "lorsu"},
            "baseline: lorsu is of the kind lorsu, not lora",
        ),
        (
            {
                "cell": "lorsu",
                "random": "other",
                "cells": {"lorsu": LORSU, "other": {"update": {"kind": "random", "rank": 3}}},
            },
            "random: other is not of the size of the update that it is compared with",
        ),
        ({"cells": {"lorsu": {**LORSU, "training": [1]}}}, "continual.cells.lorsu.training"),
        ({"cells": {"chance": LORSU}}, "cells: chance is a name that numbers use otherwise"),
        ({"cells": {"before": LORSU}}, "cells: before is a name that numbers use otherwise"),
        ({"cells": {"lorsu": {**LORSU, "answers": "both of them"}}}, "continual.cells.lorsu.answers"),
        (
            {"cells": {"lorsu": {**LORSU, "over": ["vit"]}}},
            "cells.lorsu.over: vit is no cell of the same model",
        ),
        (
            {
                "cells": {
                    "lora": {
                        "update": {"kind": "lora", "matches": {"kind": "lorsu", "heads": 9}},
                        "model": "vit",
                    }
                }
            },
            'continual.cells.lora.update.heads: got "9"',
        ),
        ({"offline": ["lora"]}, "offline: lora is none of the cells lorsu"),
        ({"dataset": "web"}, 'continual.dataset: got "web"'),
        ({"baseline": "lorsu", "again": "lorsu"}, "again: lorsu must be the baseline with another repeat"),
        ({"shifts": ["typos-3"]}, 'continual.shifts: got "typos-3"'),
        ({"retention": {"datasets": ["twemoji"]}}, "other dataset than the one that is learnt"),
        ({"cells": {"lorsu": {"update": {"kind": "lorsu", "sparsity": 1.5}}}}, "less than 1"),
        ({"cells": {"lorsu": {"update": {"kind": "lorsuu"}}}}, 'did you mean "lorsu"?'),
        ({"cells": {"lorsu": {**LORSU, "model": "vitt"}}}, 'continual.cells.lorsu.model: got "vitt"'),
        (
            {"cells": {"lorsu": {"update": {"kind": "lorsu", "heads": 3}, "model": "vit"}}},
            'continual.cells.lorsu.update.heads: got "3", which is no number of heads of the image tower of'
            " models.vit",
        ),
    ],
)
def test_what_makes_no_sense_is_one_line(room: dict, message: str) -> None:
    with pytest.raises(UserError) as error:
        study(**room)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_cells_take_from_the_common_training_what_they_do_not_say() -> None:
    room = Params.model_validate(
        {
            "training": {"epochs": 7, "learning_rate": 0.5},
            "cells": {"a": {**LORSU, "training": {"epochs": 2}}, "b": LORSU},
        }
    )
    assert (room.cells["a"].training.epochs, room.cells["a"].training.learning_rate) == (2, 0.5)
    assert room.cells["b"].training.epochs == 7
    assert Params.model_validate(room.model_dump(mode="json")) == room


def test_a_session_reads_the_one_before() -> None:
    found = study(orders=[0, 3], sessions=4, offline=["lorsu"])
    asked = [run for rule, run in grid.jobs(found) if rule == "learn_session"]
    assert [run["session"] for run in asked if run["plan"] == "continual" and run["order"] == "3"] == list(
        "1234"
    )
    assert [run["session"] for run in asked if run["plan"] == "joint" and run["order"] == "3"] == ["4"]
    assert [sessions_before(found, "continual", s) for s in "1234"] == [[], [1], [2], [3]]
    assert sessions_before(found, "joint", "4") == []
    assert len(list(runs(study(joint=True)))) == 2
    some = study(cells={"lorsu": LORSU, "other": LORSU}, offline=["other"])
    assert [run[:2] for run in runs(some)] == [
        ("lorsu", "continual"),
        ("other", "continual"),
        ("other", "joint"),
    ]
    more = study(orders=[0, 3], cells={"lorsu": {**LORSU, "orders": [3, 4, 5]}, "other": LORSU})
    assert list(runs(more)) == [("lorsu", "continual", n) for n in (3, 4, 5)] + [
        ("other", "continual", n) for n in (0, 3)
    ]


def test_a_rate_of_terms_is_no_size() -> None:
    cells = {"lorsu": LORSU, "random": {"update": {"kind": "random", "scale": 10}}}
    assert study(cell="lorsu", random="random", cells=cells).room("continual").random == "random"


def test_how_a_cell_is_asked_makes_no_session_stale() -> None:
    def specs(**cell: object) -> tuple[dict, dict]:
        found = study(cells={"lorsu": {**LORSU, **cell}, "other": LORSU})
        run = {"cell": "lorsu", "plan": "continual", "order": "0"}
        return tuple(
            RULES[rule].job(found, **run | more).parameters
            for rule, more in (("learn_session", {"session": "1"}), ("evaluate_sessions", {}))
        )

    for values, evaluated in (
        ({"over": ["other"]}, False),
        ({"orders": [0, 1]}, False),
        ({"answers": "both"}, True),
    ):
        learnt, asked = specs(**values)
        assert learnt == specs()[0] and (asked != specs()[1]) == evaluated


def test_without_a_dataset_there_is_nothing_to_do() -> None:
    rules = {rule for rule, _ in grid.jobs(study(dataset=None))}
    assert (
        rules & {"learn_session", "evaluate_sessions", "search_base"} == set() and "draw_continual" in rules
    )
