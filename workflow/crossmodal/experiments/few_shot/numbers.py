"""Job: the numbers of few-shot classification: accuracies, who finds more, what was chosen and what it took."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from crossmodal.data.tables import read_table
from crossmodal.experiments.few_shot.accuracies import ROOM, Found, Where, accuracies, read_answers
from crossmodal.experiments.few_shot.claims import claims
from crossmodal.experiments.few_shot.costs import cost_numbers
from crossmodal.experiments.few_shot.names import (
    ACCURACY,
    CLASS_ACCURACY,
    ELSEWHERE,
    SETS,
    method_name,
    variant_of,
)
from crossmodal.experiments.few_shot.params import Params
from crossmodal.experiments.few_shot.records import Fit, Shots, Time
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.aa import another_run
from crossmodal.statistics.estimates import Place, combine, difference, fixed, numbers_of, p_value_numbers
from crossmodal.statistics.names import CHANCE
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.queries import IMAGE_TO_TEXT
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import Target, targets_of


def main(answers: Ins, fits: Ins, shots: Ins, times: Ins, numbers: Out, spec: Spec) -> None:
    values = spec["parameters"]
    room = Params.model_validate(values["room"])
    statistics = StatisticsParameters.model_validate(values["statistics"])
    first = values["model"]
    results = [result for path in answers for result in read_answers(path, *_fit(path), first)]
    targets = targets_of(claims(room, values["target"], {}))
    found = accuracies(results, room.groups(), statistics)
    one = [path for path in answers if _fit(path)[::2] == (first, room.draws[0])]
    records = [fit for path in fits for fit in Fit.read(path)]
    write_numbers(
        numbers,
        [
            *accuracy_numbers(found, room, statistics.level, targets),
            *chance_numbers(one, room),
            *chosen_numbers(records, room, first),
            *shot_numbers({_fit(path)[1:]: Shots.read(path)[0] for path in shots if _fit(path)[0] == first}),
            *cost_numbers([time for path in times for time in Time.read(path)], statistics),
        ],
    )


def accuracy_numbers(
    found: Found, room: Params, level: float, targets: Mapping[str, Target] | None = None
) -> list[Number]:
    """Return accuracies, `gain_over_<m>_...` over baseline, reference and probe, and the reference beside itself.

    A gain of a method over another backbone is over the method of that backbone.
    """
    numbers: list[Number] = []
    for cell, own in found.items():
        for where, seeds in own.items():
            kept = seeds if _name(cell) not in (room.baseline,) else fixed(seeds)
            numbers += numbers_of(_place(cell, where), where.metric, kept, level)
        for other in dict.fromkeys(filter(None, (room.baseline, room.reference, room.probe))):
            beside = other + cell.removeprefix(_name(cell))
            if beside == cell or beside not in found:
                continue
            for where, seeds in own.items():
                if where not in found[beside]:
                    continue
                gained = combine(difference, seeds, found[beside][where])
                place, name = _place(cell, where), f"gain_over_{other}_{where.metric}"
                numbers += numbers_of(place, name, gained, level, targets=targets or {})
                numbers += p_value_numbers(place, name, gained, level)
    return numbers + list(again_numbers(found, room, level))


def again_numbers(found: Found, room: Params, level: float) -> Iterator[Number]:
    """Yield `aa_difference_...` of the reference and itself with other random numbers, and `smallest_visible_...`.

    Both learnt from the same shots: what is left is what random numbers of training do, on the same images.
    """
    again = room.again()
    if not again or room.reference not in found or again not in found:
        return
    for where, seeds in found[again].items():
        own = found[str(room.reference)][where]
        yield from another_run(_place(str(room.reference), where), where.metric, own, seeds, level)


def chance_numbers(paths: Sequence[Path], room: Params) -> list[Number]:
    """Return one over the number of classes of each set and of others, and means over them, as the cell `CHANCE`.

    `paths` are answers, one fit of each set; which shots they are of makes no difference.
    """
    found: dict[tuple[str, str], float] = {}
    for path in paths:
        _, dataset, _ = _fit(path)
        table = read_table(path, ["dataset", "label"])
        classes = 1 / len(set(table.filter(pc.equal(table["dataset"], dataset))["label"].to_pylist()))
        for other in dict.fromkeys(table["dataset"].to_pylist()):
            source = None if other == dataset else dataset
            found |= {(other, variant_of(shots, source)): classes for shots in room.shots}
    for variant in dict.fromkeys(variant for _, variant in found):
        for name, wanted in room.groups().items():
            own = [found[other, variant] for other in wanted if (other, variant) in found]
            if own and (name == ELSEWHERE) == ("-from-" in variant):
                found[name, variant] = float(np.mean(own))
    sources = list(map(str, paths))
    return [
        _place(CHANCE, Where(*where)).plain(ALL_SEEDS, metric, value, "fraction", sources)
        for where, value in found.items()
        for metric in (ACCURACY, CLASS_ACCURACY)
    ]


def shot_numbers(drawn: Mapping[tuple[str, int], Shots]) -> list[Number]:
    """Return `images_per_class` of each set and number of shots, and `shots_shared`: what draws have in common.

    A share of the images of one draw, the mean over pairs of draws, absent for one. Draws that share most of their
    images vary less than draws from as many images as there are classes' pictures: their interval is too narrow.
    """
    numbers: list[Number] = []
    for dataset in dict.fromkeys(dataset for dataset, _ in drawn):
        own = [one for (name, _), one in drawn.items() if name == dataset]
        sources = [one.source for one in own]
        for count in own[0].images:
            taken = [set(one.images[count]) for one in own]
            place = Place(ROOM, "-", dataset, "train", variant_of(count), IMAGE_TO_TEXT)
            each = len(taken[0]) / own[0].classes
            numbers.append(place.plain(ALL_SEEDS, "images_per_class", each, "plain", sources))
            pairs = [len(a & b) / len(a) for i, a in enumerate(taken) for b in taken[:i]]
            if pairs:
                shared = float(np.mean(pairs))
                numbers.append(place.plain(ALL_SEEDS, "shots_shared", shared, "fraction", sources))
    return numbers


def chosen_numbers(fits: Sequence[Fit], room: Params, first: str) -> list[Number]:
    """Return validation accuracy, and what validation chose, of each fit; their medians over sets and draws."""
    numbers: list[Number] = []
    grouped: dict[tuple[str, int], list[Fit]] = {}
    for fit in fits:
        grouped.setdefault((method_name(fit.method, fit.model, first), fit.shots), []).append(fit)
    for (cell, shots), own in grouped.items():
        names = [ACCURACY, *dict.fromkeys(name for fit in own for name in fit.chosen)]
        for name in names:
            told = [
                (fit, fit.validation_accuracy if name == ACCURACY else fit.chosen.get(name)) for fit in own
            ]
            known = [(fit, value) for fit, value in told if value is not None]
            metric, unit = (name, "fraction") if name == ACCURACY else (f"chosen_{name}", "plain")
            for fit, value in known:
                place = Place(ROOM, cell, fit.dataset, "val", variant_of(shots), IMAGE_TO_TEXT)
                numbers.append(place.plain(str(fit.draw), metric, value, unit, [fit.source]))
            place = Place(ROOM, cell, SETS, "val", variant_of(shots), IMAGE_TO_TEXT)
            values, sources = [value for _, value in known], dict.fromkeys(fit.source for fit, _ in known)
            middle = float(np.mean(values) if name == ACCURACY else np.median(values))
            numbers.append(place.plain(ALL_SEEDS, metric, middle, unit, sources))
    return numbers


def _place(cell: str, where: Where) -> Place:
    return Place(ROOM, cell, where.dataset, "test", where.variant, IMAGE_TO_TEXT)


def _name(cell: str) -> str:
    """Return the method of a cell, whatever its backbone."""
    return cell.partition("@")[0]


def _fit(path: Path) -> tuple[str, str, int]:
    """Return model, dataset and draw from the place of answers: .../<model>/<dataset>/<draw>/<file>."""
    model, dataset, draw = path.parts[-4:-1]
    return model, dataset, int(draw)


if __name__ == "__main__":
    run(main)
