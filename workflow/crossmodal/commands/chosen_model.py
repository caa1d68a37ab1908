"""The model that a command is to use, by `--model` and `--adapter` or by `--study` and `--cell`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal.commands.context import is_overlay, name_of, overlays_of, resolve
from crossmodal.errors import UserError
from crossmodal.parameters import nearest
from crossmodal.provenance.digests import md5

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="DIR_OR_HUB",
        help="A folder with open_clip_config.json and open_clip_model.safetensors, such as "
        "results/STUDY/models/MODEL, or ARCHITECTURE/PRETRAINED of open_clip's hub.",
    ),
]
Cell = Annotated[
    str | None, typer.Option(help="A cell of the study: its base model with the adapter that it trained.")
]
CellSeed = Annotated[
    int | None, typer.Option("--cell-seed", help="Which of the cell's runs; its first if not given.")
]


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """A model and the adapter on it, as `toolkit.load_model` takes them."""

    name: str
    """A folder, or ARCHITECTURE/PRETRAINED of open_clip's hub."""
    adapter: Path | None

    def load(self) -> "CLIP":
        """Return the model in eval(), on the GPU where there is one; UserError for what cannot be read."""
        from crossmodal.commands.toolkit import load_model

        return load_model(self.name, self.adapter)

    def digest(self) -> str:
        """Return what tells this model from others, as a study's embeddings have it in `model`.

        MD5 of its weights, "+", MD5 of its adapter's; of one from the hub, its name.
        """
        weights = Path(self.name) / "open_clip_model.safetensors"
        if Path(self.name).is_dir() and not weights.is_file():
            raise UserError(f"{weights}: no such weights file")
        digest = md5(weights) if weights.is_file() else f"hub:{self.name}"
        if self.adapter is None:
            return digest
        adapter = self.adapter / "adapter_model.safetensors"
        if not adapter.is_file():
            raise UserError(f"--adapter {self.adapter}: there is no {adapter.name} in it")
        return f"{digest}+{md5(adapter)}"

    def described(self) -> dict[str, str]:
        """Return what embeddings say of the model that made them; paths are absolute."""
        place = str(Path(self.name).resolve()) if Path(self.name).is_dir() else self.name
        adapter = {"adapter": str(self.adapter.resolve())} if self.adapter else {}
        return {"model": self.digest(), "model_name": place, **adapter}


def choose_model(
    model: str | None, adapter: Path | None, study: str | None, cell: str | None, seed: int | None
) -> ChosenModel:
    """Return the model that these options name together; UserError where they name none or two."""
    if study is None and cell is None:
        if model is None:
            raise UserError(
                "no model given; name one with --model, or with --study and --cell (docs/searching.md)"
            )
        return ChosenModel(model, adapter)
    if model is not None or adapter is not None:
        raise UserError("--study and --cell name a model, and so does --model; give one of the two")
    return cell_model(study, cell, seed)


def cell_model(study: str | None, cell: str | None, seed: int | None) -> ChosenModel:
    """Return the model of a cell of a study that was run in this folder; None for the default study's name."""
    name = name_of(study)
    results = Path("results") / name
    cells = _grid(study, results)
    if cell not in cells:
        problem = "no cell given" if cell is None else nearest(cell, cells, "cell")
        known = f" (has: {', '.join(cells)})" if cell is None else ""
        raise UserError(f"--cell of study {name}: {problem}{known}")
    folder = results / "adaptation" / cell
    seeds = sorted(int(s.name[1:]) for s in folder.glob("s*") if s.name[1:].isdecimal())
    adapter = folder / f"s{seed if seed is not None else (seeds or [0])[0]}"
    if not (adapter / "adapter_model.safetensors").is_file():
        there = f"; there are seeds {', '.join(map(str, seeds))}" if seeds else ""
        raise UserError(
            f"{adapter}: no trained adapter there{there}; run the study first (`make study` runs the default one)"
        )
    return ChosenModel(str(results / "models" / cells[cell]), adapter)


def _grid(study: str | None, results: Path) -> dict[str, str]:
    """Return the study's cells with the model that each adapts: as recorded, else as described."""
    path = results / "study.json"
    if path.is_file():
        try:
            recorded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return {name: _text(cell["model"]) for name, cell in recorded["adaptation"]["cells"].items()}
        except (ValueError, LookupError, TypeError, AttributeError):
            raise UserError(f"{path}: not the record of a study; remove it and run again") from None
    described = resolve([Path(study)] if study and is_overlay(study) else overlays_of(study))
    return {name: described.model_of(name) for name in described.adaptation.cells}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value
