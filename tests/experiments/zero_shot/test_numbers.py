"""Numbers of H4, checked against plain averages: means over domains, retention, gains, students with seeds."""

from pathlib import Path

import numpy as np
import pytest

from crossmodal.experiments.zero_shot.claims import claims
from crossmodal.experiments.zero_shot.numbers import transfer_numbers
from crossmodal.experiments.zero_shot.params import Params
from crossmodal.experiments.zero_shot.transfer import chance_numbers
from crossmodal.statistics.chance import chance_recalls
from crossmodal.statistics.numbers import Number
from crossmodal.statistics.panel import Result
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.statistics.targets import targets_of
from judged import judged
from query_results import queries_of, write_result

STATISTICS = StatisticsParameters(resamples=500, bootstrap_seed=3)
DOMAINS = ["games", "maps"]
RATES = {"zero-shot": 0.4, "lora": 0.6, "half": 0.3, "lookup": 0.1}
ROOM = Params(
    domains=DOMAINS, cell="lora", baseline="zero-shot", probe="lookup",
    students={"half": {"cells": ["half-0", "half-1"]}},
)  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Result]:
    folder = tmp_path_factory.mktemp("zero-shot")
    return [
        write_result(folder, "zero_shot", cell, seed, domain, variant, rate, directions=2)
        for cell, rate in RATES.items()
        for seed in ((0,) if cell in ("zero-shot", "lookup") else (0, 1))
        for domain in DOMAINS
        for variant in (("clean",) if cell == "lookup" else ("clean", "prompts"))
    ]


@pytest.fixture(scope="module")
def numbers(results: list[Result]) -> dict[str, Number]:
    targets = targets_of(claims(ROOM, "target", {}))
    found = transfer_numbers(results, ROOM.domains, ROOM.domains, ROOM, STATISTICS, targets)
    assert len({number.number_id for number in found}) == len(found)
    return {number.number_id: number for number in found}


def value(results: list[Result], cell: str, domain: str, direction: str, variant: str = "clean") -> float:
    """Return the mean of recall@1 over queries, then over seeds."""
    own = [
        queries_of(result, direction)["recall@1"].mean()
        for result in results
        if (result.record.cell, result.record.dataset, result.record.variant) == (cell, domain, variant)
    ]
    return float(np.mean(own))


def test_the_mean_counts_each_domain_and_direction_once(results, numbers) -> None:
    expected = np.mean(
        [value(results, "lora", d, way) for d in DOMAINS for way in ("text_to_image", "image_to_text")]
    )
    assert numbers["zero_shot/lora/s*/domains/test/clean/mean/recall@1"].value == pytest.approx(expected)
    accuracy = numbers["zero_shot/lora/s*/games/test/prompts/image_to_text/accuracy@1"]
    assert accuracy.value == pytest.approx(value(results, "lora", "games", "image_to_text", "prompts"))


def test_retention_of_the_mean_is_the_ratio_of_the_means(results, numbers) -> None:
    own, base = (
        np.mean([value(results, cell, domain, "text_to_image") for domain in DOMAINS])
        for cell in ("lora", "zero-shot")
    )
    found = numbers["zero_shot/lora/s*/domains/test/clean/text_to_image/retention_recall@1"]
    assert found.value == pytest.approx(own / base) and found.ci_low < found.value < found.ci_high
    assert "zero_shot/zero-shot/s*/domains/test/clean/mean/retention_recall@1" not in numbers


def test_gains_are_over_students_and_of_cells(results, numbers) -> None:
    gain = numbers["zero_shot/lora/s*/domains/test/clean/mean/gain_over_half_recall@1"]
    mean = {
        cell: np.mean(
            [value(results, cell, d, way) for d in DOMAINS for way in ("text_to_image", "image_to_text")]
        )
        for cell in ("lora", "half")
    }
    assert gain.value == pytest.approx(mean["lora"] - mean["half"]) and gain.n_seeds == 2
    assert not any("/half/" in name and "gain_over_half" in name for name in numbers)
    assert numbers["zero_shot/lora/s*/domains/test/clean/mean/gain_over_lookup_recall@1"].n_seeds == 2
    over = {name.split("/")[1] for name in numbers if "gain_over_lookup" in name}
    assert over == {"lora", "half", "zero-shot"} and "gain_over_lookup_recall@10" in " ".join(numbers)
    beside = "zero_shot/lora/s*/domains/test/clean/mean/"
    assert numbers[f"{beside}aa_difference_recall@1"].value == pytest.approx(0, abs=0.1)
    assert numbers[f"{beside}smallest_visible_recall@1"].value > 0


def test_a_claim_is_judged_by_the_gain_over_all_domains(numbers) -> None:
    found = judged(claims(ROOM, "target", {}), numbers.values())
    assert list(found) == ["H4.half.recall@1", "H4.half.recall@10"]
    assert found["H4.half.recall@1"].verdict == "supported"


