"""What each job of a study computes with a network: operations, memory of training, bytes that it leaves.

A forward pass is one pass; the way back is one for activations and one for weights. So full fine-tuning takes
three passes of both towers for a pair, a method that leaves the base model frozen two, one that trains behind the
towers one; a step of an attack takes two passes of the tower that is attacked.
"""

from collections.abc import Callable, Iterator
from typing import Any

from crossmodal import registry
from crossmodal.commands.planning.class_work import CLASS_ESTIMATES
from crossmodal.commands.planning.known import ADAM, FLOAT, HALF, Known, Work
from crossmodal.commands.planning.networks import Network
from crossmodal.jobs.rules import Wildcards
from crossmodal.study.grid import jobs
from crossmodal.study.study import SetName

PASSES = {"zero_shot": 0, "linear": 1, "full": 3}
FROZEN = 2
"""Passes of both towers for a pair by kind of method; of every other kind."""


def work_of(known: Known) -> Iterator[Work]:
    """Yield the work of every job of the study."""
    for rule, wildcards in jobs(known.study):
        estimate = ESTIMATES.get(rule)
        yield estimate(known, rule, wildcards) if estimate else Work(rule, wildcards)


def _dataset(known: Known, rule: str, wildcards: Wildcards) -> Work:
    size = known.sizes[wildcards["dataset"]]
    return Work(rule, wildcards, disk=size.bytes if size else 0.0)


def _model(known: Known, rule: str, wildcards: Wildcards) -> Work:
    """A base model: taken as it is, aligned behind its towers, trained as a whole, or distilled."""
    params, network = known.study.models[wildcards["model"]], known.networks[wildcards["model"]]
    if network is None:
        return Work(rule, wildcards, None, memory=None)
    disk = float(FLOAT * network.parameters)
    pairs = known.sets([SetName(name, "train", "clean") for name in params.datasets])
    if pairs is None:
        return Work(rule, wildcards, None, True, None, disk)
    flops, training = 0.0, params.training
    if alignment := getattr(params, "alignment", None):
        flops += alignment.epochs * pairs[0] * network.image_flops + pairs[1] * network.text_flops
    memory = float(FLOAT * network.parameters)
    if training:
        locked = params.kind == "locked_text"  # its text tower has a forward pass alone
        flops += training.epochs * pairs[0] * 3.0 * network.image_flops
        flops += training.epochs * pairs[0] * (1.0 if locked else 3.0) * network.text_flops
        trained = network.image_parameters if locked else network.parameters
        memory = _training_memory(network, training, trained)
    if (teacher := getattr(params, "teacher", None)) and training:
        own = known.networks[teacher]
        if own is None:
            return Work(rule, wildcards, None, True, None, disk)
        flops += training.epochs * pairs[0] * _pair(own)
        memory += FLOAT * own.parameters
    return Work(rule, wildcards, flops, bool(training or alignment), memory, disk)


def _adaptation(known: Known, rule: str, wildcards: Wildcards, rounds: float = 1.0) -> Work:
    study = known.study
    cell = study.adaptation.cells[wildcards["cell"]]
    network = known.networks[study.model_of(wildcards["cell"])]
    target = study.target_of(wildcards["cell"])
    sizes = [known.sets([SetName(target, split, "clean")]) for split in ("train", "val")]
    if network is None or sizes[0] is None or sizes[1] is None:
        return Work(rule, wildcards, None, True, None)
    passes = PASSES.get(cell.method.kind, FROZEN)
    whole = passes == PASSES["full"]
    disk = FLOAT * network.parameters if whole else 0.0
    if not passes:
        return Work(rule, wildcards, 0.0, False, FLOAT * network.parameters, disk)
    training = cell.training
    again = 1 if training.forward_chunk else 0
    shown = training.epochs * sizes[0][0]
    flops = float(shown * (passes + again) * _pair(network))
    flops += training.epochs * (sizes[1][0] * network.image_flops + sizes[1][1] * network.text_flops)
    if cell.adversary:
        flops += (1 - cell.adversary.clean_share) * shown * _attack(cell.adversary, network)
        if check := cell.adversary.validation:
            count = min(check.max_images or sizes[1][0], sizes[1][0])
            flops += training.epochs * count * _attack(check, network)
    memory = _training_memory(network, training, network.parameters if whole else 0)
    return Work(rule, wildcards, rounds * flops, True, memory, disk)


def _tuning(known: Known, rule: str, wildcards: Wildcards) -> Work:
    room = known.study.room("tuning")
    cell = room.families[wildcards["family"]].representative
    epochs = known.study.adaptation.cells[cell].training.epochs
    work = _adaptation(known, rule, {**wildcards, "cell": cell}, (room.epochs or epochs) / epochs)
    return Work(rule, wildcards, work.flops, True, work.memory)


