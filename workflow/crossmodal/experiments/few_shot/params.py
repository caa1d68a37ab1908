"""Parameters of few-shot classification: which classifiers learn from how many images of which sets."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.classes import Template
from crossmodal.experiments.few_shot.names import AGAIN, ELSEWHERE, ON_TEST, SETS, UNSEEN
from crossmodal.parameters import Check, Count, Name, Names, Parameters, Seeds
from crossmodal.registry import any_of
from crossmodal.statistics.names import CHANCE

if TYPE_CHECKING:
    from crossmodal.study.study import Study

    AnyClassifier = Any
else:
    AnyClassifier = any_of("classifiers")

PLACE = 3.95
TITLE = "Few-shot classification"
QUESTION = "Does a cache of both modalities learn more from a few images than a cache of one?"
KEY = "XM"


class Elsewhere(Parameters):
    """What is learnt from one set is tried on others with classes of the same names."""

    source: Name
    """The set that is learnt from, one of `sets`."""
    sets: Annotated[Names, Field(min_length=1)]
    """Datasets whose test images of the source's classes are classified; nothing is chosen on them."""


class Timing(Parameters):
    """Every method fitted and asked alone on the machine, with the most shots."""

    set: Name
    """The set that is learnt from, one of `sets`."""
    repeats: Count = 50
    """Timed rounds of one image each, in each of which every method is asked once."""
    processes: Count = 2
    """Processes that do all of it, one after another."""


class Params(Parameters):
    """Which classifier learns most from so many images of each class, over features that nobody trains?"""

    sets: Names = []
    """Datasets whose labels are classes: shots are drawn of their train split, choices made on shots of their val
    split, and the test split is classified. No model of the study may be trained on them."""
    seen: Names = []
    """Those of `sets` whose pictures a base model is trained on in other datasets, with other words: the mean
    over the rest has a name of its own. A study that tells them wrong is refused."""
    model: Name | None = None
    """The base model whose features are classified; null for the study's first."""
    others: dict[Name, Annotated[list[Name], Field(min_length=1)]] = {}
    """The methods that other base models' features are classified by as well: numbers have them as
    `<method>@<model>`."""
    shots: Annotated[list[Count], Field(min_length=1)] = [1, 2, 4, 8, 16]
    """Images of each class that are learnt from, in so many runs; the fewer are the first of the more."""
    short_classes: Literal["refuse", "all"] = "refuse"
    """What happens to a set with a class of fewer images than the shots: it is refused, or `all` images of such a
    class are learnt from, as in public benchmarks."""
    draws: Seeds = [0]
    """Draws of the shots: what training seeds are elsewhere. All methods learn from the same draws."""
    validation_shots: Count = 4
    """Images of each class of the val split that choices are made on; never more than the shots."""
    views: Count = 10
    """Crops of each shot, drawn at random; with 1 it is the image as it is."""
    prompts: Annotated[list[Template], Field(min_length=1)] = ["{}"]
    """What stands for a class, with {} in the place of its name: the mean of their embeddings classifies."""
    methods: dict[Name, AnyClassifier] = {}
    """The classifiers by the name that numbers have them under."""
    elsewhere: Elsewhere | None = None
    """Domain generalisation; null for none."""
    timing: Timing | None = None
    """What fitting and asking take, measured apart; null for none."""
    cell: Name | None = None
    """The method that the claims are about."""
    reference: Name | None = None
    """The method that it is compared with, which is also fitted once more with other random draws (`again`)."""
    baseline: Name | None = None
    """The method that learns nothing: what gains are counted from."""
    probe: Name | None = None
    """A method that sees no network: a reference that is not above it says nothing of features."""

    @model_validator(mode="after")
    def _of_these(self) -> Self:
        for role in ("cell", "reference", "baseline", "probe"):
            name = getattr(self, role)
            if name is not None and name not in self.methods:
                raise ValueError(
                    f"{role}: {name} is none of the methods ({', '.join(self.methods) or 'none'})"
                )
        for model, names in self.others.items():
            if strange := [name for name in names if name not in self.methods]:
                raise ValueError(f"others.{model}: {strange[0]} is none of the methods")
        if self.cell is not None and self.cell == self.reference:
            raise ValueError(f"reference: {self.cell} would be compared with itself")
        if len(set(self.shots)) < len(self.shots):
            raise ValueError("shots: each number stands there once")
        for part in (self.elsewhere and self.elsewhere.source, self.timing and self.timing.set):
            if part and part not in self.sets:
                raise ValueError(f"{part}: elsewhere and timing learn from one of the sets")
        if self.elsewhere and self.elsewhere.source in self.elsewhere.sets:
            raise ValueError(f"elsewhere: {self.elsewhere.source} is what is learnt from")
        return self

    @model_validator(mode="after")
    def _names_are_free(self) -> Self:
        for name in self.tested():
            if name in (SETS, UNSEEN, ELSEWHERE):
                raise ValueError(
                    f"sets: {name} is what numbers call a mean over several sets; name it otherwise"
                )
        for name in self.methods:
            if name == CHANCE or name.endswith(AGAIN):
                raise ValueError(f"methods: {name} is a name that numbers use otherwise")
        return self

    @model_validator(mode="after")
    def _roles_are_what_they_say(self) -> Self:
        for name, method in self.methods.items():
            on_test = getattr(method, "chosen_on", "validation") == "test"
            if on_test != name.endswith(ON_TEST):
                raise ValueError(
                    f"methods.{name}: what is chosen on the test split, and nothing else, has a name that ends in"
                    f" {ON_TEST}"
                )
        for role, kind in (("baseline", "zero_shot"), ("probe", "pixels")):
            name = getattr(self, role)
            if name is not None and self.methods[name].kind != kind:
                raise ValueError(f"{role}: {name} is of the kind {self.methods[name].kind}, not {kind}")
        for role in ("cell", "reference"):
            name = getattr(self, role)
            if name is not None and not hasattr(self.methods[name], "learning_rate"):
                raise ValueError(f"{role}: {name} trains nothing, so that another run of it is the same")
            if name is not None and name.endswith(ON_TEST):
                raise ValueError(f"{role}: {name} chooses on the test split, of which claims are made")
        if strange := [name for name in self.seen if name not in self.sets]:
            raise ValueError(f"seen: {strange[0]} is none of the sets")
        return self

    def again(self) -> str | None:
        """Return the name of the reference fitted once more, the A/A row; None without one."""
        return f"{self.reference}{AGAIN}" if self.reference else None

    def groups(self) -> dict[str, list[str]]:
        """Return the sets that means are made over, by the mean's name."""
        unseen = [name for name in self.sets if name not in self.seen]
        found = {SETS: self.sets} | ({UNSEEN: unseen} if self.seen and unseen else {})
        return found | ({ELSEWHERE: self.elsewhere.sets} if self.elsewhere else {})

    def judged(self) -> str:
        """Return the mean that claims are about: over sets that no base model met, where some are told apart."""
        return UNSEEN if UNSEEN in self.groups() else SETS

    def fitted(self, model: str) -> dict[str, Any]:
        """Return the methods that are fitted to the features of `model`, by name."""
        return {name: self.methods[name] for name in self.others.get(model, self.methods)}

    def tested(self) -> list[str]:
        """Return the datasets whose test split is classified."""
        return list(dict.fromkeys([*self.sets, *(self.elsewhere.sets if self.elsewhere else [])]))


