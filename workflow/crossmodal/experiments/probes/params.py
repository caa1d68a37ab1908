"""Parameters of the probes: baselines of retrieval that see no network. Free of torch."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pydantic import model_validator

from crossmodal.parameters import Check, Name, Parameters

if TYPE_CHECKING:
    from crossmodal.study.study import Study

PLACE = 5
TITLE = "Without a model"
QUESTION = "How far does one get without a model?"
KEY = "probes"
CRAWL, TARGET = "crawl", "target"
KNOWS = {"lookup": CRAWL, "colours": TARGET}
"""The probes, a module of this package each, and whose training split each of them looks things up in."""


class Params(Parameters):
    """Baselines that see no network, on the target's test split: what a recall is to be read beside."""

    probes: list[Name] = []
    """`lookup`: words and drawings looked up in what the first base model is trained on; `colours`: the colours
    that go with words in the target's training split."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if twice := [name for i, name in enumerate(self.probes) if name in self.probes[:i]]:
            raise ValueError(f"probes: {twice[0]} stands in it twice")
        return self


def crawl(study: "Study") -> tuple[str, list[str]]:
    """Return the first base model that some cell adapts, and the datasets that it is trained on."""
    used = study.used_models()
    model = next((name for name in used if study.models[name].adapts_by_default()), used[0])
    return model, study.models[model].datasets


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense."""
    yield Check("probes", params.probes, KNOWS, "probe")
    model, datasets = crawl(study)
    if not datasets:
        without = [name for name, source in KNOWS.items() if source != CRAWL]
        what = f"probe of a study whose first model, {model}, is trained on no dataset"
        yield Check("probes", params.probes, without, what)
