"""What a step of building took: seconds, and the most memory that its process had."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

KILOBYTE = 1024  # Linux counts the resident set in these


@contextmanager
def measured(path: Path, step: str) -> Iterator[None]:
    """Write `step`, its `seconds` and `peak_bytes` to `path` (JSON) when the block is done.

    The clock starts here, so that loading libraries is left out; the peak is the process's, libraries included.
    """
    start = perf_counter()
    yield
    seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTE
    path.write_text(json.dumps({"step": step, "seconds": seconds, "peak_bytes": peak}) + "\n")
