"""Names of attacked variants of a test set: "<threat>-<epsilon>", such as `query-image-4of255` or `text-0.1`."""

from crossmodal.errors import UserError

THREATS = {"query-image": "query image", "gallery-image": "gallery image", "text": "text"}
"""What is attacked, and how it is called in words."""


def split_variant(variant: str) -> tuple[str, float]:
    """Return the threat and epsilon that a variant is named after.

    Epsilon is a share of the pixel range for images ("4of255" is 4/255), of the mean token-embedding norm for
    texts. UserError for any other name.
    """
    threat, _, written = variant.rpartition("-")
    above, of, below = written.partition("of")
    try:
        epsilon = float(above) / (float(below) if of else 1.0)
    except (ValueError, ZeroDivisionError):
        threat = ""
    if not threat:
        raise UserError(
            f"attacked variant {variant!r}: expected a threat and its epsilon, such as query-image-4of255"
        )
    return threat, epsilon
