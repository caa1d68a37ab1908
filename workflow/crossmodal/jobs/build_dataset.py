"""Job: build one dataset from its source packages and files."""

from crossmodal.data.build import build_dataset
from crossmodal.jobs.run import Ins, Out, Spec, run
from crossmodal.registry import parse


def main(
    sources: Ins, train: Out, val: Out, test: Out, rejects: Out, sheet: Out, sheet_md: Out, spec: Spec
) -> None:
    params = parse("data", spec["parameters"]["dataset"])
    names = [*(package.name for package in params.packages()), *params.files()]
    outputs = {
        "train": train, "val": val, "test": test, "rejects": rejects, "sheet": sheet, "sheet_md": sheet_md,
    }  # fmt: skip
    build_dataset(spec["wildcards"]["dataset"], params, dict(zip(names, sources, strict=True)), outputs)


if __name__ == "__main__":
    run(main)
