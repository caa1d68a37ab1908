"""Job: fetch one pinned file of the Hugging Face hub, and check its digest."""

import shutil

from crossmodal.data.hub_files import fetch
from crossmodal.data.hub_pins import HubFile
from crossmodal.jobs.run import Folder, Out, Spec, run


def main(file: Out, parts: Folder, spec: Spec) -> None:
    shutil.move(fetch(HubFile(**spec["parameters"]), parts), file)


if __name__ == "__main__":
    run(main)
