"""Job: embed the images and captions of several sets with one adapted model."""

from crossmodal.adaptation import methods
from crossmodal.jobs.run import In, Ins, Outs, Spec, run
from crossmodal.models.clip import load_clip
from crossmodal.models.export import Encoded, export_embeddings
from crossmodal.provenance.digests import cached_md5
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In, weights: In, tower: Ins, adapter_config: In, adapter: In, datasets: Ins, known: Ins,
    known_captions: Ins, images: Outs, captions: Outs, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    model = load_clip(config, weights)
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    model.to(device())
    made_by = f"{cached_md5(weights)}+{cached_md5(adapter)}"
    batch_size, encoded = spec["parameters"]["batch_size"], Encoded()
    for dataset, captions_path in zip(known, known_captions, strict=True):
        encoded.remember(model, dataset, captions_path)
    for dataset, images_path, captions_path in zip(datasets, images, captions, strict=True):
        digests = {"model": made_by, "dataset": cached_md5(dataset)}
        export_embeddings(model, dataset, images_path, captions_path, batch_size, digests, encoded)


if __name__ == "__main__":
    run(main, accelerated=True)
