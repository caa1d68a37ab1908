"""The jobs of continual learning beside its numbers and its section: sessions in a chain, and what each
left."""

from collections.abc import Iterator
from typing import Any

from crossmodal.experiments.continual.learning_params import ASKED, asked_after
from crossmodal.experiments.continual.params import CONTINUAL, JOINT, Params, model_of
from crossmodal.jobs.rules import Job, Rule, Wildcards
from crossmodal.study.rules import kind_module, plain
from crossmodal.study.study import SetName, Study

PARAMETERS = ("continual", "embeddings", "shifts")
"""The keys of params.yaml that its jobs depend on beside those of every experiment."""
LEARNT = {"dataset", "sessions", "classes", "shots", "rare", "prompts"}
"""Parameters that what is learnt follows from."""


def jobs(study: Study) -> Iterator[tuple[str, Wildcards]]:
    """Yield (rule, wildcards) of each job that a study asks for."""
    room: Params = study.room("continual")
    for _, split, shift in asked_sets(study):
        if shift != "clean":
            yield "shift_dataset", {"dataset": str(room.dataset), "split": split, "shift": shift}
    for model in searched_models(study):
        yield "search_base", {"model": model}
    for cell, plan, order in runs(study):
        run = {"cell": cell, "plan": plan, "order": str(order)}
        for session in room.plans()[plan]:
            yield "learn_session", {**run, "session": str(session)}
        yield "evaluate_sessions", run
        if searched_sets(study, plan):
            yield "search_after", {"cell": cell, "order": str(order)}


def runs(study: Study) -> Iterator[tuple[str, str, int]]:
    """Yield every (cell, plan, order)."""
    room: Params = study.room("continual")
    for cell in room.cells if room.dataset else ():
        for plan in room.plans_of(cell):
            for order in room.orders_of(cell):
                yield cell, plan, order


def sessions_before(study: Study, plan: str, session: str) -> list[int]:
    """Return the session whose weights a session begins with; none for the base model's."""
    return [int(session) - 1] if plan == CONTINUAL and int(session) > 1 else []


def asked_sets(study: Study) -> list[SetName]:
    """Return the sets of the classes that are learnt: test and validation images, and the former under
    shifts."""
    room: Params = study.room("continual")
    variants = [("test", "clean"), ("val", "clean"), *(("test", shift) for shift in room.shifts)]
    return [SetName(room.dataset, split, variant) for split, variant in variants] if room.dataset else []


def asked_times(study: Study, name: SetName, plan: str) -> int:
    """Return how often a set of these classes is asked in a run."""
    return len(asked_after(name.split, name.variant, [0, *study.room("continual").plans()[plan]]))


def other_sets(study: Study, plan: str) -> list[SetName]:
    """Return the test images of other classes, that those who learn session after session are asked about."""
    names = study.room("continual").retention.datasets if plan == CONTINUAL else []
    return [SetName(name, "test", "clean") for name in names]


def searched_sets(study: Study, plan: str) -> list[SetName]:
    """Return the target's test split, if retrieval is watched."""
    return study.target_sets() if plan == CONTINUAL and study.room("continual").retention.retrieval else []


def searched_runs(study: Study) -> list[tuple[str, int]]:
    """Return the (cell, order) whose retrieval is watched."""
    return [(cell, order) for cell, plan, order in runs(study) if searched_sets(study, plan)]


def searched_models(study: Study) -> list[str]:
    """Return the base models whose retrieval is watched."""
    found = [cell_model(study, cell) for cell, plan, _ in runs(study) if searched_sets(study, plan)]
    return list(dict.fromkeys(found))


def cell_model(study: Study, cell: str) -> str:
    """Return the base model of a cell."""
    return model_of(study.room("continual"), cell, study)


def facts(study: Study) -> dict[str, Any]:
    """Return what its numbers depend on beside its parameters: the base model of each cell."""
    return {"models": {cell: cell_model(study, cell) for cell in study.room("continual").cells}}


def _cluster(study: Study, dataset: str) -> str:
    """Return the column of a dataset that says which images belong together."""
    return str(study.datasets[dataset].cluster())


def _learning(study: Study, cell: str, plan: str, order: str, session: str) -> Job:
    room: Params = study.room("continual")
    own = room.cells[cell]
    return Job(
        {
            "room": room.model_dump(mode="json", include=LEARNT),
            "cell": own.model_dump(mode="json", exclude=ASKED),
        },
        seed=int(order),
        threads=own.training.threads,
        modules=_modules(own.update),
        models=(cell_model(study, cell),),
    )


def _modules(update: Any) -> tuple[str, ...]:
    """Return the modules of an update, and of the parameters of another one that it names."""
    inner = getattr(update, "matches", None)
    return tuple(kind_module("updates", one) for one in (update, inner) if one is not None)


def _evaluation(study: Study, cell: str, plan: str, order: str) -> Job:
    room: Params = study.room("continual")
    named = [(asked_sets(study), "sets"), (other_sets(study, plan), "others")]
    parameters = {
        "room": room.model_dump(mode="json", include=LEARNT),
        "after": room.plans()[plan],
        "answers": room.cells[cell].answers,
        "batch_size": study.embeddings.batch_size,
    }
    parameters |= {key: [[*name, _cluster(study, name.dataset)] for name in sets] for sets, key in named}
    return Job(parameters, seed=int(order), models=(cell_model(study, cell),))


def _base(study: Study, model: str) -> Job:
    return Job(plain(study.embeddings), models=(model,))


def _after(study: Study, cell: str, order: str) -> Job:
    return Job(plain(study.embeddings), seed=int(order), models=(cell_model(study, cell),))


SEARCH = "crossmodal.experiments.continual.search_target"
RULES = {
    "learn_session": Rule("crossmodal.experiments.continual.learn_session", _learning, "continual"),
    "evaluate_sessions": Rule("crossmodal.experiments.continual.evaluate_sessions", _evaluation, "continual"),
    "search_base": Rule(SEARCH, _base, "continual"),
    "search_after": Rule(SEARCH, _after, "continual"),
}
PLANS = (CONTINUAL, JOINT)
