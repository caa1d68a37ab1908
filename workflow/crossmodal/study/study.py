"""The whole study as one typed value: what params.yaml and its overlays may say, checked before any job.

Imported by the Snakefile and the command line only; a job gets its resolved spec instead (specs.py).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crossmodal.errors import UserError
from crossmodal.experiments.robustness.threats import variants
from crossmodal.parameters import Name, Parameters, nearest
from crossmodal.statistics.settings import HypothesisParameters
from crossmodal.study.configuration import merge, typed_scalars, validate
from crossmodal.study.sections import (
    Adaptation,
    AnyDataset,
    AnyShift,
    Compute,
    Embeddings,
    Evaluation,
    Pretraining,
    Report,
    Reranking,
    Search,
    SeedGroup,
)

CELL_ROLES = ("reference", "baseline", "peft", "adversarial", "standard", "search_cell")
INDEX_ROLES = ("search_index", "exhaustive")
RERANKED = "+rerank"  # ends the name of a way to search that puts an index's candidates in order


class SetName(NamedTuple):
    """A set of images with captions: a split of a dataset, as it is (`clean`) or under a shift."""

    dataset: str
    split: str
    variant: str


class Study(Parameters):
    """A whole study."""

    study: Name
    """Its name; outputs go to data/<name>/ and results/<name>/."""
    seeds: list[int] = Field(default=[0], min_length=1)
    """Training seeds of every cell that neither names its own nor is in a group."""
    seed_groups: dict[Name, SeedGroup] = {}
    """Groups of cells with other seeds, such as the headline cells; a cell is in one at most."""
    datasets: dict[Name, AnyDataset]
    shifts: dict[Name, AnyShift] = {}
    pretraining: Pretraining
    adaptation: Adaptation
    embeddings: Embeddings = Embeddings()
    evaluation: Evaluation = Evaluation()
    search: Search = Search()
    reranking: Reranking = Reranking()
    hypotheses: HypothesisParameters = HypothesisParameters()
    report: Report
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        cells, indexes = self.adaptation.cells, self.search.indexes
        evaluated = (self.adaptation.dataset, *self.evaluation.domains)
        attackable = [name for name in cells if self.target_of(name) == self.adaptation.dataset]
        for key, names, known, what in (
            ("pretraining.datasets", self.pretraining.datasets, self.datasets, "dataset"),
            ("pretraining.validation", _listed(self.pretraining.validation), self.datasets, "dataset"),
            ("adaptation.dataset", [self.adaptation.dataset], self.datasets, "dataset"),
            ("evaluation.domains", self.evaluation.domains, self.datasets, "dataset"),
            ("evaluation.shifts", self.evaluation.shifts, self.shifts, "shift"),
            ("evaluation.encoders.cells", self.evaluation.encoders.cells, cells, "cell"),
            ("evaluation.attacks.cells", self.evaluation.attacks.cells, attackable, "cell of the target"),
            ("search.cells", self.search.cells, cells, "cell"),
            ("search.distractors", self.search.distractors, self.datasets, "dataset"),
            ("reranking.indexes", self.reranking.indexes, indexes, "index"),
            *(
                (f"seed_groups.{name}", group.cells, cells, "cell")
                for name, group in self.seed_groups.items()
            ),
            *(
                (f"adaptation.cells.{name}.dataset", _listed(cell.dataset), evaluated, "evaluated dataset")
                for name, cell in cells.items()
            ),
            *((f"hypotheses.{role}", self._role(role), cells, "cell") for role in CELL_ROLES),
            *(
                (f"hypotheses.second.{role}", [name], known, what)
                for role, name, known, what in self._second_roles(evaluated)
            ),
            *((f"hypotheses.{role}", self._role(role), indexes, "index") for role in INDEX_ROLES),
            ("report.gallery_cell", [self.report.gallery_cell], cells, "cell"),
        ):
            for name in names:
                if name not in known:
                    raise PydanticCustomError(
                        "unknown_name", "{key}: {problem}",
                        {"key": key, "problem": nearest(name, known, what)},
                    )  # fmt: skip
        grouped = [name for group in self.seed_groups.values() for name in group.cells]
        if twice := next((name for name in grouped if grouped.count(name) > 1), None):
            raise PydanticCustomError(
                "unknown_name", "seed_groups: cell {cell} stands in two groups", {"cell": twice}
            )
        trained = self.pretraining.training is not None
        if trained != bool(self.pretraining.datasets) or trained != (self.pretraining.model.kind != "hub"):
            raise PydanticCustomError(
                "pretraining",
                "pretraining: a model trained here needs datasets and training, one from a hub neither",
            )
        return self

    def attacked_runs(self) -> Iterator[tuple[str, int]]:
        """Yield the (cell, seed) that are evaluated under attack."""
        attacks = self.evaluation.attacks
        for cell in attacks.cells if attacks.threats else ():
            seeds = self.seeds_of(cell)
            yield from ((cell, seed) for seed in (seeds if attacks.every_seed else seeds[:1]))

    def attacked_sets(self) -> list[SetName]:
        """Return the attacked variants of the target's test split."""
        return [SetName(self.adaptation.dataset, "test", name) for name in variants(self.evaluation.attacks)]

    def _second_roles(self, evaluated: tuple[str, ...]) -> Iterator[tuple[str, str, Iterable[str], str]]:
        second = self.hypotheses.second
        if second is None:
            return
        own = [name for name in self.adaptation.cells if self.target_of(name) == second.dataset]
        yield "dataset", second.dataset, evaluated, "evaluated dataset"
        for role in ("peft", "reference"):
            yield role, getattr(second, role), own, f"cell adapted to {second.dataset}"

    def _role(self, role: str) -> Iterable[str]:
        return _listed(getattr(self.hypotheses, role))

    def seeds_of(self, cell: str) -> list[int]:
        """Return the training seeds of `cell`."""
        groups = (group.seeds for group in self.seed_groups.values() if cell in group.cells)
        return self.adaptation.cells[cell].seeds or next(groups, self.seeds)

    def runs(self) -> Iterator[tuple[str, int]]:
        """Yield every (cell, seed) of the grid in the order of params.yaml."""
        for cell in self.adaptation.cells:
            for seed in self.seeds_of(cell):
                yield cell, seed

    def search_runs(self) -> Iterator[tuple[str, int]]:
        """Yield the (cell, seed) whose embeddings are indexed."""
        for cell in self.search.cells:
            yield cell, self.seeds_of(cell)[0]

    def sets(self, kind: str) -> list[SetName]:
        """Return the sets of a kind, the target's own first.

        `clean` are the test splits that cells are evaluated on as they are, `shifted` those under a shift,
        `galleries` what search needs beside them.
        """
        target = self.adaptation.dataset
        if kind == "clean":
            return [SetName(name, "test", "clean") for name in (target, *self.evaluation.domains)]
        if kind == "shifted":
            return [SetName(target, "test", shift) for shift in self.evaluation.shifts]
        own = [SetName(target, split, "clean") for split in ("train", "val")]
        return own + [SetName(name, "train", "clean") for name in self.search.distractors]

    def target_of(self, cell: str) -> str:
        """Return the dataset that `cell` is adapted to."""
        return self.adaptation.cells[cell].dataset or self.adaptation.dataset

    def evaluated_kinds(self, cell: str) -> list[str]:
        """Return the kinds of sets that `cell` is evaluated on: shifts are those of the study's target."""
        shifted = self.sets("shifted") and self.target_of(cell) == self.adaptation.dataset
        return ["clean", "shifted"] if shifted else ["clean"]

    def evaluated_sets(self, cell: str) -> list[SetName]:
        """Return the sets that `cell` is evaluated on, the study's clean target first."""
        return [name for kind in self.evaluated_kinds(cell) for name in self.sets(kind)]

    def gallery_sets(self, split: str) -> list[SetName]:
        """Return the sets in the gallery of `split`: the target's own images first, then distractors."""
        own = SetName(self.adaptation.dataset, split, "clean")
        return [own, *(SetName(name, "train", "clean") for name in self.search.distractors)]

    def pipelines(self) -> list[str]:
        """Return the ways to search that are measured: each index, and each index with its re-ranker."""
        return [*self.search.indexes, *(f"{name}{RERANKED}" for name in self.reranking.indexes)]

    @staticmethod
    def index_of(pipeline: str) -> str:
        """Return the index of a way to search."""
        return pipeline.removesuffix(RERANKED)

    @staticmethod
    def is_reranked(pipeline: str) -> bool:
        """Return whether a way to search has a re-ranker."""
        return pipeline.endswith(RERANKED)

    def used_datasets(self) -> list[str]:
        """Return the datasets that some job reads, in the order of params.yaml."""
        used = {
            *self.pretraining.datasets, *_listed(self.pretraining.validation), self.adaptation.dataset,
            *self.evaluation.domains, *(self.search.distractors if self.search.cells else []),
        }  # fmt: skip
        return [name for name in self.datasets if name in used]


def _listed(name: str | None) -> Iterable[str]:
    return [name] if name is not None else []


def load_study(defaults: dict[str, Any], overrides: dict[str, Any]) -> Study:
    """Return the study that `defaults` (params.yaml) with `overrides` (overlays, --config) describes.

    Raises UserError with one line that names the first wrong key, what it got and what it accepts.
    """
    return validate(Study, merge(defaults, typed_scalars(overrides)), "parameters")


def check_files(study: Study) -> None:
    """Raise UserError if a file of the user's own that a dataset is built from does not exist."""
    for name in study.used_datasets():
        for key, path in study.datasets[name].files().items():
            if not Path(path).is_file():
                raise UserError(f"parameters: datasets.{name}.{key}: got {path!r}, which is no file here")
