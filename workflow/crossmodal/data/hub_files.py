"""Fetch pinned files of the Hugging Face hub by its own client; one is used only if its digest is right."""

import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from crossmodal.data.hub_pins import HubFile
from crossmodal.errors import UserError


def fetch(
    file: HubFile, folder: Path, retries: int = 3, wait: Callable[[float], object] = time.sleep
) -> Path:
    """Return the path of `file` below `folder`, fetched unless it lies there with the right digest.

    HF_ENDPOINT names another hub, HF_TOKEN opens gated datasets; both are the client's. A download that breaks off
    is tried again up to `retries` times, after 2, 6, 18 ... seconds, and goes on where it broke off (the client
    writes some megabytes at a time), also in a later run. Raises UserError, one line, where the hub is away, does
    not have the file, or sends other bytes.
    """
    target = folder / file.path
    if target.is_file() and _sha256(target) == file.sha256:
        return target
    part = folder / f".{file.sha256}.part"
    target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(retries + 1):
        try:
            _download(file, part)
            break
        except UserError:
            raise
        except Exception as error:  # the client raises dozens of types for one cause: no network
            if attempt == retries:
                raise UserError(
                    f"{file}: the hub could not be reached in {retries + 1} attempts: check the network and "
                    f"HF_ENDPOINT, then run again ({_line(error)})"
                ) from None
            print(f"{file}: {_line(error)}; trying again", file=sys.stderr)
            wait(2.0 * 3.0**attempt)
    if (digest := _sha256(part)) != file.sha256:
        part.unlink()
        raise UserError(
            f"{file}: wrong checksum, so it is not used: expected sha256 {file.sha256}, got {digest}; the hub "
            "or a proxy serves another file than the one that was pinned"
        )
    part.replace(target)
    return target


def _download(file: HubFile, part: Path) -> None:
    """Let the client write `file` to `part`, after what is there; UserError where asking again cannot help.

    hf_hub_download drops what it has when its process ends, so the client's parts are put together here.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url = hf_hub_url(file.repo, file.path, repo_type=file.of, revision=file.revision, endpoint=endpoint)
    headers = build_hf_headers()
    try:
        found = get_hf_file_metadata(url, headers=headers)
        if found.commit_hash != file.revision:
            raise UserError(
                f"{file}: the hub answers with commit {found.commit_hash}, not with the pinned one"
            )
        if urlsplit(found.location).netloc != urlsplit(url).netloc:
            headers.pop("authorization", None)  # the store of large files has signed addresses
        have = part.stat().st_size if part.exists() else 0
        have = have if found.size is None or have <= found.size else 0
        with part.open("r+b" if have else "wb") as stream:
            stream.seek(have)
            http_get(found.location, stream, resume_size=have, headers=headers, expected_size=found.size)
    except HfHubHTTPError as error:
        status = error.response.status_code
        if 400 <= status < 500 and status not in (408, 429):
            raise UserError(
                f"{file}: the hub does not give it out ({_line(error)}); check repo, revision and path, and "
                "HF_TOKEN where the repository is gated"
            ) from None
        raise


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _line(error: Exception) -> str:
    """Return what an error of the client says, in one line, without the requests' numbers."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(line for line in lines if "Request ID" not in line)[:300] or type(error).__name__
