"""open_clip's CLIP and tokenizer, the one place where they are imported from.

open_clip imports what most models do not have, at some cost for every job: Hugging Face's transformers wherever
that is installed (two seconds) and, by way of timm and torchvision, torch's compiler (one). Both are hidden from
it and can be imported afterwards as usual; `hugging_face`, loaded for a model that has such a tower, gives it
transformers.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, cast


@contextmanager
def _hidden(stand_ins: dict[str, ModuleType | None]) -> Iterator[None]:
    """Let imports find `stand_ins`, by their names, where the modules are not there yet; None for no module."""
    modules = cast(dict[str, Any], sys.modules)
    absent = {name: module for name, module in stand_ins.items() if name not in modules}
    modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del modules[name]


# All that is asked of it at import: timm keeps functions from being compiled, torchvision asks what could be.
_compiler, _utils = ModuleType("torch._dynamo"), ModuleType("torch._dynamo.utils")
_compiler.disable = lambda function, *_args, **_options: function  # type: ignore[attr-defined]
_utils.is_compile_supported = lambda _device: False  # type: ignore[attr-defined]

with _hidden({"transformers": None, "torch._dynamo": _compiler, "torch._dynamo.utils": _utils}):
    from open_clip.model import CLIP, CustomTextCLIP
    from open_clip.tokenizer import SimpleTokenizer

__all__ = ["CLIP", "CustomTextCLIP", "SimpleTokenizer"]
