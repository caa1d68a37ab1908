"""Job: embed the images and captions of one set with one adapted model."""

from crossmodal.adaptation import adapters
from crossmodal.determinism import device, prepare_torch
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.models.clip import load_clip
from crossmodal.models.export import export_embeddings
from crossmodal.provenance.digests import cached_md5


def main(
    config: In, weights: In, adapter_config: In, adapter: In, dataset: In,
    images: Out, captions: Out, spec: Spec,
) -> None:  # fmt: skip
    prepare_torch(spec["threads"], spec["seed"])
    model = load_clip(config, weights)
    adapters.merge(model, adapters.load_adapter(model, adapter_config, adapter))
    digests = {"model": f"{cached_md5(weights)}+{cached_md5(adapter)}", "dataset": cached_md5(dataset)}
    batch_size = spec["parameters"]["batch_size"]
    export_embeddings(model.to(device()), dataset, images, captions, batch_size, digests)


if __name__ == "__main__":
    run(main)
