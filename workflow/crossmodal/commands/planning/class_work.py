"""What the jobs on classes compute: features of few shots, learnt prompts, sessions and what they leave.

Where it depends on how many classes a dataset has, it is known once that is. Shots are counted as if no two draws
shared one. Classifiers over features that are there take next to nothing, but for those that ask the text tower.
"""

from collections.abc import Callable
from math import ceil
from typing import Any

from crossmodal import registry
from crossmodal.commands.planning.known import ADAM, FLOAT, HALF, Known, Work
from crossmodal.commands.planning.networks import Network
from crossmodal.jobs.rules import Wildcards
from crossmodal.study.study import SetName

LOW_RANK = 2
"""Passes of an updated tower for an image or a name, but for updates that say their own (`PASSES`)."""
CHOOSING = 3
"""Passes in which an update that chooses by gradients sees the data once, before it trains."""


def _features(known: Known, rule: str, wildcards: Wildcards) -> Work:
    """The shots that some draw takes, each in all views, the shots to choose by, test images, and the prompts."""
    room, dataset = known.study.room("few_shot"), wildcards["dataset"]
    network, classes = known.networks[wildcards["model"]], known.classes(dataset)
    counts = {split: known.sets([SetName(dataset, split, "clean")]) for split in ("train", "val", "test")}
    if network is None or classes is None or any(count is None for count in counts.values()):
        return Work(rule, wildcards, None, memory=None)
    there = {split: count[0] for split, count in counts.items() if count}
    views, validation = 0, 0
    if dataset in room.sets:
        each = len(room.draws) * classes
        views = room.views * min(there["train"], max(room.shots) * each)
        validation = min(there["val"], room.validation_shots * each)
    images = views + validation + there["test"]
    flops = float(images * network.image_flops + classes * len(room.prompts) * network.text_flops)
    return Work(rule, wildcards, flops, False, FLOAT * network.parameters, HALF * network.dimension * images)


def _fits(known: Known, rule: str, wildcards: Wildcards) -> Work:
    room = known.study.room("few_shot")
    runs = len(room.shots)
    return _prompted(known, rule, wildcards, wildcards["model"], wildcards["dataset"], runs)


def _timed_fits(known: Known, rule: str, wildcards: Wildcards) -> Work:
    room = known.study.room("few_shot")
    model = room.model or known.study.first_model()
    return _prompted(known, rule, wildcards, model, room.timing.set, 1)


def _prompted(known: Known, rule: str, wildcards: Wildcards, model: str, dataset: str, runs: int) -> Work:
    """Return the work of learning prompts: each step takes all names through the frozen text tower and back."""
    room = known.study.room("few_shot")
    steps = sum(method.steps for method in room.fitted(model).values() if _asks_text_tower(method))
    if not steps:
        return Work(rule, wildcards)
    network, classes = known.networks[model], known.classes(dataset)
    if network is None or classes is None:
        return Work(rule, wildcards, None, True, None)
    flops = float(runs * steps * classes * LOW_RANK * network.text_flops)
    memory = float(FLOAT * network.parameters + classes * network.text_activations)
    return Work(rule, wildcards, flops, True, memory)


def _asks_text_tower(method: Any) -> bool:
    return hasattr(method, "steps") and bool(
        getattr(registry.load("classifiers", method.kind), "NEEDS_PROMPTS", False)
    )


