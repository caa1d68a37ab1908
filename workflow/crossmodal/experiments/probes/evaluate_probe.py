"""Job: score every query of a dataset's test split with the vectors of a probe, in both directions."""

from crossmodal import registry
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.statistics.queries import evaluate_set


def main(known: Ins, test: In, queries: Out, spec: Spec) -> None:
    probe = registry.room("probes", spec["wildcards"]["probe"])
    images, captions = probe.embed(known, test)
    evaluate_set(images, captions, queries)


if __name__ == "__main__":
    run(main)