def datasets(params: Params) -> list[str]:
    """Return the datasets that its jobs read."""
    return params.tested()


def checks(params: Params, study: "Study") -> Iterator[Check]:
    """Yield what must exist for `params` to make sense: datasets with classes that no model was trained on."""
    models = study.models.values()
    learnt = {name for model in models for name in (*model.datasets, model.validation)}
    classes = [name for name, own in study.datasets.items() if own.has_classes() and name not in learnt]
    what = "dataset with classes that no model of the study is trained on"
    yield Check("sets", params.sets, classes, what)
    yield Check("elsewhere.sets", params.elsewhere.sets if params.elsewhere else [], classes, what)
    made = study.used_models()
    yield Check("model", [params.model], made, "model that some cell adapts")
    yield Check("others", params.others, made, "model that some cell adapts")
    met = [name for name in params.sets if name in classes and _is_met(params, study, name)]
    yield Check("seen", params.seen, met, "set with pictures that a base model is trained on")
    missing = [name for name in met if name not in params.seen]
    what = "set that stands there, though a base model is trained on its pictures"
    yield Check("seen", missing, params.seen, what)
    own = [name for name in params.others if name == (params.model or study.first_model())]
    yield Check("others", own, [], "model beside the one whose features are classified anyway")


def _is_met(params: Params, study: "Study", name: str) -> bool:
    """Return whether a base model whose features are classified is trained on pictures of the dataset `name`."""
    models = [study.models.get(model) for model in (params.model or study.first_model(), *params.others)]
    learnt = [study.datasets.get(data) for model in models if model for data in model.datasets]
    return any(data.pictures() & study.datasets[name].pictures() for data in learnt if data)