def _session(known: Known, rule: str, wildcards: Wildcards) -> Work:
    """Some images of each class and the classes' names, in each epoch; what is not updated is read alone."""
    jobs, room = registry.room("continual", "jobs"), known.study.room("continual")
    cell = room.cells[wildcards["cell"]]
    network = known.networks[jobs.cell_model(known.study, wildcards["cell"])]
    classes = _learnt(known, int(wildcards["session"]), joint=wildcards["plan"] == jobs.JOINT)
    if network is None or classes is None:
        return Work(rule, wildcards, None, True, None)
    update = registry.load("updates", cell.update.kind)
    passes = getattr(update, "PASSES", LOW_RANK)
    if not passes:
        return Work(rule, wildcards, memory=FLOAT * network.parameters)
    images, names = classes * room.shots, classes * len(room.prompts)
    rounds = [(passes, cell.training.epochs)]
    if getattr(update, "GRADIENTS", False):
        rounds.append((CHOOSING, 1))
    flops, kept = 0.0, 0.0
    for each, times in rounds:
        flops += times * images * network.image_flops * (1 if cell.tower == "text" else each)
        if cell.tower != "image":  # the names of all classes stand beside every batch
            batches = ceil(images / cell.training.batch_size)
            flops += times * batches * names * network.text_flops * each
    if cell.tower == "image":
        flops += names * network.text_flops
    else:
        kept += names * network.text_activations
    if cell.tower != "text":
        kept += min(images, cell.training.batch_size) * network.image_activations
    updated = _parameters(network, cell.tower)
    trained = updated if cell.update.kind == "full" else 0
    memory = float(FLOAT * (network.parameters + ADAM * trained) + kept)
    return Work(rule, wildcards, flops, True, memory, FLOAT * updated)


def _learnt(known: Known, session: int, *, joint: bool) -> float | None:
    """Return how many classes a session has, or all sessions so far, in the mean over sessions."""
    room = known.study.room("continual")
    if room.classes:
        return sum(map(len, room.classes[:session] if joint else room.classes[session - 1 : session]))
    classes = known.classes(room.dataset)
    return None if classes is None else classes / room.sessions * (session if joint else 1)


def _parameters(network: Network, tower: str) -> int:
    """Return the parameters of what an update changes."""
    of = {"image": network.image_parameters, "both": network.parameters}
    return of.get(tower, network.parameters - network.image_parameters)


def _answers(known: Known, rule: str, wildcards: Wildcards) -> Work:
    """All sets before the first session and after each, others before and after; and the classes' names."""
    jobs, room = registry.room("continual", "jobs"), known.study.room("continual")
    network = known.networks[jobs.cell_model(known.study, wildcards["cell"])]
    plan = wildcards["plan"]
    asked = [(name, jobs.asked_times(known.study, name, plan)) for name in jobs.asked_sets(known.study)]
    # Of the training images all stand beside those of validation, but for the families of shots.
    spare = SetName(room.dataset, "train", "clean")
    asked.append((spare, 2))
    asked += [(name, 2) for name in jobs.other_sets(known.study, plan)]
    flops = 0.0
    for name, times in asked:
        images, classes = known.sets([name]), known.classes(name.dataset)
        if network is None or images is None or classes is None:
            return Work(rule, wildcards, None, memory=None)
        names = 0 if name == spare else classes * len(room.prompts)
        flops += times * (images[0] * network.image_flops + names * network.text_flops)
    return Work(rule, wildcards, flops, memory=FLOAT * network.parameters if network else None)


def _search(known: Known, rule: str, wildcards: Wildcards) -> Work:
    """The target's images and captions; of an updated image tower the captions are the base model's."""
    jobs, cell = registry.room("continual", "jobs"), wildcards.get("cell")
    network = known.networks[jobs.cell_model(known.study, cell) if cell else wildcards["model"]]
    found = known.sets(known.study.target_sets())
    if network is None or found is None:
        return Work(rule, wildcards, None, memory=None)
    there = cell and known.study.room("continual").cells[cell].tower == "image"
    flops = float(found[0] * network.image_flops + (0 if there else found[1] * network.text_flops))
    disk = 0.0 if cell else float(HALF * network.dimension * found[1])
    return Work(rule, wildcards, flops, False, FLOAT * network.parameters, disk)


CLASS_ESTIMATES: dict[str, Callable[[Known, str, Wildcards], Work]] = {
    "embed_classes": _features,
    "fit_classifiers": _fits,
    "time_classifiers": _timed_fits,
    "learn_session": _session,
    "evaluate_sessions": _answers,
    "search_base": _search,
    "search_after": _search,
}
"""By rule."""
