"""Job: fit the density that items are drawn from, and compare what it draws with what is real."""

import json

import faiss
import numpy as np

from crossmodal.data.tables import read_table
from crossmodal.experiments.scale.gather_real import ORIGIN
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.models.embeddings import Vectors, read_embeddings
from crossmodal.search.density import FEWEST, Density, draw, fit_density, save_density
from crossmodal.search.density_checks import SAMPLE, summarise
from crossmodal.search.store import open_store

TIMES = 8
"""So many vectors are drawn, for the comparison, for each that the density has seen."""


def main(real: In, names: In, queries: In, density: Out, comparison: Out, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    seed = spec["seed"]
    distractor = read_table(names, [ORIGIN]).column(ORIGIN).to_numpy() > 0
    # Not around the target's own images: what is drawn there would be right answers that count as wrong.
    vectors = open_store([real]).rows(np.flatnonzero(distractor))
    fitted = fit_density(vectors, seed)
    save_density(density, fitted)
    rows = compare(vectors, read_embeddings(queries).vectors, fitted.least, seed)
    comparison.write_text(
        json.dumps({"least": fitted.least, "vectors": len(vectors), **rows}, indent=1) + "\n"
    )


def compare(vectors: Vectors, queries: Vectors, least: float, seed: int) -> dict[str, dict[str, float]]:
    """Return summaries (density_checks.summarise) of real vectors and of as many drawn from fewer others.

    That is what the density is used for, more vectors than it has seen: of as many, drawn ones look more alike
    than they are. `real` and `other` are two samples that no density saw (how much they differ is what a
    difference is to be held beside), `drawn` is from a density fitted to an eighth as many, more where there
    are few, and moved by `least`, as the gallery's is: how far cannot be told from an eighth. `times` says how
    often each is drawn on. Empty where there are too few for a density.
    """
    shuffled = vectors[np.random.default_rng(seed).permutation(len(vectors))]
    seen = max(2 * FEWEST, min(len(shuffled) // (2 * TIMES + 1), SAMPLE // TIMES))
    times = min(TIMES, (len(shuffled) - seen) // (2 * seen))
    if times < 1:
        return {}
    real, other = (shuffled[seen + times * seen * part :][: times * seen] for part in range(2))
    fitted: Density = fit_density(shuffled[:seen], seed, (least,))
    drawn = draw(fitted, len(real), np.random.default_rng(seed))
    sets = {"real": real, "drawn": drawn, "other": other}
    return {"drawn_from": {"times": float(times)}} | {
        name: summarise(some, queries) for name, some in sets.items()
    }


if __name__ == "__main__":
    run(main)
