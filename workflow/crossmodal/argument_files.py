"""How a file with the arguments of a job is named: after its content, so that one that was changed is noticed.

The study writes such files, a job reads them, an audit compares them with what was recorded.
"""

import hashlib
import re

_NAME = re.compile(r"-([0-9a-f]{16})\.txt$")


def file_name(rule: str, content: bytes) -> str:
    """Return the name of the file with the arguments `content` of a job of `rule`."""
    return f"{rule}-{_digest(content)}.txt"


def is_as_named(name: str, content: bytes) -> bool:
    """Return whether a file called `name` may hold `content`: one that is named after none may hold any."""
    named = _NAME.search(name)
    return named is None or named[1] == _digest(content)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
