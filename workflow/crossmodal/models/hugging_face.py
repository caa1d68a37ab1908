"""Text towers and tokenizers of Hugging Face's transformers, in open_clip's own wrappers.

Loaded by name, and only for a model that has one: importing transformers takes seconds, and a job of another
model should neither pay them nor depend on its version. A tower is named by a folder with `config.json` (and
the tokenizer's files) or by its name on the hub; a folder needs no network, a name needs one once, or the
hub's cache (HF_HUB_OFFLINE=1 makes that binding).
"""

import importlib
from pathlib import Path
from typing import Any

import open_clip.hf_model
import open_clip.model
import transformers
from open_clip.hf_configs import arch_dict
from open_clip.tokenizer import HFTokenizer

from crossmodal.errors import UserError
from crossmodal.provenance.manifest import read_manifest

VOCABULARIES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip
"""Files of which a tokenizer's folder has at least one."""
MANIFEST = "manifest.json"
"""Stands in a folder that a job made."""


def enable() -> None:
    """Let open_clip build these towers, also where it was imported with transformers hidden."""
    if open_clip.hf_model.transformers is None:
        open_clip.model.HFTextEncoder = importlib.reload(open_clip.hf_model).HFTextEncoder


def check(name: str, context: int, source: str) -> None:
    """Raise UserError, naming `source`, unless the text tower `name` can be built for captions of `context`."""
    _refuse_strangers(Path(name))
    try:
        config = transformers.AutoConfig.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise UserError(f"{source}: the text tower {name} {_fault(name, 'config.json', error)}") from None
    if config.model_type not in arch_dict:
        raise UserError(
            f"{source}: the text tower {name} is a {config.model_type}; open_clip supports "
            f"{', '.join(sorted(arch_dict))}"
        )
    positions = getattr(config, "max_position_embeddings", None)
    if positions is not None and "roberta" in config.model_type:
        positions -= config.pad_token_id + 1  # RoBERTa counts positions from the padding's id on
    if positions is not None and context > positions:
        raise UserError(
            f"{source}: context_length {context} exceeds the {positions} positions of the text tower {name}"
        )


def tokenizer(name: str, context: int, mode: str | None, options: dict[str, Any]) -> HFTokenizer:
    """Return open_clip's wrapper of the tokenizer `name`: texts to int64 [n, context]; UserError where absent."""
    folder = Path(name)
    _refuse_strangers(folder)
    if folder.is_dir() and not any((folder / file).is_file() for file in VOCABULARIES):
        # Otherwise transformers makes an empty one, to which every word is unknown, without a word.
        raise UserError(f"the tokenizer {name} lacks tokenizer.json in its folder")
    try:
        return HFTokenizer(name, context_length=context, tokenizer_mode=mode, **options)
    except (OSError, ValueError, TypeError, AssertionError) as error:
        raise UserError(f"the tokenizer {name} {_fault(name, 'tokenizer.json', error)}") from None


def _refuse_strangers(folder: Path) -> None:
    """Raise UserError for a file that the job which made `folder` did not write.

    transformers reads what it knows of a folder (added_tokens.json changes how words are cut), whether or not
    anybody named it among the inputs of a job. Folders of others have no manifest: all their files are named.
    """
    if not (folder / MANIFEST).is_file():
        return
    written = {
        Path(entry["path"]).name
        for entries in read_manifest(folder / MANIFEST)["outputs"].values()
        for entry in entries
    }
    for path in sorted(folder.iterdir()):
        if path.name not in written | {MANIFEST} and not path.name.startswith("."):
            raise UserError(
                f"{path}: no job of the study wrote it, and it may change how texts are read; remove it"
            )


def _fault(name: str, file: str, error: Exception) -> str:
    """Say what is wrong with `name`: a folder without `file` or with a bad one, or no folder and no hub."""
    if Path(name).is_dir() and not Path(name, file).is_file():
        return f"lacks {file} in its folder"
    reason = " ".join(str(error).split()).split(". ")[0][:160]
    if Path(name).is_dir():
        return f"cannot be read ({reason})"
    return f"is no folder here and could not be fetched ({reason})"
