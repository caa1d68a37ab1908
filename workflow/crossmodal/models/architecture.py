"""open_clip's CLIP and tokenizer, the one place where they are imported from.

open_clip imports Hugging Face's transformers wherever that is installed: two seconds of every job's start, for
text towers that most models do not have. It is hidden from open_clip and can be imported afterwards as usual;
`hugging_face`, loaded for a model that has such a tower, gives it to open_clip.
"""

import sys
from typing import Any, cast

_absent = "transformers" not in sys.modules
if _absent:
    cast(dict[str, Any], sys.modules)["transformers"] = None
try:
    from open_clip.model import CLIP, CustomTextCLIP
    from open_clip.tokenizer import SimpleTokenizer
finally:
    if _absent:
        del sys.modules["transformers"]

__all__ = ["CLIP", "CustomTextCLIP", "SimpleTokenizer"]
