"""Export of embeddings beside open_clip's loop and clip-retrieval: `make bench-embed` fills docs/performance.md.

The same model and the same files for all, each system in a process of its own on all cores, taking turns: a round
embeds a part of the images and all of them with each, in random order, and a ratio is of one round. Two sizes tell
what a system takes to start from what each further image takes. Then their vectors are compared.
"""

import argparse
import os
import random
import statistics
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from embed_images import fitted, gather, link_part, model_folder, size_of, square_names
from peers import HERE, Worker, environment
from peers_embedding import read_vectors
from performance_page import fill_page

from crossmodal.errors import UserError
from crossmodal.report.markdown import as_markdown
from crossmodal.study.configuration import read_yaml

OURS = "crossmodal embed"
PLAIN, LOADER, CLIP_RETRIEVAL = "open_clip, plain loop", "open_clip, DataLoader", "clip-retrieval"
PEERS = (PLAIN, LOADER, CLIP_RETRIEVAL)
AGREED = 0.999
"""Cosine that vectors of the same pixels must have; half precision alone gives 0.9999."""
SAMPLED = 0.05
"""s between two looks at the memory."""
PART = 4
"""A part of the images is one of so many."""


@dataclass(frozen=True)
class Round:
    """What a system took in one round."""

    images: int
    seconds: float
    part: int
    part_seconds: float

    @property
    def rate(self) -> float:
        """Images per second of the whole folder, the start included."""
        return self.images / self.seconds

    @property
    def further_rate(self) -> float:
        """Images per second of those beyond the part, whose time holds no start."""
        return (self.images - self.part) / (self.seconds - self.part_seconds)

    @property
    def start(self) -> float:
        """Seconds that no image accounts for: starting processes, opening and ending a run."""
        return self.part_seconds - self.part / self.further_rate


class Bench:
    """The systems with the model loaded, and the folders they read and write."""

    def __init__(self, folder: Path, model: Path, batch_size: int) -> None:
        self.folder = folder
        python, cores = environment(HERE / "peers_embed.txt"), os.sched_getaffinity(0)
        self.workers: dict[str, Worker] = {}
        for system in (OURS, *PEERS):
            its, script = (
                (Path(sys.executable), "embed_ours.py") if system == OURS else (python, "peers_embed.py")
            )
            worker = Worker(its, script, system, len(cores), cores, folder / "log.txt")
            self.workers[system] = worker
            worker.ask("open", model=str(model), batch_size=batch_size)

    def out(self, system: str) -> Path:
        return self.folder / "vectors" / system.replace(" ", "-")

    def run(self, system: str, images: Path) -> float:
        """Embed `images` and return how long it took, s."""
        answer = self.workers[system].ask("run", images=str(images), out=str(self.out(system)))
        return float(answer["seconds"])

    def peak(self, system: str, images: Path) -> float:
        """Embed `images` once more and return the most memory of the process and its children, bytes.

        Pages that several of them share count once.
        """
        process, ended, sizes = psutil.Process(self.workers[system].process.pid), threading.Event(), [0]

        def look() -> None:
            while not ended.wait(SAMPLED):
                sizes.append(proportional(process))

        watch = threading.Thread(target=look)
        watch.start()
        try:
            self.run(system, images)
        finally:
            ended.set()
            watch.join()
        return max(sizes)

    def vectors(self, system: str) -> dict[str, np.ndarray]:
        return read_vectors(self.out(system))

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def proportional(process: psutil.Process) -> int:
    """Return the memory of a process and its children, bytes; of shared pages a share for each that has them."""
    total = 0
    try:
        for one in (process, *process.children(recursive=True)):
            total += one.memory_full_info().pss
    except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
        return 0  # a child that ended meanwhile: another look follows
    return total


def speed_table(rounds: Mapping[str, Sequence[Round]], peaks: Mapping[str, float]) -> str:
    """Return the table of images per second, what ours is to each, what a start takes, and the peak of memory."""
    rows = []
    for system, its in rounds.items():
        pairs = list(zip(rounds[OURS], its, strict=True))
        own = system == OURS
        rows.append(
            [
                system,
                spread([one.rate for one in its], 0),
                "1" if own else spread([ours.rate / other.rate for ours, other in pairs], 2),
                spread([one.start for one in its], 1),
                spread([one.further_rate for one in its], 0),
                "1" if own else spread([ours.further_rate / other.further_rate for ours, other in pairs], 2),
                f"{peaks[system] / 1e6:,.0f}",
            ]
        )
    columns = ["", "images/s", "ours to it", "start, s", "further images/s", "ours to it", "peak memory, MB"]
    return as_markdown(columns, rows, left=1)