def test_a_claim_says_nothing_where_the_student_finds_no_more_than_a_probe(tmp_path: Path) -> None:
    rates = RATES | {"lookup": RATES["half"]}
    results = [
        write_result(tmp_path, "zero_shot", cell, seed, domain, "clean", rate, directions=2)
        for cell, rate in rates.items()
        for seed in ((0,) if cell in ("zero-shot", "lookup") else (0, 1))
        for domain in DOMAINS
    ]
    targets = targets_of(claims(ROOM, "target", {}))
    numbers = transfer_numbers(results, DOMAINS, [], ROOM, STATISTICS, targets)
    found = judged(claims(ROOM, "target", {}), numbers)["H4.half.recall@1"]
    assert found.verdict == "inconclusive"
    assert "what half finds beyond lookup, which sees no network is not clearly above zero" in found.note


def test_chance_is_of_each_domain_and_of_their_mean(results, tmp_path: Path) -> None:
    paths = []
    for record in [r.record for r in results if (r.record.cell, r.record.seed) == ("lora", 0)]:
        paths.append(tmp_path / record.dataset / "test" / record.variant / "queries.parquet")
        paths[-1].parent.mkdir(parents=True)
        paths[-1].write_bytes(record.path.read_bytes())
    found = {number.number_id: number.value for number in chance_numbers(paths, DOMAINS, DOMAINS)}
    own = chance_recalls(paths[0])["text_to_image"]
    assert found["zero_shot/chance/s*/games/test/clean/text_to_image/recall@5"] == own["recall@5"]
    mean = np.mean([found[f"zero_shot/chance/s*/{d}/test/clean/mean/recall@5"] for d in DOMAINS])
    assert found["zero_shot/chance/s*/domains/test/clean/mean/recall@5"] == pytest.approx(mean)
    assert "zero_shot/chance/s*/domains/test/prompts/image_to_text/accuracy@1" in found


def test_claims_about_a_single_student_are_beside_those_about_several() -> None:
    one = {"one": {"cells": ["one"]}}
    both = Params.model_validate(ROOM.model_dump() | {"students": ROOM.students | one})
    told = {claim.id.split(".")[1]: claim.beside for claim in claims(both, "target", {})}
    assert told == {"half": False, "one": True}
    alone = Params.model_validate(ROOM.model_dump() | {"students": one})
    assert not any(claim.beside for claim in claims(alone, "target", {}))


def test_a_student_of_one_seed_decides_nothing(results) -> None:
    few = [result for result in results if result.record.cell != "half" or result.record.seed == 0]
    targets = targets_of(claims(ROOM, "target", {}))
    numbers = transfer_numbers(few, ROOM.domains, ROOM.domains, ROOM, STATISTICS, targets)
    assert judged(claims(ROOM, "target", {}), numbers)["H4.half.recall@1"].verdict == "inconclusive"


def test_the_mean_of_classes_is_over_the_domains_that_have_some(results) -> None:
    some = [
        result for result in results if (result.record.dataset, result.record.variant) != ("maps", "prompts")
    ]
    numbers = transfer_numbers(some, ROOM.domains, ["games"], ROOM, STATISTICS)
    found = {number.number_id: number.value for number in numbers}
    place = "zero_shot/lora/s*/{}/test/prompts/image_to_text/accuracy@1"
    assert found[place.format("domains")] == found[place.format("games")]
    assert place.format("maps") not in found
    assert "zero_shot/lora/s*/domains/test/clean/mean/recall@1" in found


def test_the_cells_of_a_student_are_its_seeds() -> None:
    assert [ROOM.student_of(cell) for cell in ("half-0", "half-1", "lora")] == [
        ("half", 0),
        ("half", 1),
        None,
    ]
    assert ROOM.model_copy(update={"cells": ["full"]}).tried() == [
        "full",
        "lora",
        "zero-shot",
        "half-0",
        "half-1",
    ]


def test_a_cell_is_in_one_student(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="students: a stands there twice"):
        Params(students={"x": {"cells": ["a"]}, "y": {"cells": ["a"]}})
    with pytest.raises(ValueError, match="the cell that is compared with students is none itself"):
        Params(cell="a", students={"x": {"cells": ["a"]}})


def test_images_that_share_a_label_are_asked_by_their_classes_alone(results) -> None:
    numbers = transfer_numbers(results, ["games"], ROOM.domains, ROOM, STATISTICS)
    found = {number.number_id: number.value for number in numbers}
    place = "zero_shot/lora/s*/{}/test/clean/mean/recall@1"
    assert found[place.format("domains")] == found[place.format("games")]
    assert place.format("maps") not in found
    assert "zero_shot/lora/s*/maps/test/prompts/image_to_text/accuracy@1" in found
