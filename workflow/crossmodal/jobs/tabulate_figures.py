"""Job: what DVC's metrics and plots show."""

import json

from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.report.dvc_figures import (
    ACCURACY,
    DEGRADATION,
    SEARCH,
    accuracy_rows,
    degradation_rows,
    headline,
    search_rows,
    write_headline,
    write_rows,
)
from crossmodal.report.lookup import Numbers


def main(
    metrics: In, hypotheses: In, figures: Out, accuracy: Out, degradation: Out, search: Out, spec: Spec
) -> None:
    target = spec["parameters"]["target"]
    numbers = Numbers.read(metrics)
    write_headline(figures, headline(numbers, json.loads(hypotheses.read_text()), target))
    write_rows(accuracy, ACCURACY, accuracy_rows(numbers, target))
    write_rows(degradation, DEGRADATION, degradation_rows(numbers, target))
    write_rows(search, SEARCH, search_rows(numbers))


if __name__ == "__main__":
    run(main)
