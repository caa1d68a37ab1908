"""What the jobs that answer queries read: galleries, captions, indexes, trained second stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.models.embeddings import Embeddings, Vectors, read_embeddings
from crossmodal.registry import parse
from crossmodal.reranking.material import Lists, Pairs
from crossmodal.reranking.token_files import write_gallery_patches
from crossmodal.search.build import fill_index, train_index
from crossmodal.search.gallery import Candidates, Gallery, assemble
from crossmodal.search.points import points_of
from crossmodal.search.searcher import Searcher, open_searcher

RERANKER_FILES = ("config", "weights")
"""The names, in a stage's material, of the files that training it writes, in their order."""


@dataclass(frozen=True)
class Sources:
    """Everything that answers queries, as the files of a job give it."""

    values: Mapping[str, Any]
    """The parameters of the job (jobs.answer_parameters)."""
    images: list[Embeddings]
    """Of the sets that galleries consist of, the target's test split first."""
    indexes: dict[str, dict[str, Path]]
    """By gallery and index the folder of the index."""
    learnt: Embeddings
    """The target's training images."""
    captions: Embeddings
    """The target's training captions."""
    validation: tuple[Embeddings, Embeddings]
    """The target's validation images and captions."""
    trained: dict[str, dict[str, Path]]
    """By stage its trained files."""
    patches: list[Path]
    """The tokens of the images of `images`; empty where no stage sees any."""
    words: dict[str, Path]
    """By set of queries the states of its captions."""

    @classmethod
    def read(
        cls, values: Mapping[str, Any], galleries: Sequence[str], indexes: Sequence[Path],
        images: Sequence[Path], learnt: Path, bank: Path, validation: Sequence[Path], trained: Sequence[Path],
        patches: Sequence[Path], words: Sequence[Path],
    ) -> "Sources":  # fmt: skip
        """Read them; `indexes` are all files of the indexes of `galleries`, gallery by gallery."""
        folders = list(dict.fromkeys(path.parent for path in indexes))
        names = [(gallery, index) for gallery in galleries for index, _ in values["indexes"]]
        found: dict[str, dict[str, Path]] = {gallery: {} for gallery in galleries}
        for (gallery, index), folder in zip(names, folders, strict=True):
            found[gallery][index] = folder
        width = len(RERANKER_FILES)
        files = [trained[start : start + width] for start in range(0, len(trained), width)]
        val_images, val_captions = map(read_embeddings, validation)
        return cls(
            values,
            [read_embeddings(path) for path in images],
            found,
            read_embeddings(learnt),
            read_embeddings(bank),
            (val_images, val_captions),
            {
                name: dict(zip(RERANKER_FILES, own, strict=True))
                for name, own in zip(values["trained"], files, strict=True)
            },
            list(patches),
            dict(zip(values["asked"], words, strict=False)),
        )

    @property
    def bank(self) -> Vectors:
        """The vectors of the target's training captions, float32 [b, d]."""
        return self.captions.vectors

    @cached_property
    def pairs(self) -> Pairs:
        """The target's training images with their captions."""
        places = {image_id: place for place, image_id in enumerate(self.learnt.ids)}
        owners = np.asarray([places[image_id] for image_id in self.captions.image_ids], dtype=np.int64)
        return Pairs(self.learnt.vectors, self.bank, owners)

    def gallery(self, name: str) -> Gallery:
        """Return the images of a gallery in the order that its indexes have them in."""
        own, *distractors = (self.images[place] for place in dict(self.values["galleries"])[name])
        return assemble(own, distractors)

    def gallery_patches(self, name: str, gallery: Gallery, path: Path) -> None:
        """Write the tokens of the images of a gallery, in its order, to `path`."""
        files = [self.patches[place] for place in dict(self.values["galleries"])[name]]
        write_gallery_patches(path, files, gallery.ids, gallery.origins)

    def searcher(self, gallery: str, index: str) -> Searcher:
        """Return an index at the point that was chosen with text queries."""
        return open_searcher(self.indexes[gallery][index], "text")

    def candidates(self) -> int:
        """Return how many candidates the stage that asks for the most gets."""
        return max((stage["candidates"] for stage in self.values["stages"].values()), default=1)

    def validation_lists(self, seed: int) -> Lists:
        """Return what the index of the claims finds for validation captions in the validation images.

        They are too few to train an index of their own: it is trained on the training images. Where no index is
        named, candidates are those of exhaustive search.
        """
        name = self.values["candidates_of"]
        params = parse("search", dict(self.values["indexes"])[name] if name else {"kind": "flat"})
        return lists_of(*self.validation, self.learnt.vectors, params, seed, self.candidates())


def lists_of(
    images: Embeddings, captions: Embeddings, sample: Vectors, params: Any, seed: int, candidates: int
) -> Lists:  # fmt: skip
    """Return the candidates of `captions` among `images` from an index of `params` trained on `sample` [n, d].

    It is searched at the most thorough point of its kind: few vectors, of which no right one should be missed.
    """
    gallery = assemble(images, [])
    # The help that an index may have for text queries is none of a re-ranker's candidates' business.
    plain = params.model_copy(update={"nnn": None, "caption_share": 0.0, "refinement": None})
    index = fill_index(train_index(sample, plain, len(gallery.ids), seed), [gallery.vectors])
    searcher = Searcher(index, None, plain, points_of(plain, len(gallery.ids))[-1])
    return Lists(gallery.vectors, found_by(searcher, gallery, captions, candidates), captions.image_ids)


def found_by(searcher: Searcher, gallery: Gallery, captions: Embeddings, k: int) -> Candidates:
    """Return the first k items that an index finds in `gallery` for every caption, best first."""
    scores, positions = searcher.candidates(captions.vectors, min(k, len(gallery.ids)))
    labels = np.asarray([*gallery.labels, ""], dtype=object)  # position -1 takes the last: no label
    relevant = labels[positions] == np.asarray(captions.labels, dtype=object)[:, None]
    rows = np.arange(len(positions), dtype=np.int64)
    return Candidates(captions.vectors, positions, scores, relevant.astype(bool) & (positions >= 0), rows)
