"""Job: fetch one source package and check its digest."""

from crossmodal.data.packages import Package, fetch
from crossmodal.jobs.run import Out, Spec, run


def main(archive: Out, spec: Spec) -> None:
    fetch(Package(**spec["parameters"]), archive)


if __name__ == "__main__":
    run(main)
