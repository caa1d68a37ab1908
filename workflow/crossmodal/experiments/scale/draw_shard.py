"""Job: one shard of the gallery, real items as far as they go, then drawn ones."""

import numpy as np

from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.search.density import draw, load_density
from crossmodal.search.store import open_store, write_store


def main(real: In, density: In, vectors: Out, spec: Spec) -> None:
    first, count = spec["parameters"]["first"], spec["parameters"]["count"]
    store = open_store([real])
    known = np.arange(first, min(first + count, store.count))
    blocks = [store.rows(known)] if len(known) else []
    if len(known) < count:
        generator = np.random.default_rng([spec["seed"], int(spec["wildcards"]["shard"])])
        blocks.append(draw(load_density(density), count - len(known), generator))
    write_store(vectors, blocks, "float16")


if __name__ == "__main__":
    run(main)
