"""Job: write a shifted copy of one split of a dataset."""

from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.registry import parse
from crossmodal.shifts.apply import shift_split


def main(images: In, shifted: Out, spec: Spec) -> None:
    shift_split(images, shifted, parse("shifts", spec["parameters"]["shift"]), spec["seed"])


if __name__ == "__main__":
    run(main)
