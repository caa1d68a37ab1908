"""A synthetic study of 24 cells, 15 shifts, other datasets and attacks, summed up by the real code."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crossmodal.statistics.summary import summarise

from crossmodal.report.page import ReportInputs
from crossmodal.statistics.hypotheses import judge, write_hypotheses
from crossmodal.statistics.metrics import METRICS
from crossmodal.statistics.numbers import Number, write_numbers
from crossmodal.statistics.queries import SCHEMA
from crossmodal.statistics.records import (
    AdapterCard,
    CellFacts,
    EncoderCost,
    QueryRecord,
    SanityCheck,
    ShiftFacts,
    ValidationRecall,
)
from crossmodal.statistics.settings import HypothesisParameters, SecondDomain, StatisticsParameters

IMAGES, CAPTIONS = 40, 2


class Made(NamedTuple):
    """How a synthetic cell is made up."""

    method: str
    trainable: int
    quality: float
    adversarial: bool = False
    dataset: str = "openmoji"


CELLS = {
    "zero-shot": Made("zero_shot", 0, 0.22),
    "linear": Made("linear", 65_536, 0.30),
    "bitfit": Made("bitfit", 8_832, 0.38),
    **{f"lora-r{r}": Made("lora", 4_608 * r, 0.36 + 0.01 * r**0.5) for r in (4, 8, 16, 32)},
    "lora-r8-qkvo": Made("lora", 49_152, 0.41),
    "lora-r8-mlp": Made("lora", 110_592, 0.44),
    "adapter-64": Made("adapter", 99_328, 0.43),
    "adapter-128": Made("adapter", 198_656, 0.45),
    "coop-8": Made("coop", 1_024, 0.28),
    "vpt-8": Made("vpt", 4_096, 0.30),
    "maple-8": Made("maple", 132_096, 0.34),
    "cocoop-8": Made("cocoop", 19_000, 0.31),
    "adalora": Made("adalora", 37_000, 0.42),
    "lora-r8-blocks": Made("lora_blocks", 430_000, 0.5),
    "full": Made("full", 7_579_905, 0.52),
    "lora-r8-pgd": Made("lora", 36_864, 0.34, True),
    "full-pgd": Made("full", 7_579_905, 0.48, True),
    "adapter-64-pgd": Made("adapter", 99_328, 0.40, True),
    "lora-r8-fare": Made("lora", 36_864, 0.33, True),
    "full-fluent": Made("full", 7_579_905, 0.5, dataset="fluent"),
    "lora-r8-fluent": Made("lora", 36_864, 0.42, dataset="fluent"),
}
SHIFTS = {
    **{f"gaussian-noise-{s}": ShiftFacts(kind="gaussian_noise", severity=s) for s in (1, 3, 5)},
    **{f"jpeg-{s}": ShiftFacts(kind="jpeg_compression", severity=s) for s in (2, 4)},
    "fog-3": ShiftFacts(kind="fog", severity=3),
    "painting-3": ShiftFacts(kind="stylisation", severity=3),
    "sketch-3": ShiftFacts(kind="pencil_sketch", severity=3),
    "resolution-16": ShiftFacts(kind="resolution"),
    **{
        f"{name.replace('_', '-')}-3": ShiftFacts(kind=name, severity=3, modality="texts")
        for name in ("typos", "word_drop", "word_order", "synonym", "letter_case")
    },
}
DATASETS = {"fluent": 0.8, "twemoji": 1.6, "monotone": 0.2}
ATTACKED = ("full", "lora-r8", "full-pgd", "lora-r8-pgd", "adapter-64-pgd", "lora-r8-fare")
SHIFTED = ("zero-shot", "bitfit", "lora-r16", *ATTACKED)  # not all, for the time it takes
THREATS = {
    "query-image": ("image_to_text", ("0", "2of255", "4of255", "8of255")),
    "gallery-image": ("text_to_image", ("0", "4of255", "8of255")),
    "text": ("text_to_image", ("0", "0.05", "0.1", "0.2")),
}
ROLES = HypothesisParameters(
    second=SecondDomain(dataset="fluent", peft="lora-r8-fluent", reference="full-fluent")
)
FACTS: dict[str, Any] = {
    "cells": {
        cell: {"dataset": m.dataset, "method": m.method, "adversarial": m.adversarial}
        for cell, m in CELLS.items()
    },
    "shifts": {name: facts.model_dump() for name, facts in SHIFTS.items()},
    "hypotheses": ROLES.model_dump(),
}


class Writer:
    """Writes query results under a folder; a query is answered if its own draw is below the rate."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rng = folder, np.random.default_rng(3)
        self.draws = {
            d: self.rng.random((IMAGES, count))
            for d, count in (("text_to_image", CAPTIONS), ("image_to_text", 1))
        }

    def write(
        self, experiment: str, cell: str, dataset: str, variant: str, rate: float, direction: str = ""
    ) -> QueryRecord:
        rows: list[dict[str, Any]] = []
        for d, draws in self.draws.items():
            noisy = draws + 0.1 * self.rng.standard_normal(draws.shape)
            for i, j in np.ndindex(noisy.shape) if direction in ("", d) else ():
                values = {m: float(noisy[i, j] < rate * (1.0 if m == "recall@1" else 1.5)) for m in METRICS}
                ids = {"query_id": f"{i}#{j}", "cluster": f"{i}", "label": f"c{i}", "rank": 1, "top": []}
                rows.append({"direction": d, **ids, **values})
        path = self.folder / f"{experiment}-{cell}-{dataset}-{variant}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
        return QueryRecord(
            experiment=experiment,
            cell=cell,
            seed=0,
            dataset=dataset,
            split="test",
            variant=variant,
            path=path,
        )


