"""Typed parameters of training, of a base model and of every cell alike. Free of torch."""

from typing import Literal, Self

from pydantic import Field, model_validator

from crossmodal.parameters import Count, NotNegative, Parameters, Positive, Share


class AugmentationParameters(Parameters):
    """Random changes of the training images, drawn anew for each image and epoch.

    There is no mirroring: captions may say left and right.
    """

    smallest_scale: Positive = 0.8
    """Least share of the image's side that is seen; the rest is cropped."""
    largest_scale: Positive = 1.0
    """Greatest share of the image's side that is seen; above 1 the border pixels are repeated."""
    shift: Share = 0.1
    """Greatest displacement in each direction, as a share of the side."""
    brightness: Share = 0.1
    """Pixels are multiplied by 1 ± at most this."""
    contrast: Share = 0.1
    """Distances to the image's mean are multiplied by 1 ± at most this."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.smallest_scale > self.largest_scale:
            raise ValueError(
                f"smallest_scale {self.smallest_scale} is above largest_scale {self.largest_scale}"
            )
        return self


class TrainingParameters(Parameters):
    """How a model is trained: the one loop's parameters."""

    epochs: Count
    """Passes over the training images; each pass shows every image once, with one of its captions."""
    batch_size: Count = 128
    """Greatest number of pairs among which the contrastive loss is taken, of all processes together."""
    forward_chunk: Count | None = None
    """Pairs that a process encodes at once, by caching gradients (Gao et al. 2021): the loss stays that of the
    whole batch, in the memory of the chunk, for one forward pass more; none for all of the batch."""
    learning_rate: Positive = 1e-3
    """Highest learning rate, reached after the warm-up; it falls to 0 along a cosine."""
    weight_decay: NotNegative = 0.1
    """Decoupled weight decay of AdamW; biases, norms and the logit scale have none."""
    warmup_share: Share = 0.1
    """Share of the optimiser's steps over which the learning rate rises linearly."""
    gradient_accumulation: Count = 1
    """Batches whose gradients are averaged for one step of the optimiser. Negatives come from the own
    batch only, so this is not the same as a larger batch."""
    max_gradient_norm: Positive | None = 1.0
    """Gradients are scaled down to this L2 norm over all trained tensors; none for no limit."""
    early_stopping_patience: Count | None = None
    """Epochs without a better validation MRR after which training ends; none for never. The best epoch's
    weights are the result in either case where there is validation data, those from before training where no epoch
    is better."""
    augmentation: AugmentationParameters | None = Field(default_factory=AugmentationParameters)
    """Random changes of the images; none for none."""
    mixed_precision: Literal["auto", "off", "bf16", "fp16"] = "auto"
    """auto: bf16 where the device is a GPU, else float32; off: float32; bf16: bfloat16; fp16: float16 with
    scaled losses, for GPUs without bfloat16. Parameters and losses are float32 in each."""
    activation_checkpointing: bool = False
    """Compute each block's activations once more on the way back instead of keeping them: less memory, more
    time, equal gradients."""
    processes: Count = 1
    """Processes that share each batch, one GPU each where there are GPUs."""
    threads: Count = 1
    """Threads of a process that trains on the CPU; part of the result's last bits."""

    @model_validator(mode="after")
    def _shareable(self) -> Self:
        if self.batch_size < self.processes:
            raise ValueError(f"batch_size {self.batch_size} is below processes {self.processes}")
        return self
