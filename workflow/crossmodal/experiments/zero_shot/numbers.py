"""Job: the numbers of H4: what cells and students find on each domain, what that took, and who finds more."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from crossmodal.experiments.zero_shot.claims import claims
from crossmodal.experiments.zero_shot.costs import cost_numbers
from crossmodal.experiments.zero_shot.known import has_own_captions, unmet_images
from crossmodal.experiments.zero_shot.params import CLEAN, PROMPTED, Params
from crossmodal.experiments.zero_shot.records import Footprint, StudentCard
from crossmodal.experiments.zero_shot.transfer import (
    ROOM,
    beside_itself_numbers,
    chance_numbers,
    gain_numbers,
    quality_numbers,
    quality_of,
    retention_numbers,
)
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.card import AdapterCard
from crossmodal.statistics.cells import cells_of, retrieval_record
from crossmodal.statistics.estimates import Place, fixed
from crossmodal.statistics.numbers import ALL_SEEDS, Number, write_numbers
from crossmodal.statistics.panel import Panel, Result, read_result, restricted
from crossmodal.statistics.records import QueryRecord, cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.subsets import on_subset
from crossmodal.statistics.targets import Target, targets_of

UNMET = "unmet"
"""The part of a domain's queries whose name is in no caption that any model here learnt from."""


def main(
    queries: Ins,
    probes: Ins,
    domains: Ins,
    known: Ins,
    footprints: Ins,
    cards: Ins,
    students: Ins,
    teachers: Ins,
    numbers: Out,
    spec: Spec,
) -> None:
    values = spec["parameters"]
    cells, room = cell_facts(values["cells"]), Params.model_validate(values["room"])
    parameters = StatisticsParameters.model_validate(values["statistics"])
    results = [read_result(_record(path, room)) for path in [*queries, *probes]]
    targets = targets_of(claims(room, values["target"], cells))
    classes = [name for name in room.domains if any(_asks_classes(result, name) for result in results)]
    captioned = [name for name, path in zip(room.domains, domains, strict=True) if has_own_captions(path)]
    found = transfer_numbers(results, captioned, classes, room, parameters, targets)
    one = [path for path in queries if path.parts[-6:-4] == queries[0].parts[-6:-4]]
    found += chance_numbers(one, captioned, classes)
    if known:
        unmet = dict(zip(room.domains, unmet_images(domains, known), strict=True))
        found += share_numbers(results, unmet)
        parts = [part for one in results if (part := restricted(one, unmet[one.record.dataset]))]
        prefixes = ("recall@", "accuracy@", "retention_", "gain_over_")
        found += on_subset(
            transfer_numbers(parts, captioned, classes, room, parameters), UNMET, prefixes, [*domains, *known]
        )
    found += cost_numbers(
        [footprint for path in footprints for footprint in Footprint.read(path, **_run(path))],
        [card for path in cards for card in AdapterCard.read(path)],
        [card for path in students for card in StudentCard.read(path)],
        [card for path in teachers for card in AdapterCard.read(path)],
        cells,
        room,
    )
    write_numbers(numbers, found)


def transfer_numbers(
    results: Sequence[Result],
    captioned: Sequence[str],
    with_classes: Sequence[str],
    room: Params,
    parameters: StatisticsParameters,
    targets: Mapping[str, Target] | None = None,
) -> list[Number]:
    """Return quality, retention, gains over students and the probe, and the adapted cell beside itself.

    All domains are resampled together, so that their mean has an interval of its own. Recall is of the domains
    `captioned`, accuracy of those `with_classes`.
    """
    if not results:
        return []
    panel, level = Panel(results, parameters), parameters.level
    found = {cell: quality_of(panel.measure(cell), captioned, with_classes) for cell in cells_of(results)}
    numbers: list[Number] = []
    for cell, own in found.items():
        numbers += quality_numbers(cell, own, level)
        if room.baseline in found and cell != room.baseline:
            numbers += retention_numbers(cell, own, found[room.baseline], level)
        others = {name: found.get(name, {}) for name in room.students if cell not in room.students}
        if room.probe and cell != room.probe:  # nothing of it is trained
            others[room.probe] = {key: fixed(seeds) for key, seeds in found.get(room.probe, {}).items()}
        for other, theirs in others.items():
            numbers += gain_numbers(cell, own, other, theirs, level, targets or {})
    if room.cell in found:
        numbers += beside_itself_numbers(room.cell, found[room.cell], level)
    return numbers


def share_numbers(results: Sequence[Result], unmet: Mapping[str, set[str]]) -> list[Number]:
    """Return `queries_share` of each domain: the share of its images whose name no model here has met."""
    numbers = []
    for domain in dict.fromkeys(result.record.dataset for result in results):
        whole = next(r for r in results if r.record.dataset == domain and r.record.variant == CLEAN)
        images = {cluster for sums in whole.sums.values() for cluster in sums.clusters}
        share = len(images & unmet[domain]) / len(images)
        place = Place(ROOM, "-", domain, "test", f"{CLEAN}@{UNMET}", "-")
        numbers.append(
            place.plain(ALL_SEEDS, "queries_share", share, "fraction", [str(whole.record.path)], len(images))
        )
    return numbers


def _asks_classes(result: Result, domain: str) -> bool:
    return (result.record.dataset, result.record.variant) == (domain, PROMPTED)


def _record(path: Path, room: Params) -> QueryRecord:
    """Return what a result is of; that of a student's cell is of the student, the cells are its seeds."""
    record = retrieval_record(path, ROOM)
    student = room.student_of(record.cell)
    return record.model_copy(update={"cell": student[0], "seed": student[1]}) if student else record


def _run(path: Path) -> dict[str, str]:
    """Read cell and seed from the place of a footprint: .../<cell>/s<seed>/<file>."""
    return {"cell": path.parts[-3], "seed": path.parts[-2][1:]}


if __name__ == "__main__":
    run(main)
