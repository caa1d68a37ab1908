"""Job: how captions and images of the study's target find each other, under a base model or after its last
session."""

import tempfile
from pathlib import Path

from crossmodal.jobs.run import In, Ins, Out, Outs, Spec, run
from crossmodal.models.clip import load_clip, read_tensors
from crossmodal.models.embeddings import read_embeddings
from crossmodal.models.export import Encoded, export_embeddings
from crossmodal.statistics.queries import evaluate_set
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In, weights: In, tower: Ins, state: Ins, known: Ins, target: In,
    captions: Outs, queries: Out, spec: Spec,
) -> None:  # fmt: skip
    """Search the target; `known` has the captions' embeddings where the text tower is that of the base
    model."""
    prepare_torch(spec["threads"], spec["seed"])
    model = load_clip(config, weights)
    for path in state:
        model.load_state_dict(model.state_dict() | read_tensors(path))
    model.to(device())
    encoded = Encoded()
    for path in known:
        encoded.remember(model, target, path)
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder, "images.parquet")
        texts = captions[0] if captions else Path(folder, "captions.parquet")
        export_embeddings(model, target, images, texts, spec["parameters"]["batch_size"], {}, encoded)
        evaluate_set(read_embeddings(images), read_embeddings(texts), queries)


if __name__ == "__main__":
    run(main, accelerated=True)