def spread(values: Sequence[float], digits: int) -> str:
    middle, low, high = (
        f"{round(value, digits) + 0.0:.{digits}f}"  # no minus before a zero
        for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} [{low}, {high}]"


def cosines(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the cosine of the two vectors of each image; UserError where they are of different images."""
    if ours.keys() != theirs.keys():
        raise UserError(f"{len(ours.keys() ^ theirs.keys())} images were embedded by one of two systems only")
    return {name: float(vector @ theirs[name]) for name, vector in ours.items()}


def agreement_table(found: Mapping[tuple[str, str], dict[str, float]]) -> str:
    """Return the table of how well vectors agree: median and least cosine."""
    rows = [
        [system, images, f"{len(values):,}", f"{statistics.median(values):.4f}", f"{min(values):.4f}"]
        for (system, images), values in ((key, list(found[key].values())) for key in found)
        if values
    ]
    return as_markdown(["beside", "images", "number", "cosine, median", "least"], rows, left=2)


def agreement(bench: Bench, images: Path, size: int) -> dict[tuple[str, str], dict[str, float]]:
    """Return the cosines of our vectors with each peer's: of the files as they are, and of finished squares.

    Raises UserError where vectors of the same pixels differ.
    """
    square, found = square_names(images), {}
    ours = bench.vectors(OURS)
    for system in (LOADER, CLIP_RETRIEVAL):
        values = cosines(ours, bench.vectors(system))
        found[system, "as they are, square"] = {n: v for n, v in values.items() if n in square}
        found[system, "as they are, not square"] = {n: v for n, v in values.items() if n not in square}
    finished = bench.folder / "squares"
    fitted(images, finished, size)
    for system in (OURS, LOADER, CLIP_RETRIEVAL):
        bench.run(system, finished)
    for system in (LOADER, CLIP_RETRIEVAL):
        values = cosines(bench.vectors(OURS), bench.vectors(system))
        found[system, f"cut to squares of {size} px beforehand"] = values
        if min(values.values()) < AGREED:
            raise UserError(f"{system}: vectors of the same pixels have cosine {min(values.values()):.4f}")
    return found


def main() -> None:
    params = read_yaml(Path("params.yaml"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, help="a folder of .jpg files; procedural images without")
    parser.add_argument("--images", type=int, default=1600, help="how many are embedded in a round")
    parser.add_argument("--study", default=params["study"], help="whose base model embeds, where finished")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dry-run", action="store_true", help="print only, leave docs/ as they are")
    options = parser.parse_args()
    folder = Path("build/benchmarks/embed").absolute()
    model, about_model = model_folder(options.study, next(iter(params["models"])), folder / "model")
    about_images = gather(options.photographs, folder / "images", options.images)
    images, part, size = folder / "images", folder / "part", size_of(model)
    count = len(list(images.iterdir()))
    link_part(images, part, count // PART)
    bench = Bench(folder, model, options.batch_size)
    try:
        rounds: dict[str, list[Round]] = {system: [] for system in bench.workers}
        order = random.Random(0)
        for number in range(options.rounds + 1):
            for system in order.sample(list(rounds), len(rounds)):
                part_taken, taken = bench.run(system, part), bench.run(system, images)
                if number:  # the first is to warm up
                    rounds[system].append(Round(count, taken, count // PART, part_taken))
            print(f"round {number} of {options.rounds}", file=sys.stderr)
        found = agreement(bench, images, size)
        peaks = {system: bench.peak(system, images) for system in rounds}
    finally:
        bench.close()
    tables = {
        "embed-about": f"{about_images}; {about_model}, {size} px; batches of {options.batch_size}.",
        "embed": speed_table(rounds, peaks),
        "embed-agreement": agreement_table(found),
    }
    print("\n\n".join(tables.values()))
    if not options.dry_run:
        fill_page(tables)


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
