"""`crossmodal shift`: a shifted copy of a dataset."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from crossmodal import registry
from crossmodal.commands.toolkit import Source, check_dataset, written
from crossmodal.errors import UserError
from crossmodal.parameters import Parameters, nearest
from crossmodal.shifts.corruption_params import Corruption
from crossmodal.study.configuration import validate

CORRUPTIONS = get_args(Corruption)


def shift(
    source: Source,
    kind: Annotated[
        str,
        typer.Option(
            help="Of images: colour_jitter, pencil_sketch, resolution, stylisation, or one of the 19 corruptions "
            "of ImageNet-C by its name, such as jpeg_compression. Of captions: letter_case, synonym, typos, "
            "word_drop, word_order."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="OUT.parquet", help="Where the shifted dataset goes.")],
    severity: Annotated[
        int | None, typer.Option(help="Strength from 1 (hardly visible) to 5 (severe).")
    ] = None,
    size: Annotated[int | None, typer.Option(help="For resolution: the shorter side kept, px.")] = None,
    largest_loss: Annotated[
        float | None,
        typer.Option(
            help="Of images: share of them that may come out near-blank, or equal to another that they did not "
            "equal before; 0.01 by default."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the random numbers; each image and caption has its own.")] = 0,
) -> None:
    """Write a copy of a dataset under a shift of its images or of its captions.

    Everything else stays as it is, bit for bit. The same seed gives the same file.
    """
    from crossmodal.shifts.apply import shift_split

    params = shift_parameters(kind, {"severity": severity, "size": size, "largest_loss": largest_loss})
    check_dataset(source, filled=False)
    with written(out, source) as temporary:
        count = shift_split(source, temporary, params, seed)
    strength = ", ".join(
        f"{name} {value}" for name, value in (("severity", severity), ("size", size)) if value
    )
    print(
        f"{out}: {count} images, {'captions' if params.space == 'texts' else 'images'} under {kind}, {strength}"
    )


def shift_parameters(kind: str, options: dict[str, Any]) -> Any:
    """Return the typed parameters of the shift or corruption `kind`; options that are None were not given."""
    given = {name: value for name, value in options.items() if value is not None}
    if kind in CORRUPTIONS:
        values, kind = {"kind": "corruption", "name": kind, **given}, "corruption"
    else:
        values = {"kind": kind, **given}
    known = [name for name in registry.kinds("shifts") if name != "corruption"]
    if kind not in (*known, "corruption") or values == {"kind": "corruption", **given}:
        raise UserError(f"--kind: {nearest(kind, [*known, *CORRUPTIONS], 'shift')}")
    model: type[Parameters] = import_module(f"crossmodal.shifts.{kind}_params").Params
    return validate(model, values, f"--kind {values.get('name', kind)}")
