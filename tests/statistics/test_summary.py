"""Numbers of a small made-up study, checked against plain averages and a loop over resamples."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from crossmodal.statistics.summary import summarise

from crossmodal.errors import UserError
from crossmodal.statistics.bootstrap import Resampler
from crossmodal.statistics.records import AdapterCard, EncoderCost, SearchRecord
from crossmodal.statistics.settings import HypothesisParameters, StatisticsParameters

STATISTICS = StatisticsParameters(resamples=400, bootstrap_seed=5)
ROLES = HypothesisParameters(search_cell="lora-r8")
IMAGES, CAPTIONS = 40, 3


def recalls(record, direction):
    table = pq.read_table(record.path).to_pandas()
    return table[table["direction"] == direction]


@pytest.fixture(scope="module")
def study(tmp_path_factory, result):
    folder = tmp_path_factory.mktemp("study")
    records = [result(folder, "peft", "zero-shot", 0, "openmoji", "clean", 0.3)]
    for seed in (0, 1):
        for cell, rate in (("full", 0.8), ("lora-r8", 0.75)):
            records += [
                result(folder, "peft", cell, seed, "openmoji", "clean", rate),
                result(folder, "peft", cell, seed, "fluent", "clean", 0.4, labels=range(20, 60)),
                result(folder, "robustness", cell, seed, "openmoji", "noise", 0.6),
                result(folder, "robustness", cell, seed, "openmoji", "jpeg", 0.5),
            ]
    for index, rate in (("flat", 0.7), ("ivf-pq", 0.5), ("ivf-pq+rerank", 0.6)):
        records.append(result(folder, "search", "lora-r8", 0, "openmoji", index, rate, directions=1))
    numbers = summarise(records, "openmoji", STATISTICS, ROLES)
    by_place = {(r.experiment, r.cell, r.seed, r.dataset, r.variant): r for r in records}
    return by_place, {number.number_id: number for number in numbers}


def test_quality_is_the_mean_over_queries(study):
    records, numbers = study
    for seed in (0, 1):
        rows = recalls(records["peft", "full", seed, "openmoji", "clean"], "text_to_image")
        number = numbers[f"peft/full/s{seed}/openmoji/test/clean/text_to_image/recall@1"]
        assert number.value == pytest.approx(rows["recall@1"].mean())
        assert number.ci_low < number.value < number.ci_high
        assert number.n_queries == IMAGES * CAPTIONS and number.unit == "fraction"
        assert number.source == str(records["peft", "full", seed, "openmoji", "clean"].path)


def test_aggregates_over_seeds(study):
    _, numbers = study
    place = "openmoji/test/clean/image_to_text"
    values = [numbers[f"peft/full/s{seed}/{place}/recall@1"].value for seed in (0, 1)]
    assert numbers[f"peft/full/s*/{place}/recall@1"].value == pytest.approx(np.mean(values))
    assert numbers[f"peft/full/s*/{place}/recall@1_std"].value == pytest.approx(np.std(values, ddof=1))
    assert numbers[f"peft/zero-shot/s*/{place}/recall@1_std"].value is None
    widths = [numbers[f"peft/full/{s}/{place}/recall@1"] for s in ("s0", "s*")]
    assert widths[1].ci_high - widths[1].ci_low < widths[0].ci_high - widths[0].ci_low


def test_retention_is_paired(study):
    """The interval is that of a loop over resamples that draws images for all cells at once."""
    records, numbers = study
    sums = {
        cell: recalls(records["peft", cell, 0, "openmoji", "clean"], "text_to_image")
        .groupby("cluster")["recall@1"]
        .sum()
        for cell in ("lora-r8", "full", "zero-shot")
    }
    weights = Resampler(IMAGES, 400, 5).weights  # clusters in sorted order, as groupby has them
    ratios, gains = [], []
    for row in weights:
        cell, full, zero = (float((row * sums[name]).sum()) for name in ("lora-r8", "full", "zero-shot"))
        ratios.append(cell / full)
        gains.append((cell - zero) / (full - zero))
    for name, samples in (("retention_recall@1", ratios), ("normalised_gain_recall@1", gains)):
        number = numbers[f"peft/lora-r8/s0/openmoji/test/clean/text_to_image/{name}"]
        assert (number.ci_low, number.ci_high) == pytest.approx(
            np.quantile(samples, [0.025, 0.975]), rel=1e-4
        )
    both = [
        numbers[f"peft/lora-r8/s*/openmoji/test/clean/{d}/retention_recall@5"].value
        for d in ("text_to_image", "image_to_text", "mean")
    ]
    assert both[2] == pytest.approx((both[0] + both[1]) / 2)
    place = "peft/lora-r8/s*/openmoji/test/clean/mean"
    assert numbers[f"{place}/difference_recall@1"].value < 0
    assert 0 < numbers[f"{place}/p_value_recall@1"].value <= 1
    assert "peft/full/s*/openmoji/test/clean/mean/retention_recall@1" not in numbers
    assert "peft/zero-shot/s*/openmoji/test/clean/mean/retention_recall@1" in numbers
    assert "peft/zero-shot/s*/openmoji/test/clean/mean/normalised_gain_recall@1" not in numbers


def test_degradation_of_shifts(study):
    _, numbers = study
    place = "{}/full/s1/openmoji/test/{}/text_to_image/{}recall@1"
    clean = numbers[place.format("peft", "clean", "")].value
    lost = {}
    for variant in ("noise", "jpeg"):
        shifted = numbers[place.format("robustness", variant, "")].value
        lost[variant] = numbers[place.format("robustness", variant, "degradation_")].value
        assert lost[variant] == pytest.approx((clean - shifted) / clean)
    place = "robustness/full/s1/openmoji/test/shifts-{}/text_to_image/degradation_recall@1"
    assert numbers[place.format("mean")].value == pytest.approx(np.mean(list(lost.values())))
    assert numbers[place.format("worst")].value == max(lost.values())
    place = "robustness/full/s*/openmoji/test/shifts-mean/{}/degradation_recall@10"
    parts = [numbers[place.format(d)].value for d in ("text_to_image", "image_to_text", "mean")]
    assert parts[2] == pytest.approx((parts[0] + parts[1]) / 2)


def test_degradation_to_another_dataset_is_paired_by_label(study):
    """Labels c20..c39 are shared by both sets and drawn together; 60 labels are drawn in all."""
    records, numbers = study
    weights = dict(zip(sorted(f"c{i}" for i in range(60)), Resampler(60, 400, 5).weights.T, strict=True))
    means = []
    for dataset in ("openmoji", "fluent"):
        rows = recalls(records["peft", "full", 0, dataset, "clean"], "image_to_text")
        drawn = np.stack([weights[label] for label in rows["label"]])
        means.append((rows["recall@1"].to_numpy() @ drawn) / drawn.sum(axis=0))
    samples = (means[0] - means[1]) / means[0]
    number = numbers["robustness/full/s0/fluent/test/clean/image_to_text/degradation_recall@1"]
    assert (number.ci_low, number.ci_high) == pytest.approx(np.quantile(samples, [0.025, 0.975]), abs=1e-5)
    assert number.ci_low < number.value < number.ci_high


def test_loss_of_approximate_search(study):
    _, numbers = study
    place = "search/lora-r8/s0/openmoji/test/{}/text_to_image/{}recall@10"
    flat, reranked = (numbers[place.format(i, "")].value for i in ("flat", "ivf-pq+rerank"))
    assert numbers[place.format("ivf-pq+rerank", "loss_")].value == pytest.approx(1 - reranked / flat)
    assert place.format("flat", "loss_") not in numbers


def test_a_model_that_finds_nothing_has_no_ratio(tmp_path, result):
    records = [
        result(tmp_path, "peft", cell, 0, "openmoji", "clean", rate)
        for cell, rate in (("full", 0.0), ("lora-r8", 0.2))
    ]
    records.append(result(tmp_path, "robustness", "full", 0, "openmoji", "noise", 0.0))
    numbers = {n.number_id: n for n in summarise(records, "openmoji", STATISTICS, ROLES)}
    for name in (
        "peft/lora-r8/s*/openmoji/test/clean/mean/retention_recall@1",
        "robustness/full/s*/openmoji/test/noise/mean/degradation_recall@1",
    ):
        assert (numbers[name].value, numbers[name].ci_low) == (None, None)


def test_the_same_numbers_twice_and_no_result_twice(tmp_path, result):
    record = result(tmp_path, "peft", "full", 0, "openmoji", "clean", 0.5)
    first, second = (summarise([record], "openmoji", STATISTICS, ROLES) for _ in range(2))
    assert first == second
    with pytest.raises(UserError, match="second result"):
        summarise([record, record], "openmoji", STATISTICS, ROLES)


def test_parameters(tmp_path):
    path = tmp_path / "card.json"
    path.write_text(json.dumps({"cell": "full", "seed": "0", "trainable": 1000, "total": 1000, "share": 1.0}))
    cards = AdapterCard.read(path) + [
        AdapterCard(
            cell="lora-r8", seed=seed, trainable=10, total=1000, towers={"image": 6, "text": 4},
            seconds=2.0 + seed,
        )
        for seed in (0, 1)
    ]  # fmt: skip
    cards[0] = cards[0].model_copy(update={"token_embeddings": 600})
    numbers = {n.number_id: n for n in summarise([], "openmoji", STATISTICS, ROLES, cards=cards)}
    place = "peft/lora-r8/s*/-/-/-/-/"
    saved = numbers[f"{place}saved_parameters"]
    assert saved.value == saved.ci_low == saved.ci_high == 0.99
    assert numbers[f"{place}saved_parameters_without_tokens"].value == pytest.approx(1 - 10 / 400)
    assert numbers[f"{place}parameters_trainable"].value == 10
    assert numbers[f"{place}parameters_trainable_text"].value == 4
    assert numbers[f"{place}training_seconds"].value == 2.5
    assert numbers["peft/full/s0/-/-/-/-/token_embeddings_share"].value == 0.6
    assert numbers["peft/full/s0/-/-/-/-/parameters_share"].source == str(path)


def test_encoder_latency_is_paired_by_round():
    """Every round is slow or fast for all cells alike: times spread, their ratio does not."""
    pace = np.random.default_rng(0).uniform(1, 3, size=41)
    records = [
        EncoderCost(
            cell=cell, form=form, modality=modality, samples_ms=list(pace * factor), batch_size=8,
            batch_samples_ms=list(pace[:5] * factor * 4), flops=1000, weight_bytes=5000,
            activation_bytes={"image": 300, "text": 200}[modality],
        )
        for cell, form, factor in (
            ("full", "merged", 10.0), ("lora-r8", "merged", 10.0), ("lora-r8", "unmerged", 12.0),
        )
        for modality in ("image", "text")
    ]  # fmt: skip
    numbers = {n.number_id: n for n in summarise([], "x", STATISTICS, ROLES, encoders=records)}
    place = "peft/lora-r8/s*/-/-/unmerged/-/"
    assert numbers[f"{place}latency_pair"].value == pytest.approx(2 * np.median(pace) * 12)
    assert numbers[f"{place}latency_pair"].ci_low < numbers[f"{place}latency_pair"].ci_high
    saved = numbers[f"{place}saved_latency_pair"]
    assert (saved.value, saved.ci_low, saved.ci_high) == pytest.approx((-0.2, -0.2, -0.2))
    rate = numbers[f"{place}throughput_pair"]
    assert rate.value == pytest.approx(1000 * 8 / (2 * np.median(pace[:5]) * 12 * 4)) and rate.unit == "1/s"
    assert rate.ci_low < rate.value < rate.ci_high
    exact = {name: numbers[place + name] for name in ("flops_pair", "memory_peak", "memory_activations_text")}
    assert [n.value for n in exact.values()] == [2000, 5300, 200]
    assert all(n.ci_low is None for n in exact.values())
    with pytest.raises(UserError, match="same rounds"):
        odd = EncoderCost(cell="c", form="merged", modality="text", samples_ms=[1.0])
        summarise([], "x", STATISTICS, ROLES, encoders=[*records, odd])


def test_search_numbers(tmp_path):
    path = tmp_path / "search.json"
    facts = {
        "cell": "lora-r8", "seed": 0, "dataset": "openmoji", "split": "test", "index": "ivf-pq+rerank",
        "items": 1000, "bytes": 64_000, "recall@10": [1.0, 0.5, 0.9, 0.8], "clusters": ["a", "a", "b", "c"],
        "samples_ms": list(range(1, 101)), "qps": 20.0, "rerank": {"samples_ms": [0.5] * 100},
    }  # fmt: skip
    path.write_text(json.dumps(facts))
    searches = SearchRecord.read(path)
    numbers = {n.number_id: n for n in summarise([], "openmoji", STATISTICS, ROLES, searches=searches)}
    place = "search/lora-r8/s*/openmoji/test/ivf-pq+rerank/text_to_image/"
    assert numbers[f"{place}index_recall@10"].value == pytest.approx(0.8)
    assert [numbers[f"{place}latency_p{p}"].value for p in (50, 95, 99)] == [50, 95, 99]
    assert numbers[f"{place}latency_p95"].ci_low < 95 < numbers[f"{place}latency_p95"].ci_high
    assert numbers[f"{place}latency_rerank_p95"].value == 0.5
    assert numbers[f"{place}bytes_per_item"].value == 64 and numbers[f"{place}qps"].unit == "1/s"
    path.write_text(json.dumps(facts | {"samples_ms": []}))
    with pytest.raises(UserError, match="samples_ms"):
        SearchRecord.read(path)
    with pytest.raises(UserError, match="No such file"):
        SearchRecord.read(tmp_path / "absent.json")


def test_what_is_zero_but_for_rounding_is_no_denominator() -> None:
    """A resample without any hit leaves 1e-9 in float32; a ratio to it would be a number without meaning."""
    from crossmodal.statistics.estimates import Estimate, ratio

    hits = Estimate(0.5, np.array([0.4, 0.5, 0.6]), 10, ("a",))
    few = Estimate(0.25, np.array([1e-9, 0.25, 0.5]), 10, ("b",))
    samples = ratio(hits, few).samples
    assert np.isnan(samples[0]) and samples[1:].tolist() == [2.0, 1.2]
