"""Parameters of the shift `corruption`."""

from typing import Literal

from crossmodal.parameters import Severity
from crossmodal.shifts.base import ImageShift

Corruption = Literal[
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur",
    "zoom_blur", "snow", "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate",
    "jpeg_compression", "speckle_noise", "gaussian_blur", "spatter", "saturate",
]  # fmt: skip


class Params(ImageShift):
    """One of the 19 corruptions of Hendrycks and Dietterich (2019)."""

    kind: Literal["corruption"]
    name: Corruption
    """Which corruption, by its name in ImageNet-C."""
    severity: Severity
    """1 (hardly visible) to 5 (severe), as in ImageNet-C."""