def _fold(known: Known, rule: str, wildcards: Wildcards) -> Work:
    folds = known.study.room("search").folds
    work = _adaptation(known, rule, wildcards, (folds - 1) / folds if folds > 1 else 1.0)
    return Work(rule, wildcards, work.flops, True, work.memory, work.disk)


def _pair(network: Network) -> int:
    return network.image_flops + network.text_flops


def _attack(sides: Any, network: Network) -> float:
    """Return the operations of attacking one pair: two passes of the attacked tower a step."""
    towers = ((sides.images, network.image_flops), (sides.texts, network.text_flops))
    return sum(2.0 * _steps(attack) * flops for attack, flops in towers if attack)


def _steps(attack: Any) -> int:
    """Return the steps of an attack from all its starts; one on finished embeddings takes no pass of a tower."""
    if getattr(attack, "space", "") == "embeddings":
        return 0
    return int(getattr(attack, "steps", 1)) * int(getattr(attack, "restarts", 1))


def _training_memory(network: Network, training: Any, trained: int) -> float:
    batch = (training.forward_chunk or training.batch_size) / training.processes
    kept = batch * (network.image_activations + network.text_activations)
    return float(FLOAT * (network.parameters + ADAM * trained) + kept)


def _embedding(sets: Callable[[Known], list[SetName]]) -> Callable[[Known, str, Wildcards], Work]:
    def estimate(known: Known, rule: str, wildcards: Wildcards) -> Work:
        network, found = known.networks[known.study.model_of(wildcards["cell"])], known.sets(sets(known))
        if network is None or found is None:
            return Work(rule, wildcards, None, memory=None)
        images, captions = found
        flops = float(images * network.image_flops + captions * network.text_flops)
        disk = float(HALF * network.dimension * (images + captions))
        return Work(rule, wildcards, flops, False, FLOAT * network.parameters, disk)

    return estimate


def _attacked(known: Known, rule: str, wildcards: Wildcards) -> Work:
    study = known.study
    attacks = study.room("robustness").attacks.of(wildcards["cell"])
    network = known.networks[study.model_of(wildcards["cell"])]
    found = known.sets(study.target_sets())
    if network is None or found is None:
        return Work(rule, wildcards, None, memory=None)
    images = min(attacks.images or found[0], found[0])
    each = found[1] / max(1, found[0]) if attacks.captions == "all" else 1.0
    flops = 0.0
    for threat in attacks.threats.values():
        texts = threat.threat == "text"
        one = network.text_flops * each if texts else network.image_flops
        flops += len(threat.epsilons) * images * 2 * _steps(threat.attack) * one
    return Work(rule, wildcards, flops, False, FLOAT * network.parameters)


def _validated(known: Known, rule: str, wildcards: Wildcards) -> Work:
    check = known.study.room("robustness").validation
    network = known.networks[known.study.model_of(wildcards["cell"])]
    found = known.sets([SetName(known.study.target_of(wildcards["cell"]), "val", "clean")])
    if network is None or found is None:
        return Work(rule, wildcards, None, memory=None)
    count = min(check.max_images or found[0], found[0])
    return Work(rule, wildcards, count * _attack(check, network), False, FLOAT * network.parameters)


def _shifted_sets(known: Known) -> list[SetName]:
    return [
        SetName(dataset, split, "clean")
        for dataset, split, _ in registry.room("robustness", "jobs").shifted_sets(known.study)
    ]


def _domains(known: Known) -> list[SetName]:
    return list(registry.room("zero_shot", "jobs").tried_sets(known.study))


def _galleries(known: Known) -> list[SetName]:
    return list(registry.room("search", "jobs").gallery_sets(known.study))


ESTIMATES: dict[str, Callable[[Known, str, Wildcards], Work]] = {
    "build_dataset": _dataset,
    "build_model": _model,
    "distil_model": _model,
    "adapt_model": _adaptation,
    "adapt_fold": _fold,
    "tune_model": _tuning,
    "embed_target": _embedding(lambda known: known.study.target_sets()),
    "embed_domains": _embedding(lambda known: known.study.domain_sets()),
    "embed_shifted": _embedding(_shifted_sets),
    "embed_zero_shot": _embedding(_domains),
    "embed_galleries": _embedding(_galleries),
    "embed_scale": lambda known, rule, wildcards: _embedding(
        lambda known: [SetName(wildcards["dataset"], wildcards["split"], "clean")]
    )(known, rule, wildcards),
    "evaluate_attacks": _attacked,
    "validate_attacks": _validated,
    **CLASS_ESTIMATES,
}
"""By rule; the jobs of other rules compute with no network, or next to nothing."""
