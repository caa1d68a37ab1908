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


def main(real: In, names: In, queries: In, density: Out, comparison: Out, spec: Spec) -> None:
    faiss.omp_set_num_threads(spec["threads"])
    seed = spec["seed"]
    distractor = read_table(names, [ORIGIN]).column(ORIGIN).to_numpy() > 0
    # Not around the target's own images: what is drawn there would be right answers that count as wrong.
    vectors = open_store([real]).rows(np.flatnonzero(distractor))
    fitted = fit_density(vectors, seed)
    save_density(density, fitted)
    rows = compare(vectors, read_embeddings(queries).vectors, seed)
    comparison.write_text(
        json.dumps({"least": fitted.least, "vectors": len(vectors), **rows}, indent=1) + "\n"
    )


def compare(vectors: Vectors, queries: Vectors, seed: int) -> dict[str, dict[str, float]]:
    """Return summaries (density_checks.summarise) of one half of `vectors` and of what is drawn like the other.

    `real` is the half that no density saw; `drawn` are as many vectors from a density fitted to the other half,
    `other` that half itself: how much two halves of the real differ is what a difference is to be held beside.
    """
    shuffled = vectors[np.random.default_rng(seed).permutation(len(vectors))]
    seen, unseen = shuffled[: len(shuffled) // 2], shuffled[len(shuffled) // 2 :][:SAMPLE]
    if len(seen) < 2 * FEWEST:
        return {}
    fitted: Density = fit_density(seen, seed)
    drawn = draw(fitted, len(unseen), np.random.default_rng(seed))
    sets = {"real": unseen, "drawn": drawn, "other": seen}
    return {name: summarise(some, queries) for name, some in sets.items()}


if __name__ == "__main__":
    run(main)