def queries(writer: Writer) -> list[QueryRecord]:
    records = []
    for cell, made in CELLS.items():
        for dataset, ease in {"openmoji": 1.0, **DATASETS}.items():
            at_home = 1.0 if dataset == made.dataset else 0.6
            records.append(writer.write("peft", cell, dataset, "clean", made.quality * ease * at_home))
        for place, shift in enumerate(SHIFTS) if cell in SHIFTED else ():
            kept = 1 - (0.05 + 0.06 * place) * (0.5 if made.adversarial else 1.0)
            records.append(writer.write("robustness", cell, "openmoji", shift, made.quality * kept))
    return records


def attacks(writer: Writer) -> list[QueryRecord]:
    records = []
    for cell in ATTACKED:
        for threat, (direction, labels) in THREATS.items():
            for place, label in enumerate(labels):
                kept = max(0.0, 1 - place * (0.15 if CELLS[cell].adversarial else 0.45))
                rate = CELLS[cell].quality * kept
                records.append(writer.write("attack", cell, "openmoji", f"{threat}-{label}", rate, direction))
    return records


def cards() -> list[AdapterCard]:
    made = []
    for cell, m in CELLS.items():
        robust = {f"robust_{d}": m.quality * 0.7 for d in ("text_to_image", "image_to_text")}
        recall = ValidationRecall(
            text_to_image=m.quality, image_to_text=m.quality, **(robust if m.adversarial else {})
        )
        made.append(
            AdapterCard(
                cell=cell, seed=0, trainable=m.trainable, total=7_579_905, token_embeddings=6_000_000,
                seconds=m.trainable**0.3 * (4 if m.adversarial else 1) if m.trainable else 0.0, epochs=8,
                validation=recall if m.trainable else None, source=f"{cell}/card.json",
            )
        )  # fmt: skip
    return made


def encoders() -> list[EncoderCost]:
    pace = np.random.default_rng(5).uniform(1, 1.2, size=20)
    costs = []
    for cell, m in CELLS.items():
        kept = m.method in ("adapter", "coop", "vpt", "maple", "cocoop")
        plain = m.method in ("zero_shot", "full", "linear", "bitfit")
        forms = ["unmerged"] if kept else ["merged"] if plain else ["merged", "unmerged"]
        for form in forms:
            for modality, time in (("image", 2.6), ("text", 1.3)):
                slower = (1.0 if form == "merged" else 1.35) * (1 + len(cell) / 100)
                costs.append(
                    EncoderCost(
                        cell=cell, form=form, modality=modality, samples_ms=list(pace * time * slower),
                        batch_size=32, batch_samples_ms=list(pace[:5] * 20 * time * slower),
                        flops=int(3e7 * time * slower), weight_bytes=30_000_000, activation_bytes=200_000,
                        source="latency.json",
                    )
                )  # fmt: skip
    return costs


def checks() -> list[SanityCheck]:
    return [
        SanityCheck(
            cell=cell, seed=0, name=name, statement=statement,
            measured={"recall@1, one step": 0.3, "loss, attack": 2.5},
            passed=(cell, name) != ("lora-r8-fare", "unbounded"), source="sanity.json",
        )
        for cell in ATTACKED
        for name, statement in STATEMENTS.items()
    ]  # fmt: skip


STATEMENTS = {
    "monotone": "Recall falls as epsilon grows.",
    "unbounded": "Recall is near zero at a radius without a bound.",
    "iterated": "Many steps find no less than one.",
}


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> list[Number]:
    """All numbers of the synthetic study."""
    writer = Writer(tmp_path_factory.mktemp("grid"))
    return summarise(
        queries(writer), "openmoji", StatisticsParameters(resamples=200), ROLES, cards(), encoders(),
        cells={cell: CellFacts.model_validate(facts) for cell, facts in FACTS["cells"].items()},
        shifts=SHIFTS, attacked=attacks(writer), sanity=checks(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def results(numbers: list[Number], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the study's results, as far as tables are filled from it."""
    folder = tmp_path_factory.mktemp("results")
    write_numbers(folder / "metrics.parquet", numbers)
    cells = {cell: CellFacts.model_validate(facts) for cell, facts in FACTS["cells"].items()}
    write_hypotheses(folder / "hypotheses.json", judge(numbers, "openmoji", ROLES, cells))
    study = {"adaptation": {"dataset": "openmoji", "cells": dict.fromkeys(CELLS)}}
    (folder / "study.json").write_text(json.dumps(study))
    (folder / "metrics.manifest.json").write_text(json.dumps({"spec": {"parameters": FACTS}}))
    return folder


@pytest.fixture(scope="session")
def grid_inputs(results: Path) -> ReportInputs:
    """The report of the synthetic study."""
    hypotheses = json.loads((results / "hypotheses.json").read_text())
    return ReportInputs(
        study="emoji-full",
        target="openmoji",
        numbers=pd.read_parquet(results / "metrics.parquet"),
        hypotheses=hypotheses,
        cells=list(CELLS),
        facts=FACTS,
        sanity=STATEMENTS,
        headline_cell="lora-r8",
    )
