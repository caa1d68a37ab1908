"""What `shift`, `attack` and `evaluate` share: their dataset, their model, and files that are written whole."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.jobs.refusals import refusal

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP

Source = Annotated[
    Path, typer.Argument(metavar="IN.parquet", help="A dataset: images with captions (docs/toolkit.md).")
]
Model = Annotated[
    str,
    typer.Option(
        metavar="DIR_OR_HUB",
        help="A folder with open_clip_config.json and open_clip_model.safetensors, such as "
        "results/STUDY/models/MODEL, or ARCHITECTURE/PRETRAINED of open_clip's hub, such as "
        "ViT-B-32-quickgelu/openai.",
    ),
]
Adapter = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="A folder with adapter_config.json and adapter_model.safetensors, such as "
        "results/STUDY/adaptation/CELL/s0, to put on the model.",
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Images or captions in one forward pass.")]


def check_dataset(path: Path, *, filled: bool = True) -> None:
    """Raise UserError unless `path` is a dataset in the layout of docs/toolkit.md, with an image if `filled`."""
    import pyarrow as pa

    from crossmodal.data.tables import SCHEMA, read_table

    schema = _schema(path)
    for field in SCHEMA:
        if field.name not in schema.names:
            raise UserError(
                f"{path}: no column {field.name!r}; a dataset has {', '.join(SCHEMA.names)} (docs/toolkit.md)"
            )
        kind = schema.field(field.name).type
        if not _alike(kind, field.type):
            raise UserError(f"{path}: column {field.name!r} holds {kind}; in a dataset it holds {field.type}")
    table = read_table(path, ["image_id", "captions", "label"])
    columns = {name: table.column(name).combine_chunks() for name in table.column_names}
    columns["captions' list"] = pa.compute.list_flatten(columns["captions"])
    for name, column in columns.items():
        if column.null_count:
            raise UserError(f"{path}: column {name!r} has {column.null_count} empty (null) values; fill them")
    if filled and not len(table):
        raise UserError(f"{path}: the dataset is empty; there must be an image in it")


def _schema(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        return pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]})") from None


def _alike(found: Any, wanted: Any) -> bool:
    """Return whether two Arrow types hold the same to us: a large string is a string."""
    import pyarrow.types as of

    if of.is_struct(wanted):
        return of.is_struct(found) and all(
            any(field.name == own.name and _alike(own.type, field.type) for own in found) for field in wanted
        )
    if of.is_list(wanted):
        return (of.is_list(found) or of.is_large_list(found)) and _alike(found.value_type, wanted.value_type)
    if of.is_binary(wanted):
        return of.is_binary(found) or of.is_large_binary(found)
    return of.is_string(found) or of.is_large_string(found) or of.is_null(found)


@contextmanager
def naming_images(path: Path) -> Iterator[None]:
    """Name the image of the dataset `path` that cannot be decoded, where that ends the work with a ValueError."""
    try:
        yield
    except ValueError:
        from crossmodal.data.images import open_rgb
        from crossmodal.data.tables import read_examples

        for example in read_examples(path):
            try:
                open_rgb(example.image)
            except ValueError as error:
                raise UserError(f"{path}: image {example.image_id}: {error}") from None
        raise


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Turn what the machine refuses while `path` is written (a full disk, no permission) into one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if reason := refusal(error):
            raise UserError(f"{path}: {reason}") from error
        raise


@contextmanager
def written(path: Path, source: Path) -> Iterator[Path]:
    """Give a temporary path that becomes `path` at the end, or vanishes where the work ends with an error."""
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file in it")
    if path.exists() and path.samefile(source):
        raise UserError(f"{path}: is the input; write to another file")
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with refused(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_model(name: str, adapter: Path | None) -> "CLIP":
    """Return the model of `--model` with the adapter of `--adapter`, in eval(), on the GPU where there is one.

    Where the adapter's method can be merged it is merged. Raises UserError for what cannot be found or read.
    """
    from crossmodal.models import clip
    from crossmodal.models.hub_params import Params
    from crossmodal.study.configuration import validate
    from crossmodal.torch_setup import device

    folder = Path(name)
    if folder.is_dir():
        with _config_from_here(folder) as config:
            model = clip.load_clip(config, folder / "open_clip_model.safetensors")
    else:
        architecture, slash, pretrained = name.partition("/")
        if not architecture or not slash or "/" in pretrained or architecture in (".", ".."):
            raise UserError(
                f"--model {name}: no such folder, and not ARCHITECTURE/PRETRAINED of open_clip's hub either"
            )
        values = {"kind": "hub", "architecture": architecture, "pretrained": pretrained}
        params = validate(Params, values, f"--model {name} (no such folder, so a name of the hub)")
        model = registry.load("models", "hub").create(params, seed=0)
    if adapter is not None:
        from crossmodal.adaptation import methods

        paths = adapter / "adapter_config.json", adapter / "adapter_model.safetensors"
        for path in paths:
            if not path.is_file():
                raise UserError(
                    f"--adapter {adapter}: there is no {path.name} in it; give a folder such as "
                    "results/STUDY/adaptation/CELL/s0"
                )
        methods.merge(model, methods.load_adapter(model, *paths))
    return model.to(device()).eval()


@contextmanager
def _config_from_here(folder: Path) -> Iterator[Path]:
    """Give the configuration of the model in `folder`, in which a text tower's folder can be found from here.

    A study's models name it from the study's root, which need not be the folder that the command runs in.
    """
    from crossmodal.models.clip import read_config

    path = folder / "open_clip_config.json"
    config = read_config(path)
    text = config.get("model_cfg", {}).get("text_cfg", {})
    keys = [key for key in ("hf_model_name", "hf_tokenizer_name") if key in text]
    moved = {key: _near(folder, text[key]) for key in keys}
    if all(moved[key] == text[key] for key in keys):
        yield path
        return
    text.update(moved)
    with TemporaryDirectory() as scratch:
        rewritten = Path(scratch, path.name)
        rewritten.write_text(json.dumps(config), encoding="utf-8")
        yield rewritten


def _near(folder: Path, name: str) -> str:
    """Return the folder `name` where it is: here or, as from a study's root, below one of `folder`'s parents."""
    if Path(name).is_dir():
        return name
    return next((str(root / name) for root in folder.resolve().parents if (root / name).is_dir()), name)
