"""Job: embed images, captions and classes of domains with one adapted model, and count what that takes."""

import json
from pathlib import Path

from crossmodal.adaptation import methods
from crossmodal.data.tables import read_table
from crossmodal.jobs.run import In, Ins, Out, Outs, Spec, run
from crossmodal.models.architecture import CLIP
from crossmodal.models.class_prompts import class_embeddings
from crossmodal.models.clip import image_size, load_clip, tokenize
from crossmodal.models.dual_encoder import encode_images, encode_texts
from crossmodal.models.embeddings import write_embeddings
from crossmodal.models.encoder_costs import CAPTION
from crossmodal.models.export import Encoded, export_embeddings
from crossmodal.models.footprint import count_flops, size
from crossmodal.provenance.digests import cached_md5
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In, weights: In, tower: Ins, adapter_config: In, adapter: In, datasets: Ins,
    images: Outs, captions: Outs, classes: Outs, footprint: Out, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    model = load_clip(config, weights)
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    model.eval().requires_grad_(False)  # the counter of operations trips over a parameter that is trained
    footprint.write_text(json.dumps(_footprint(model)) + "\n")
    model.to(device())
    made_by = f"{cached_md5(weights)}+{cached_md5(adapter)}"
    values, encoded, prompted = spec["parameters"], Encoded(), iter(classes)
    for dataset, images_path, captions_path, asked in zip(
        datasets, images, captions, values["with_classes"], strict=True
    ):
        digests = {"model": made_by, "dataset": cached_md5(dataset)}
        batch_size = values["batch_size"]
        export_embeddings(model, dataset, images_path, captions_path, batch_size, digests, encoded)
        if asked:
            _write_classes(model, dataset, values["prompts"], batch_size, next(prompted), digests)


def _write_classes(
    model: CLIP, dataset: Path, prompts: list[str], batch_size: int, path: Path, digests: dict[str, str]
) -> None:
    """Write the embedding of each class of a dataset, under the id of its first image."""
    table = read_table(dataset, ["image_id", "label"])
    ids, labels = table["image_id"].to_pylist(), table["label"].to_pylist()
    first = {label: image_id for image_id, label in zip(reversed(ids), reversed(labels), strict=True)}
    classes = list(dict.fromkeys(labels))
    vectors = class_embeddings(model, classes, prompts, batch_size)
    owners = [first[label] for label in classes]
    write_embeddings(path, [f"{owner}#class" for owner in owners], owners, classes, vectors, digests)


def _footprint(model: CLIP) -> dict[str, int]:
    """Return operations for one image and for one caption, and parameters, of the token table and of the rest."""
    side, tokens = image_size(model), tokenize(model, [CAPTION])
    pixels = next(model.parameters()).new_zeros(1, 3, side, side)
    total, without = size(model)
    return {
        "flops_image": count_flops(lambda: encode_images(model, pixels)),
        "flops_text": count_flops(lambda: encode_texts(model, tokens)),
        "parameters": total,
        "parameters_without_tokens": without,
    }


if __name__ == "__main__":
    run(main, accelerated=True)
