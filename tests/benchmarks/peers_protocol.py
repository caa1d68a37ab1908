"""A system of a benchmark as a process: commands in by standard input, answers out by what was standard output.

Each command and each answer is a line of JSON. The process times itself, so the pipe is in no figure. It needs
the standard library alone: it runs in the environment of whatever is measured.
"""

import json
import os
import sys
import traceback
from typing import Any


def serve(process: Any) -> None:
    """Answer commands by the methods of `process` until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(process, command.pop("do"))(**command)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)
