"""What stands for a class whose shots were seen: their mean, kept when the session is over, beside its name.

A prototype (Snell et al. 2017; as a baseline of continual learning Janson et al. 2022, arXiv 2210.04428) is one
vector of a class and no image, so that keeping it is no replay. Later weights are others than it was made with.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from crossmodal.models.embeddings import Vectors


def prototypes(images: Vectors, labels: Sequence[str]) -> dict[str, Vectors]:
    """Return the mean of the unit vectors `images` [n, d] of each class, float32 [d] of unit length."""
    own = np.asarray(labels)
    return {name: _unit(images[own == name].mean(axis=0)) for name in dict.fromkeys(labels)}


def stand_ins(classes: Sequence[str], names: Vectors, kept: Mapping[str, Vectors], answers: str) -> Vectors:
    """Return what stands for each class, unit vectors [classes, d], from those of its name and what is `kept`.

    `answers` is that of a cell: names, shots or both. The name stands for a class of which nothing is kept.
    """
    if answers == "names":
        return names
    found = names.copy()
    for row, name in enumerate(classes):
        if name in kept:
            found[row] = kept[name] if answers == "shots" else _unit(names[row] + kept[name])
    return found


def _unit(vector: Vectors) -> Vectors:
    return vector / np.linalg.norm(vector)
