"""Job: index the images of a gallery, and choose how far a query looks, on validation queries."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from crossmodal.data.tables import read_table
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.embeddings import read_embeddings
from crossmodal.registry import parse
from crossmodal.search.build import bias_path
from crossmodal.search.folder import CARD, INDEX, ITEMS, POINTS, VECTORS, Items, write_folder
from crossmodal.search.gallery import Gallery, assemble
from crossmodal.search.store import scales_path, store_of

FILES = (INDEX, CARD, POINTS, ITEMS, VECTORS, scales_path(Path(VECTORS)).name, bias_path(Path(INDEX)).name)
"""What lies in a folder, in the order of the job's outputs."""
NONE = np.empty(0, np.float32)


def main(
    datasets: Ins, images: Ins, bank: In, validation_images: In, validation_captions: In,
    index: Out, card: Out, points: Out, listing: Out, vectors: Out, scales: Out, bias: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    faiss.omp_set_num_threads(spec["threads"])
    own, *distractors = map(read_embeddings, images)
    gallery, learnt = assemble(own, distractors), read_embeddings(bank).vectors
    store = store_of(gallery.vectors)
    folder = index.parent / "folder"
    write_folder(
        folder, store, described(gallery, datasets), parse("search", values["index"]), spec["seed"],
        model=own.metadata["model"],
        validation={
            "text": read_embeddings(validation_captions).vectors,
            "image": read_embeddings(validation_images).vectors,
        },
        target=values["target_recall"], captions=learnt, bank=learnt,
    )  # fmt: skip
    # Each file that a folder may have is an output of the job: what this index needs not is there, and empty.
    nothing: list[npt.NDArray[Any]] = [np.empty((0, store.dimension), np.float16), NONE, NONE]
    for name, empty in zip(FILES[-3:], nothing, strict=True):
        if not (folder / name).exists():
            np.save(folder / name, empty)
    for name, path in zip(FILES, (index, card, points, listing, vectors, scales, bias), strict=True):
        (folder / name).replace(path)


def described(gallery: Gallery, datasets: list[Path]) -> Items:
    """Return what the images of a gallery are: an image is named by what it shows, with its first caption."""
    captions: dict[str, str] = {}
    for path in datasets:
        table = read_table(path, ["image_id", "captions"])
        columns = (table.column(name).to_pylist() for name in ("image_id", "captions"))
        captions |= {image: own[0] for image, own in zip(*columns, strict=True) if own}
    known = [captions.get(image) for image in gallery.ids]
    return Items(gallery.ids, gallery.ids, gallery.labels, gallery.labels, [None] * len(gallery.ids), known)


if __name__ == "__main__":
    run(main)
