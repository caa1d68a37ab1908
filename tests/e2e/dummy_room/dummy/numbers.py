"""Job: the counts as numbers."""

import json

from crossmodal.experiments.dummy.params import Params
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.statistics.estimates import Place
from crossmodal.statistics.numbers import write_numbers


def main(counts: Ins, numbers: Out, spec: Spec) -> None:
    params = Params.model_validate(spec["parameters"]["room"])
    found = []
    for cell, path in zip(params.cells, counts, strict=True):
        count = json.loads(path.read_text())["queries"]
        place = Place("dummy", cell, spec["parameters"]["target"], "test", "clean", "-")
        found.append(place.plain("0", params.number, count, "queries", [str(path)], count, count, count))
    write_numbers(numbers, found)


if __name__ == "__main__":
    run(main)
