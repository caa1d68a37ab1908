"""Job: embed the images or the captions of one set with one adapted model.

A gallery asks for images only, and a query for captions: to embed both would take twice the time or more.
"""

from crossmodal.adaptation import methods
from crossmodal.data.images import decode_split
from crossmodal.data.tables import read_table
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models import clip
from crossmodal.models.embeddings import write_embeddings
from crossmodal.models.export import embed_captions, embed_images
from crossmodal.provenance.digests import cached_md5
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In,
    weights: In,
    tower: Ins,
    adapter_config: In,
    adapter: In,
    dataset: In,
    embeddings: Out,
    spec: Spec,
) -> None:
    prepare_torch(spec["threads"], spec["seed"])
    model = clip.load_clip(config, weights)
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    model.to(device()).eval()
    table = read_table(dataset, ["image_id", "captions", "label"])
    ids, labels = table.column("image_id").to_pylist(), table.column("label").to_pylist()
    batch_size = spec["parameters"]["batch_size"]
    if spec["wildcards"]["side"] == "images":
        names, owners = ids, list(range(len(ids)))
        vectors = embed_images(model, decode_split(dataset, clip.image_size(model)), batch_size)
    else:
        texts: list[list[str]] = table.column("captions").to_pylist()
        owners = [owner for owner, own in enumerate(texts) for _ in own]
        names = [f"{ids[owner]}#{k}" for owner, own in enumerate(texts) for k in range(len(own))]
        tokens = clip.tokenize(model, [text for own in texts for text in own])
        vectors = embed_captions(model, tokens, batch_size)
    digests = {"model": f"{cached_md5(weights)}+{cached_md5(adapter)}", "dataset": cached_md5(dataset)}
    write_embeddings(
        embeddings,
        names,
        [ids[owner] for owner in owners],
        [labels[owner] for owner in owners],
        vectors,
        digests,
    )


if __name__ == "__main__":
    run(main, accelerated=True)
