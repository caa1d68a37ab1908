"""Names that numbers of few-shot classification have, and what they are told by. Free of torch."""

SETS, UNSEEN, ELSEWHERE = "sets", "unseen", "elsewhere"
"""Stand for a dataset where a number is the mean over all sets, over those whose pictures the base models have not
met, or over all those that were not learnt from."""
ACCURACY, CLASS_ACCURACY = "accuracy@1", "class_accuracy@1"
"""Of all images; and the mean over classes of that of a class's images, where each class counts once. Shots, and
the images that choices are made on, are as many of each class, test images are not."""
AGAIN = "-again"
"""Behind the name of the reference: another run of it."""
ON_TEST = "-on-test"
"""Ends the name of a method that chooses on the test split."""


def method_name(method: str, model: str, first: str) -> str:
    """Return the name of a method over the features of `model`: over those of the `first` its own."""
    return method if model == first else f"{method}@{model}"


def variant_of(shots: int, source: str | None = None) -> str:
    """Return how so many shots, of another set than the one that is tested on, stand in numbers."""
    return f"{shots}-shot-from-{source}" if source else f"{shots}-shot"
