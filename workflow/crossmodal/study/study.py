"""The whole study as one typed value: what params.yaml and its overlays may say, checked before any job.

Imported by the Snakefile and the command line only; a job gets its resolved spec instead (specs.py).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, create_model, model_serializer, model_validator
from pydantic_core import PydanticCustomError

from crossmodal import registry
from crossmodal.data.hub_pins import HubFile
from crossmodal.data.packages import Pinned
from crossmodal.errors import UserError
from crossmodal.models.base import VISION_TRANSFORMER, has_vision_transformer
from crossmodal.models.pretrained import TEXT_TOWERS
from crossmodal.parameters import Check, Name, Parameters, Seeds, merge, nearest
from crossmodal.provenance.closure import check_sources
from crossmodal.statistics.settings import StatisticsParameters
from crossmodal.study import students
from crossmodal.study.configuration import typed_scalars, validate
from crossmodal.study.sections import (
    Adaptation,
    AnyDataset,
    AnyModel,
    AnyShift,
    Compute,
    Embeddings,
    Evaluation,
    Report,
    SeedGroup,
)


class SetName(NamedTuple):
    """A set of images with captions: a split of a dataset, as it is (`clean`) or under a shift."""

    dataset: str
    split: str
    variant: str


class Study(Parameters):
    """A whole study. Its experiments are further keys of params.yaml, one a room (see `whole_study`)."""

    study: Name
    """Its name; outputs go to data/<name>/ and results/<name>/."""
    seeds: Seeds = [0]
    """Training seeds of every cell that neither names its own nor is in a group."""
    seed_groups: dict[Name, SeedGroup] = {}
    """Groups of cells with other seeds, such as the headline cells; a cell is in one at most."""
    datasets: dict[Name, AnyDataset]
    shifts: dict[Name, AnyShift] = {}
    models: dict[Name, AnyModel] = Field(min_length=1)
    """Base models; a cell that names none adapts the first that is not made from another."""
    adaptation: Adaptation
    embeddings: Embeddings = Embeddings()
    evaluation: Evaluation = Evaluation()
    statistics: StatisticsParameters = StatisticsParameters()
    report: Report
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _names_exist(self) -> "Study":
        for check in self._checks():
            for name in check.names:
                if name is not None and name not in check.known:
                    raise PydanticCustomError(
                        "unknown_name", "{key}: {problem}",
                        {"key": check.key, "problem": nearest(name, check.known, check.what)},
                    )  # fmt: skip
        grouped = [name for group in self.seed_groups.values() for name in group.cells]
        if twice := next((name for name in grouped if grouped.count(name) > 1), None):
            raise PydanticCustomError(
                "unknown_name", "seed_groups: cell {cell} stands in two groups", {"cell": twice}
            )
        if problem := students.bind_teachers(self):
            raise PydanticCustomError("unknown_name", "{problem}", {"problem": problem})
        for name, cell in self.adaptation.cells.items():
            if problem := self._misfit(name, cell.method):
                raise PydanticCustomError(
                    "unknown_name", "adaptation.cells.{cell}.method: {problem}",
                    {"cell": name, "problem": problem},
                )  # fmt: skip
        return self

    def _misfit(self, cell: str, method: Any) -> str | None:
        """Return why the method of `cell` cannot adapt its model, in words, if it cannot."""
        if getattr(method, "needs", None) != VISION_TRANSFORMER:
            return None
        fitting = [name for name, model in self.models.items() if has_vision_transformer(model.model_cfg())]
        model = self.model_of(cell)
        if model in fitting:
            return None
        tower = self.models[model].model_cfg()["vision_cfg"].get("timm_model_name", "a ResNet")
        others = f"model: {' or '.join(fitting)}" if fitting else "a model with one (none here has)"
        return (
            f"{method.kind} has image prompts, which need open_clip's vision transformer; the image tower of"
            f" models.{model} is {tower}; write {others}, or {method.instead}"
        )

    @model_serializer(mode="wrap")
    def _without_absent_rooms(self, serialise: Any) -> dict[str, Any]:
        """Leave out the experiments that the study does not name: what is not there depends on nothing."""
        values: dict[str, Any] = serialise(self)
        rooms = registry.rooms()
        return {key: value for key, value in values.items() if value is not None or key not in rooms}

    def _checks(self) -> Iterator[Check]:
        cells, evaluated = self.adaptation.cells, self.evaluated_datasets()
        for name, model in self.models.items():
            yield Check(f"models.{name}.datasets", model.datasets, self.datasets, "dataset")
            yield Check(f"models.{name}.validation", [model.validation], self.datasets, "dataset")
            yield Check(f"models.{name}.teacher", [students.teacher_of(model)], self.models, "model")
            yield Check(f"models.{name}.cell", [getattr(model, "cell", None)], cells, "cell")
        yield Check("adaptation.dataset", [self.adaptation.dataset], self.datasets, "dataset")
        yield Check("evaluation.domains", self.evaluation.domains, self.datasets, "dataset")
        for name, group in self.seed_groups.items():
            yield Check(f"seed_groups.{name}", group.cells, cells, "cell")
        for name, cell in cells.items():
            yield Check(f"adaptation.cells.{name}.dataset", [cell.dataset], evaluated, "evaluated dataset")
            yield Check(f"adaptation.cells.{name}.model", [cell.model], self.models, "model")
        yield Check("report.gallery_cell", [self.report.gallery_cell], cells, "cell")
        for name in self.rooms():
            for check in registry.room(name, "params").checks(self.room(name), self):
                yield check._replace(key=f"{name}.{check.key}")

    def rooms(self) -> list[str]:
        """Return the experiments that the study names, in the order of the report."""
        return [name for name in registry.rooms() if getattr(self, name, None) is not None]

    def room(self, name: str) -> Any:
        """Return the parameters of an experiment that the study names."""
        return getattr(self, name)

    def probes_asked_for(self) -> list[str]:
        """Return the baselines without a network that the study has."""
        return self.room("probes").probes if "probes" in self.rooms() else []

    def seeds_of(self, cell: str) -> list[int]:
        """Return the training seeds of `cell`."""
        groups = (group.seeds for group in self.seed_groups.values() if cell in group.cells)
        return self.adaptation.cells[cell].seeds or next(groups, self.seeds)

    def runs(self) -> Iterator[tuple[str, int]]:
        """Yield every (cell, seed) of the grid in the order of params.yaml."""
        for cell in self.adaptation.cells:
            for seed in self.seeds_of(cell):
                yield cell, seed

    def first_model(self) -> str:
        """Return the base model of whatever names none: the first that adapts by default."""
        first = next((name for name, model in self.models.items() if model.adapts_by_default()), None)
        return first or next(iter(self.models))

    def model_of(self, cell: str) -> str:
        """Return the base model that `cell` adapts, the study's first unless it names one."""
        return self.adaptation.cells[cell].model or self.first_model()

    def used_models(self) -> list[str]:
        """Return the base models that some cell adapts, and their teachers, in the order of params.yaml."""
        adapted = {self.model_of(cell) for cell in self.adaptation.cells}
        used = {name for model in adapted for name in students.lineage(self, model)}
        return [name for name in self.models if name in used]

    def packages(self) -> dict[str, Pinned]:
        """Return the source packages of datasets and models, by the names of their files."""
        pinned = [p for name in self.used_datasets() for p in self.datasets[name].packages()]
        pinned += [p for name in self.used_models() for p in self.models[name].packages()]
        return {package.file_name: package for package in pinned if not isinstance(package, HubFile)}

    def hub_files(self) -> dict[str, HubFile]:
        """Return the files of the Hugging Face hub that are fetched, by the names that they have here."""
        pinned = [p for name in self.used_datasets() for p in self.datasets[name].packages()]
        pinned += [p for name in self.used_models() for p in self.models[name].packages()]
        return {file.file_name: file for file in pinned if isinstance(file, HubFile)}

    def text_towers(self) -> list[str]:
        """Return the published text towers that the base models have, each once."""
        texts = [getattr(self.models[name], "text", None) for name in self.used_models()]
        weights = [getattr(text, "weights", None) for text in texts]
        return list(dict.fromkeys(name for name in weights if name in TEXT_TOWERS))

    def target_of(self, cell: str) -> str:
        """Return the dataset that `cell` is adapted to."""
        return self.adaptation.cells[cell].dataset or self.adaptation.dataset

    def evaluated_datasets(self) -> list[str]:
        """Return the datasets whose test split every cell is evaluated on, the study's target first."""
        return [self.adaptation.dataset, *self.evaluation.domains]

    def visits_domains(self, cell: str) -> bool:
        """Return whether a cell is evaluated on other domains: what is compared as it is has nothing to forget."""
        model, method = self.models[self.model_of(cell)], self.adaptation.cells[cell].method
        return bool(self.evaluation.domains) and (model.adapts_by_default() or method.kind != "zero_shot")

    def target_sets(self) -> list[SetName]:
        """Return the target's test split."""
        return [SetName(self.adaptation.dataset, "test", "clean")]

    def domain_sets(self) -> list[SetName]:
        """Return the test splits of the other domains."""
        return [SetName(name, "test", "clean") for name in self.evaluation.domains]

    def used_datasets(self) -> list[str]:
        """Return the datasets that some job reads, in the order of params.yaml."""
        used = set(self.evaluated_datasets())
        for name in self.used_models():
            used.update([*self.models[name].datasets, self.models[name].validation])
        for name in self.rooms():
            module = registry.room(name, "params")
            used.update(module.datasets(self.room(name)) if hasattr(module, "datasets") else [])
        return [name for name in self.datasets if name in used]


def whole_study() -> type[Study]:
    """Return `Study` with a key for each experiment that there is; one that is not given is None."""
    rooms: dict[str, Any] = {
        name: (registry.room(name, "params").Params | None, Field(default=None)) for name in registry.rooms()
    }
    return create_model("Study", __base__=Study, __doc__="A whole study.", **rooms)


def load_study(defaults: dict[str, Any], overrides: dict[str, Any]) -> Study:
    """Return the study that `defaults` (params.yaml) with `overrides` (overlays, --config) describes.

    Raises UserError with one line that names the first wrong key, what it got and what it accepts.
    """
    return validate(whole_study(), merge(defaults, typed_scalars(overrides)), "parameters")


def check_files(study: Study) -> None:
    """Raise UserError if a file of the user's own that a dataset is built from does not exist.

    Or if there are two files of one module, of which a digest of the code would be that of the wrong one.
    """
    check_sources()
    for name in study.used_datasets():
        for key, path in study.datasets[name].files().items():
            if not Path(path).is_file():
                raise UserError(f"parameters: datasets.{name}.{key}: got {path!r}, which is no file here")
