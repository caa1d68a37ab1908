"""Typed parameters of the statistics and of the hypotheses. Free of torch: the Snakefile imports it."""

from typing import Annotated

from pydantic import Field

from crossmodal.parameters import Count, Name, Parameters


class EvaluationParameters(Parameters):
    """The bootstrap behind every interval."""

    resamples: Count = 10_000
    """Bootstrap resamples."""
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Coverage of the intervals, a share."""
    bootstrap_seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the resamples: equal seeds give equal resamples for every cell, so that cells are paired."""


class SecondDomain(Parameters):
    """Cells that are adapted to another dataset, on which H1 is judged once more."""

    dataset: Name
    """The dataset that both cells are adapted to."""
    peft: Name
    """Cell of H1 there."""
    reference: Name
    """Cell that it is compared with there: full fine-tuning."""


class HypothesisParameters(Parameters):
    """Which cells and which index the hypotheses are about; null leaves out the claims that need it."""

    reference: Name | None = "full"
    """Cell that the others are compared with: full fine-tuning."""
    baseline: Name | None = "zero-shot"
    """Cell before any adaptation: the zero of the normalised gain."""
    peft: Name | None = "lora-r8"
    """Cell of H1."""
    adversarial: Name | None = "lora-r8-pgd"
    """Adversarially trained cell of H2."""
    standard: Name | None = "full"
    """Cell of H2 that is trained without an adversary."""
    search_cell: Name | None = None
    """Cell whose embeddings H3 searches; null for the cell `peft`."""
    search_index: Name | None = "ivf-pq"
    """Index of H3, used with its re-ranker."""
    exhaustive: Name | None = "flat"
    """Index of exhaustive search, which the loss of the others is measured against."""
    second: SecondDomain | None = None
    """A second domain for H1; null where it is not judged."""

    def reference_on(self, dataset: str, target: str) -> str | None:
        """Return the reference of the cells that are adapted to `dataset`, where `target` is the study's own."""
        if self.second and dataset == self.second.dataset:
            return self.second.reference
        return self.reference if dataset == target else None
