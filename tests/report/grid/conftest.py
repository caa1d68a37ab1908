"""A synthetic study of 24 cells, 15 shifts, other datasets and attacks, summed up by the real code."""

import json
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from crossmodal.experiments.peft.claims import claims as h1_claims
from crossmodal.experiments.peft.numbers import peft_numbers
from crossmodal.experiments.peft.params import Params as Peft
from crossmodal.experiments.peft.records import EncoderCost
from crossmodal.experiments.robustness.claims import claims as h2_claims
from crossmodal.experiments.robustness.numbers import attacked_numbers, shift_numbers
from crossmodal.experiments.robustness.params import Params as Robustness
from crossmodal.experiments.robustness.records import RobustRecall, SanityCheck, ShiftFacts
from crossmodal.experiments.robustness.sanity import sanity_numbers
from crossmodal.experiments.robustness.selection import selection_numbers
from crossmodal.report.lookup import Numbers
from crossmodal.report.page import ReportInputs
from crossmodal.report.section import grid_of
from crossmodal.statistics.card import AdapterCard, ValidationRecall
from crossmodal.statistics.cells import cell_numbers
from crossmodal.statistics.hypotheses import judge
from crossmodal.statistics.numbers import Number, write_numbers
from crossmodal.statistics.panel import Result
from crossmodal.statistics.records import cell_facts
from crossmodal.statistics.settings import StatisticsParameters
from drawn_sections import draw_all
from paired_results import Writer


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
ROLES: dict[str, dict[str, Any]] = {
    "peft": {
        "cell": "lora-r8", "reference": "full", "baseline": "zero-shot",
        "elsewhere": {"fluent": {"cell": "lora-r8-fluent", "reference": "full-fluent", "baseline": "zero-shot"}},
    },
    "robustness": {"adversarial": "lora-r8-pgd", "standard": "full"},
}  # fmt: skip
FACTS: dict[str, Any] = {
    cell: {"dataset": m.dataset, "model": "towers", "method": m.method, "adversarial": m.adversarial}
    for cell, m in CELLS.items()
}
VARIANTS = {name: facts.model_dump() for name, facts in SHIFTS.items()}
STATISTICS = StatisticsParameters(resamples=200)


def queries(writer: Writer) -> list[Result]:
    found = []
    for cell, made in CELLS.items():
        for dataset, ease in {"openmoji": 1.0, **DATASETS}.items():
            at_home = 1.0 if dataset == made.dataset else 0.6
            found.append(writer.write("peft", cell, dataset, "clean", made.quality * ease * at_home))
        for place, shift in enumerate(SHIFTS) if cell in SHIFTED else ():
            kept = 1 - (0.05 + 0.06 * place) * (0.5 if made.adversarial else 1.0)
            found.append(writer.write("robustness", cell, "openmoji", shift, made.quality * kept))
    return found


def attacks(writer: Writer) -> list[Result]:
    found = []
    for cell in ATTACKED:
        for threat, (direction, labels) in THREATS.items():
            for place, label in enumerate(labels):
                kept = max(0.0, 1 - place * (0.15 if CELLS[cell].adversarial else 0.45))
                rate = CELLS[cell].quality * kept
                found.append(writer.write("attack", cell, "openmoji", f"{threat}-{label}", rate, direction))
    return found


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


def recalls() -> list[RobustRecall]:
    return [
        RobustRecall(
            cell=cell, seed=0, text_to_image=m.quality * 0.7, image_to_text=m.quality * 0.7,
            clean_text_to_image=m.quality, clean_image_to_text=m.quality, source="robust.json",
        )
        for cell, m in CELLS.items()
        if m.adversarial or cell in ("full", "lora-r8", "adapter-64")
    ]  # fmt: skip


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


def sums(writer: Writer) -> list[Number]:
    """Return what the jobs of a study with these results compute."""
    cells, made, roles = cell_facts(FACTS), cards(), Peft.model_validate(ROLES["peft"])
    twins = {cell: cell.rpartition("-")[0] for cell, m in CELLS.items() if m.adversarial}
    results = queries(writer)
    clean = [result for result in results if result.record.variant == "clean"]
    return [
        *cell_numbers(clean, made, cells, STATISTICS),
        *peft_numbers(clean, made, encoders(), "openmoji", cells, roles, STATISTICS),
        *shift_numbers(results, "openmoji", cells, SHIFTS, STATISTICS),
        *attacked_numbers(attacks(writer), STATISTICS),
        *sanity_numbers(checks()),
        *selection_numbers(cells, twins, recalls()),
    ]


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> list[Number]:
    """All numbers of the synthetic study."""
    return sums(Writer(tmp_path_factory.mktemp("grid")))


@pytest.fixture(scope="session")
def grid_inputs(numbers: list[Number], tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """The report of the synthetic study."""
    folder = tmp_path_factory.mktemp("results")
    write_numbers(folder / "metrics.parquet", numbers)
    sanity = folder / "sanity.json"
    sanity.write_text(json.dumps([check.model_dump(mode="json") for check in checks()]))
    frame, found = pd.read_parquet(folder / "metrics.parquet"), Numbers.read(folder / "metrics.parquet")
    claims = [
        *h1_claims(Peft.model_validate(ROLES["peft"]), "openmoji", cell_facts(FACTS)),
        *h2_claims(Robustness.model_validate(ROLES["robustness"]), "openmoji", cell_facts(FACTS)),
    ]
    return ReportInputs(
        study="emoji-full",
        grid=grid_of({"target": "openmoji", "cells": FACTS}, found, ["lora-r8"]),
        numbers=found,
        hypotheses=[asdict(hypothesis) for hypothesis in judge(claims, numbers)],
        questions=draw_all(frame, FACTS, folder, ROLES, VARIANTS, [sanity]),
        headline_cell="lora-r8",
    )


@pytest.fixture(scope="session")
def facts() -> dict[str, Any]:
    """What jobs know of the synthetic study: its cells, its shifts and the parts that cells have in claims."""
    return {"cells": FACTS, "shifts": VARIANTS, "roles": ROLES}
