"""Typed parameters that the prompt methods share. Free of torch."""

from crossmodal.parameters import Count, Parameters


class PromptParameters(Parameters):
    """Prompts: learnt vectors that a tower reads beside its input, the base model stays frozen."""

    length: Count = 4
    """Vectors n in a prompt; 4, 8 and 16 are usual. Captions must leave room for those of the text tower."""


class TextPromptParameters(PromptParameters):
    """Prompts of the text tower, random at the start or begun with words."""

    phrase: str | None = None
    """Words whose token embeddings the vectors next to the caption start with, such as "a photo of a"; null for
    a random start, N(0, 0.02²), as that of all other vectors."""
