"""Batched augmentation: a random crop with zoom and shift, then brightness and contrast."""

import torch
from torch import Generator, Tensor
from torch.nn import functional

from crossmodal.models.dual_encoder import to_pixels
from crossmodal.training.settings import AugmentationParameters


def augment(
    images: Tensor, params: AugmentationParameters | None, generator: Generator,
    first: int = 0, pairs: int | None = None,
) -> Tensor:  # fmt: skip
    """Return uint8 images [b, s, s, 3] as float32 pixels [b, 3, s, s] in [0, 1], each changed at random.

    Without `params` nothing is changed. Aspect and orientation stay; beyond the border its pixels repeat.
    Draws come from `generator`, a fixed number for each image. Where the images are a part of a batch of `pairs`,
    from number `first` on, they get what they would get as part of the whole batch.
    """
    pixels = to_pixels(images)
    if params is None:
        return pixels
    drawn = torch.rand(pairs or len(pixels), 5, generator=generator, device=generator.device)
    u = drawn[first : first + len(pixels)].to(pixels)
    span = params.largest_scale - params.smallest_scale
    pixels = _crop(pixels, params.smallest_scale + span * u[:, 0], params.shift * (2 * u[:, 1:3] - 1))
    signed = 2 * u[:, 3:] - 1
    return _jitter(pixels, 1 + params.brightness * signed[:, 0], 1 + params.contrast * signed[:, 1])


def _crop(pixels: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Show the part of each image with `scale` [b] of its side and a centre off by `shift` [b, 2] sides."""
    theta = torch.zeros(len(pixels), 2, 3, device=pixels.device)
    theta[:, 0, 0] = theta[:, 1, 1] = scale
    theta[:, :, 2] = 2 * shift  # grid coordinates run from -1 to 1
    grid = functional.affine_grid(theta, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _jitter(pixels: Tensor, brightness: Tensor, contrast: Tensor) -> Tensor:
    """Multiply by `brightness` [b] and stretch around the mean by `contrast` [b], cut at 0 and 1."""
    mean = pixels.mean(dim=(1, 2, 3))
    gain = brightness * contrast
    offset = brightness * mean * (1 - contrast)
    return torch.addcmul(offset.view(-1, 1, 1, 1), pixels, gain.view(-1, 1, 1, 1)).clamp_(0, 1)
