"""Typed parameters that the prompt methods share. Free of torch."""

from typing import Literal

from crossmodal.parameters import Count, Parameters


class PromptParameters(Parameters):
    """Prompts: learnt vectors that a tower reads beside its input, the base model stays frozen."""

    length: Count = 4
    """Vectors n in a prompt; 4, 8 and 16 are usual. A text tower of Hugging Face has positions for them beside the
    caption; in CLIP's own, captions that then do not fit the context are cut."""


class TextPromptParameters(PromptParameters):
    """Prompts of the text tower, words at the start or random ones."""

    init: Literal["phrase", "normal"] = "phrase"
    """How the vectors start: as the token embeddings of `phrase`, or drawn from N(0, 0.02²), which no caption that
    the tower has been trained on begins with."""
    phrase: str = "a picture of a"
    """The words to start from, repeated or cut in front to `length` tokens; nothing reads it where `init` is
    normal."""
