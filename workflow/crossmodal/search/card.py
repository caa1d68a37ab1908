"""The card of an index: what is in it and how many bytes each part takes."""

import json
from pathlib import Path
from typing import Any

import faiss

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.search.settings import IndexParameters


def describe(
    index: Any, path: Path, params: IndexParameters, dimension: int, trained_on: dict[str, Any]
) -> dict[str, Any]:
    """Return the card (JSON) of `index`, which lies at `path`, over items of `dimension`.

    `bytes` are those of its codes, ids, centroids and graphs, and of the whole file; what is left are codebooks,
    rotations and headers. The correction of NNN, which lies in a file beside it, counts as `bias`.
    """
    count = int(index.ntotal)
    factory = registry.load("search", params.kind).factory(params, dimension, count)
    size = path.stat().st_size
    parts, bias = byte_parts(index, size), {"bias": 4 * count} if params.nnn else {}
    return {
        "factory": factory,
        "parameters": params.model_dump(mode="json"),
        "metric": "inner_product",
        "items": count,
        "dimension": dimension,
        "trained_on": trained_on,
        "nnn": params.nnn and params.nnn.model_dump(mode="json"),
        "bytes": parts | bias | {"other": size - sum(parts.values()), "file": size},
        "bytes_per_item": size / max(count, 1),
        "bytes_per_item_float32": 4 * dimension,
    }


def byte_parts(index: Any, size: int) -> dict[str, int]:
    """Return the bytes of codes, ids, centroids and graphs of `index`, whose file has `size` bytes.

    Fast-scan codes stand in blocks of 32, of which the last of each list is filled up: it counts as it is held.
    """
    count = int(index.ntotal)
    try:
        inverted: Any = faiss.extract_index_ivf(index)
    except RuntimeError:
        inner = faiss.downcast_index(index)
        codes = faiss.downcast_index(inner.storage) if isinstance(inner, faiss.IndexHNSW) else inner
        held = count * codes.sa_code_size()
        graph = size - held if isinstance(inner, faiss.IndexHNSW) else 0
        return {"codes": held, "ids": 0, "centroids": 0, "graphs": graph}
    quantiser = faiss.downcast_index(inverted.quantizer)
    centroids = 4 * inverted.nlist * inverted.d
    graph = 0
    if isinstance(quantiser, faiss.IndexHNSW):
        graph = faiss.serialize_index(quantiser).nbytes - centroids
    lists = inverted.invlists
    sizes = [lists.list_size(i) for i in range(inverted.nlist)]
    kinds: Any = faiss  # its type hints do not know all of its lists
    blocks: Any = faiss.downcast_InvertedLists(lists)
    if isinstance(blocks, kinds.BlockInvertedLists):
        codes = sum(-(-n // blocks.n_per_block) for n in sizes) * blocks.block_size
    else:
        codes = sum(sizes) * inverted.code_size
    return {"codes": codes, "ids": 8 * sum(sizes), "centroids": centroids, "graphs": graph}


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of the index in `folder`; UserError where there is none or it is broken."""
    return read_json(folder / "card.json")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object at `path`; UserError where it is missing or broken."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: there is no such file; `crossmodal index` makes a folder with it") from None
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise UserError(f"{path}: not a whole JSON file; build the index again")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` so that people can read it and equal content has equal bytes."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
