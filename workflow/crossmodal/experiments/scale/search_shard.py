"""Job: the best items of one shard for every caption, by exhaustive search."""

from crossmodal.experiments.scale.asked import asking, write_found
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.search.exhaustive import exhaustive
from crossmodal.search.store import open_store


def main(vectors: In, test: In, validation: In, found: Out, spec: Spec) -> None:
    values, store = spec["parameters"], open_store([vectors])
    results = {}
    for split, path in (("test", test), ("val", validation)):
        captions = asking(path, values["queries"], spec["seed"])
        scores, positions = exhaustive(store, captions.vectors, values["depth"])
        results[split] = scores, positions + values["first"]
    write_found(found, results)


if __name__ == "__main__":
    run(main)
