"""A text query to a vector without torch, for models whose text tower is a BERT in a folder."""

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from crossmodal.errors import UserError
from crossmodal.serving.bert import Bert, is_supported
from crossmodal.serving.weights import ModelFiles, foldable, read_object, tower_tensors

TextEncoder = Callable[[str], npt.NDArray[np.float32]]
"""From a query to its unit-length vector, float32 [d]."""


def text_encoder(files: ModelFiles) -> TextEncoder | None:
    """Return the text tower of `files` alone, or None where only the whole model can encode a query.

    Its vectors are the whole model's up to rounding. Reads a quarter of a second of files and imports neither
    torch nor open_clip. Raises UserError for files that are broken or do not belong together.
    """
    text_cfg = read_object(files.config).get("model_cfg", {}).get("text_cfg", {})
    folder = tower_folder(files.folder, text_cfg.get("hf_tokenizer_name") or text_cfg.get("hf_model_name"))
    tower = tower_folder(files.folder, text_cfg.get("hf_model_name"))
    if folder is None or tower is None or not (folder / "tokenizer.json").is_file() or not foldable(files):
        return None
    config = read_object(tower / "config.json")
    options = {key for key in ("tokenizer_kwargs", "tokenizer_mode") if text_cfg.get(key)}
    if options or not is_supported(config, text_cfg):
        return None
    tensors = tower_tensors(files, "text.")
    if tensors is None:
        return None
    try:
        bert = Bert(config, text_cfg["hf_pooler_type"], tensors)
    except KeyError as error:
        raise UserError(
            f"{files.weights}: does not fit the model in {files.config.name}: no {error}"
        ) from None
    tokens = _tokenizer(folder, int(text_cfg.get("context_length", 77)))
    return lambda query: bert(tokens(query))


def tower_folder(model: Path, name: Any) -> Path | None:
    """Return the folder `name` of a text tower: from here or, as from a study's root, from a parent of `model`."""
    if not isinstance(name, str):
        return None
    roots = [Path(), *model.resolve().parents]
    return next((root / name for root in roots if (root / name).is_dir()), None)


def _tokenizer(folder: Path, context: int) -> Callable[[str], npt.NDArray[np.int64]]:
    """Return what open_clip's wrapper does with one caption: cleaned, cut to `context` tokens, not padded."""
    from ftfy import fix_text
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the extension raises nothing more particular
        raise UserError(f"{folder / 'tokenizer.json'}: not a readable tokenizer ({error})") from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(context)

    def tokens(query: str) -> npt.NDArray[np.int64]:
        cleaned = " ".join(html.unescape(html.unescape(fix_text(query))).split())
        return np.asarray(tokenizer.encode(cleaned).ids, dtype=np.int64)

    return tokens
