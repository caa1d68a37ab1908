"""Job: fit every method to every number of shots of one set and draw, and classify the test images."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from crossmodal import registry
from crossmodal.classifiers.base import Fitted
from crossmodal.data.shots import check_shots
from crossmodal.errors import UserError
from crossmodal.experiments.few_shot.features import Features, Head, read_features, read_head
from crossmodal.experiments.few_shot.fitting import Images, drawn, fit_all, seen_by, sees_pixels, task_of
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.torch_setup import prepare_torch

ANSWERS = pa.schema(
    [
        ("method", pa.string()),
        ("shots", pa.int32()),
        ("dataset", pa.string()),
        ("image_id", pa.string()),
        ("cluster", pa.string()),
        ("label", pa.string()),
        ("answer", pa.string()),
    ]
)
"""A row for each test image, method and number of shots: what it is, and what it was taken for."""


def main(
    config: In, weights: In, tower: Ins, train: In, validation: In, test: In, head: In, elsewhere: Ins,
    answers: Out, fits: Out, shots: Out, spec: Spec,
) -> None:  # fmt: skip
    values, wildcards = spec["parameters"], spec["wildcards"]
    prepare_torch(spec["threads"], spec["seed"])
    images, found = Images(*(read_features(path) for path in (train, validation, test))), read_head(head)
    if values["short_classes"] == "refuse":
        check_shots(images.train.labels, max(values["shots"]), f"{wildcards['dataset']}, train split")
    targets = {wildcards["dataset"]: images.test}
    for name, path in zip(values["elsewhere"], elsewhere, strict=True):
        targets[name] = of_classes(read_features(path), found, name)
    encode = prompt_encoder(values["methods"], config, weights, found)
    tables: list[pa.Table] = []
    records: list[dict[str, Any]] = []
    taken: dict[str, list[str]] = {}
    for count in values["shots"]:
        own = drawn(images, count, values["draw"], values["validation_shots"])
        taken[str(count)] = own.train.ids
        task = task_of(own, found, count, encode)
        for name, kind, fitted in fit_all(task, values["methods"], values["reference"], values["draw"]):
            tables += [answer(fitted, kind, name, count, *target, found) for target in targets.items()]
            watched = (task.pixels if sees_pixels(kind) and task.pixels else task.splits).validation
            right = (answers_of(fitted, watched.features[:, 0]) == watched.labels).float().mean()
            records.append(
                {
                    "method": name,
                    "model": wildcards["model"],
                    "dataset": wildcards["dataset"],
                    "draw": values["draw"],
                    "shots": count,
                    "parameters": fitted.parameters,
                    "stored": fitted.stored,
                    "chosen": fitted.chosen,
                    "validation_accuracy": float(right),
                }
            )
    pq.write_table(pa.concat_tables(tables), answers, compression="zstd")
    fits.write_text(json.dumps(records, indent=1) + "\n")
    shots.write_text(json.dumps({"classes": len(found.classes), "images": taken}) + "\n")


def prompt_encoder(methods: dict[str, Any], config: Path, weights: Path, head: Head) -> Any:
    """Return what encodes classes behind learnt prompts where a method needs it, else None."""
    kinds = {method["kind"] for method in methods.values()}
    if not any(getattr(registry.load("classifiers", kind), "NEEDS_PROMPTS", False) for kind in kinds):
        return None
    from crossmodal.classifiers.prompt_encoder import TowerEncoder  # with it come the text tower's imports
    from crossmodal.experiments.few_shot.backbone import frozen_model

    return TowerEncoder(frozen_model(config, weights), head.classes)


def answers_of(fitted: Fitted, features: torch.Tensor) -> torch.Tensor:
    """Return the class of the highest score of each image, int64 [n]; the first of equal ones."""
    with torch.inference_mode():
        return fitted.logits(features).argmax(dim=1)


def answer(
    fitted: Fitted, kind: str, method: str, shots: int, dataset: str, images: Features, head: Head
) -> pa.Table:
    """Return the answers of a method to the images of a dataset, a table of `ANSWERS`."""
    named = [head.classes[code] for code in answers_of(fitted, seen_by(kind, images)).tolist()]
    count = len(images.ids)
    columns = [
        [method] * count,
        [shots] * count,
        [dataset] * count,
        images.ids,
        images.clusters,
        images.labels,
        named,
    ]
    return pa.Table.from_arrays(
        [pa.array(column, field.type) for column, field in zip(columns, ANSWERS, strict=True)], schema=ANSWERS
    )


def of_classes(images: Features, head: Head, where: str) -> Features:
    """Return the images of classes that were learnt, as a style may lack, or add, one; UserError if none is."""
    rows = [row for row, label in enumerate(images.labels) if label in set(head.classes)]
    if not rows:
        raise UserError(
            f"few_shot.elsewhere.sets: {where} has no class of what is learnt from ({head.classes[0]}, ...)"
        )
    return images.take(rows)


if __name__ == "__main__":
    run(main)
