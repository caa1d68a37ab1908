"""What is kept of an image beside its vector. Free of torch."""

from crossmodal.parameters import Count, Parameters


class TokenParameters(Parameters):
    """A few compressed tokens of each image, int8: at most grid x grid of them, each of width + 2 bytes."""

    grid: Count = 4
    """Side of the square of places that an image is cut into, at most that of the tower's own map (2 for
    EfficientNet-Lite0 at 64 px, 3 at 96 px, 7 for ViT-B/32): a finer map is averaged."""
    width: Count = 64
    """Numbers kept of each place: its first principal components in the joint space."""
