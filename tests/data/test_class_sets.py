"""Datasets to classify: families stay together, classes have what few-shot learning needs, styles agree."""

import hashlib
import io
import json
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.data.base import Splits
from crossmodal.data.build import build_dataset
from crossmodal.data.class_counts import large_enough
from crossmodal.data.class_sets import ClassSetParameters
from crossmodal.data.emoji_families import family
from crossmodal.data.emoji_params import EMOJIBASE, EMOJILIB, OPENMOJI, STYLES
from crossmodal.data.emojibase import PLATFORMS, Concept, concept_slug, read_concepts
from crossmodal.data.packages import fetch
from crossmodal.data.splits import assign
from crossmodal.data.tables import SPLITS, Example, read_examples
from crossmodal.errors import UserError

OUTPUTS = (*SPLITS, "rejects", "sheet", "sheet_md")
INFO = {"license": {"title": "MIT"}, "author": {"name": "A designer"}}
CLASSES = {1: "animal-bird", 2: "person-role", 3: "time", 4: "heart"}
ROLES = ["cook", "judge", "pilot", "singer", "guard", "farmer", "artist", "teacher", "student", "nurse"]
LABELS = {
    1: [f"bird {i}" for i in range(20)],
    2: [f"{who}{role}" for role in ROLES for who in ("", "man ", "woman ")],
    3: [f"{hour} o’clock" for hour in ("one", "two", "three", "four", "five")] + ["watch"],
    4: ["red heart", "blue heart"],
}
"""Labels by class: birds are no family, each role is one of three, all hours are one."""
HEALTH = {
    "version": "1.2.13",
    "sha512": "d5cea7ce35e86011f016a7245f825bd0f21178ece6dc56788561cdcff618c35c"
    "8bed04414dea2587e4b8916a635956bc867f6826381d16fd1fc9df0445c46210",
}


def package(path: Path, files: dict[str, object]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def bar(width: float) -> dict[str, str]:
    return {"body": f'<path d="M0 0h{width / 4}v8H0z"/>'}


def concept(label: str, subgroup: str = "things") -> Concept:
    return Concept(concept_slug(label), label, (), "g", subgroup, "g", subgroup, "x", "x", {})


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    """Tarballs of 58 concepts: openmoji draws all, two of them alike, twemoji without every fourth."""
    every = [(number, label) for number, labels in LABELS.items() for label in labels]
    records = [
        {"label": label, "hexcode": label, "emoji": label, "group": 3, "subgroup": number, "tags": ["word"]}
        for number, label in every
    ]
    names = [{"key": name, "message": name} for name in CLASSES.values()]
    base = {
        "en/data.json": records,
        "en/messages.json": {"groups": [{"key": "all", "message": "all"}], "subgroups": names},
        "meta/groups.json": {"groups": {"3": "all"}, "subgroups": {str(n): c for n, c in CLASSES.items()}},
        **{f"en/shortcodes/{platform}.json": {} for platform in PLATFORMS},
    }
    found = {
        EMOJIBASE.name: package(tmp_path / "base.tgz", base),
        EMOJILIB.name: package(tmp_path / "lib.tgz", {"dist/emoji-en-US.json": {}}),
        OPENMOJI.name: package(tmp_path / "tags.tgz", {"data/openmoji.json": []}),
    }
    for style, step in {"openmoji": 0, "twemoji": 4}.items():
        drawn = {
            concept_slug(label): bar(place + 1)
            for place, (_, label) in enumerate(every) if not step or place % step
        }  # fmt: skip
        if not step:
            drawn["bird-7"] = drawn["bird-3"]
        content = {"prefix": style, "icons": drawn, "width": 16, "height": 16}
        path = tmp_path / f"{style}.tgz"
        found[STYLES[style].name] = package(path, {"icons.json": content, "info.json": INFO})
    return found


def build(values: dict, sources: dict[str, Path], folder: Path) -> tuple[dict, dict[str, list[Example]]]:
    """Build a dataset and return its sheet and its examples by split, as they are read back."""
    params = registry.parse("data", values)
    folder.mkdir(exist_ok=True)
    sheet = build_dataset("classes", params, sources, {name: folder / name for name in OUTPUTS})
    return sheet, {split: read_examples(folder / split) for split in SPLITS}


def emoji(sources: dict[str, Path], folder: Path, **values: object) -> tuple[dict, dict[str, list[Example]]]:
    small = {
        "kind": "emoji_classes",
        "style": "openmoji",
        "image_size": 60,
        "min_images": 2,
        "min_val_images": 1,
    }
    return build(small | values, sources, folder)


def check(splits: dict[str, list[Example]], needed: dict[str, int]) -> None:
    """Assert what holds for every dataset to classify."""
    of: defaultdict[str, set[str]] = defaultdict(set)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    pictures = Counter(example.image for part in splits.values() for example in part)
    for split, part in splits.items():
        for example in part:
            of[example.group].add(split)
            counts[example.label][split] += 1
            assert example.captions and example.label == concept_slug(example.label)
    assert all(count == 1 for count in pictures.values()), "no twins"
    for label, own in counts.items():
        assert all(own[split] >= least for split, least in needed.items()), (label, own)


def families_are_whole(splits: dict[str, list[Example]]) -> bool:
    groups = [{example.group for example in part} for part in splits.values()]
    return sum(map(len, groups)) == len(set().union(*groups))


def test_families_stand_in_one_split_and_small_classes_are_counted(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    sheet, splits = emoji(sources, tmp_path / "out")
    check(splits, {"train": 2, "val": 1, "test": 1})
    assert families_are_whole(splits)
    assert {example.label for part in splits.values() for example in part} == {"animal-bird", "person-role"}
    facts = sheet["facts"]
    assert (facts["classes"], facts["classes left out, with too few images"]) == (2, 2)
    assert (facts["images of classes left out"], facts["twins left out"]) == (8, 1)
    roles = [{x.group for x in part if x.label == "person-role"} for part in splits.values()]
    assert [len(families) for families in roles] == [6, 2, 2], "60, 15 and 25 % of ten families"
    assert "person-role/cook" in set().union(*roles)
    assert (tmp_path / "out/sheet_md").read_text().startswith("# Emoji of openmoji, by subgroup\n")


def test_a_concept_is_in_one_split_whatever_the_style(sources: dict[str, Path], tmp_path: Path) -> None:
    of = [
        {
            x.image_id.partition("/")[2]: split
            for split, part in emoji(sources, tmp_path / style, style=style)[1].items()
            for x in part
        }
        for style in ("openmoji", "twemoji")
    ]
    both = of[0].keys() & of[1].keys()
    assert len(both) > 20 and all(of[0][slug] == of[1][slug] for slug in both)


def test_what_another_dataset_is_judged_on_can_be_held_out(sources: dict[str, Path], tmp_path: Path) -> None:
    target = {"train": 0.6, "val": 0.1, "test": 0.3}
    whole = emoji(sources, tmp_path / "whole")[1]
    part = emoji(sources, tmp_path / "part", held_out=target, min_val_images=0)[1]
    every = [concept_slug(label) for labels in LABELS.values() for label in labels]
    elsewhere = assign(every, Splits.model_validate(target))
    judged = {slug for slug, split in elsewhere.items() if split != "train"}
    for split in SPLITS:
        before, after = ({x.image_id.partition("/")[2] for x in own[split]} for own in (whole, part))
        assert after == before - judged


def test_where_no_class_is_large_enough_the_nearest_is_named(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        emoji(sources, tmp_path / "out", min_images=30)
    assert str(error.value) == (
        "no class has enough images (30 in train, 1 in val, 1 in test); person-role comes nearest with 18 in "
        "train, 6 in val, 6 in test: lower min_images, min_val_images or min_test_images"
    )


@pytest.mark.parametrize(
    "label, name",
    [
        ("man health worker", "health-worker"), ("health worker", "health-worker"), ("mermaid", "merperson"),
        ("person: blond hair", "person"), ("family: man, woman, boy", "family"), ("five-thirty", "clock"),
        ("six o’clock", "clock"), ("waxing crescent moon", "moon"), ("full moon face", "moon"),
        ("red heart", "heart"), ("up-right arrow", "arrow"), ("leftwards pushing hand", "pushing-hand"),
        ("woman’s hat", "hat"), ("man’s shoe", "shoe"), ("flag: Chile", "flag-chile"), ("octopus", "octopus"),
        ("flag: Western Sahara", "flag-western-sahara"), ("keycap: 4", "keycap"), ("open", "open"),
        ("hot face", "hot"), ("boy", "person"), ("dog face", "dog"),
    ],
)  # fmt: skip
def test_a_family_is_a_name_without_its_details(label: str, name: str) -> None:
    assert family(concept(label, "kind")) == f"kind/{name}"


SPLIT = st.sampled_from(SPLITS)


@given(
    found=st.lists(st.tuples(SPLIT, st.sampled_from("abcd")), max_size=60),
    needed=st.tuples(*[st.integers(0, 4)] * 2, st.integers(1, 4)),
)
def test_classes_are_kept_as_counting_each_by_itself_says(
    found: list[tuple[str, str]], needed: tuple[int, int, int]
) -> None:
    params = ClassSetParameters(
        kind="x", min_images=needed[0], min_val_images=needed[1], min_test_images=needed[2]
    )
    examples = [
        (split, Example(str(place), b"", "", ["c"], label, label, "s"))
        for place, (split, label) in enumerate(found)
    ]
    kept = set()
    for label in "abcd":
        own = [split for split, other in found if other == label]
        if own and all(own.count(split) >= least for split, least in zip(SPLITS, needed, strict=True)):
            kept.add(label)
    if not kept:
        with pytest.raises(UserError, match="no class has enough images"):
            large_enough(examples, params)
        return
    splits, facts = large_enough(examples, params)
    wanted = [(split, one) for split, one in examples if one.label in kept]
    assert {split: [one for other, one in wanted if other == split] for split in SPLITS} == splits
    assert facts["classes"] == len(kept)
    assert facts["images of classes left out"] == len(found) - len(wanted)


def icon_set(path: Path, categories: dict[str, list[str]], **more: dict[str, object]) -> dict:
    """Write a set with the icons of `categories` and `more`; return the parameters of its classes."""
    names = list(dict.fromkeys(name for own in categories.values() for name in own))
    icons = {name: bar(place + 1) for place, name in enumerate(names)} | more
    content = {"prefix": "x", "icons": icons, "width": 32, "height": 32}
    package(path, {"icons.json": content, "info.json": INFO, "metadata.json": {"categories": categories}})
    pin = {"version": "1.0.0", "sha512": hashlib.sha512(path.read_bytes()).hexdigest()}
    return {"kind": "icon_classes", "icon_set": "x", "pin": pin, "image_size": 120, "min_images": 4}


def test_filled_and_outlined_icons_are_one_family_and_each_icon_has_one_class(tmp_path: Path) -> None:
    def variants(name: str) -> list[str]:
        return [name, f"{name}-outline", f"{name}-24px", f"{name}-outline-24px"]

    categories = {
        "Body Parts": [icon for i in range(12) for icon in variants(f"bone {chr(97 + i)}".replace(" ", "-"))],
        "Few": ["lonely"],
        "Others": [*(f"thing-{chr(97 + i)}" for i in range(15)), "bone-a"],
    }
    path = tmp_path / "x.tgz"
    values = icon_set(path, categories, old={**bar(70), "hidden": True}, free=bar(80), empty={"body": "<g/>"})
    values["min_val_images"] = 2
    sheet, splits = build(values, {"@iconify-json/x": path}, tmp_path / "out")
    check(splits, {"train": 4, "val": 2, "test": 1})
    assert families_are_whole(splits)
    found = {example.image_id: example for part in splits.values() for example in part}
    assert len(found) == 23 + 15
    outline = found["x/bone-b-outline"]
    assert (outline.label, outline.group) == ("body-parts", "body-parts/bone-b")
    assert outline.captions == ["bone b"] and found["x/bone-b"].group == outline.group
    facts = sheet["facts"]
    assert facts["icons left out by their endings"] == 24
    assert facts["icons of several categories left out"] == 1
    assert facts["icons without a category left out"] == 2
    assert (facts["classes"], facts["classes left out, with too few images"]) == (2, 1)


def test_a_set_without_categories_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tgz"
    values = icon_set(path, {}, one=bar(1))
    with pytest.raises(
        UserError, match=r"@iconify-json/x: has no categories of its own in package/metadata.json"
    ):
        build(values, {"@iconify-json/x": path}, tmp_path / "out")


def test_wrong_parameters_are_refused() -> None:
    pin = {"version": "1.0.0", "sha512": "0" * 128}
    for values in (
        {"kind": "emoji_classes", "style": "comic"},
        {"kind": "icon_classes", "icon_set": "x", "pin": pin, "endings": ["("]},
        {"kind": "digits", "min_test_images": 0},
    ):
        with pytest.raises(ValidationError):
            registry.parse("data", values)


def test_what_is_resampled_as_one() -> None:
    """Images of a family answer alike; each image of a digit or of a concept is a draw of its own."""
    pin = {"version": "1.0.0", "sha512": "0" * 128}
    clusters = {
        values["kind"]: registry.parse("data", values).cluster()
        for values in (
            {"kind": "emoji_classes", "style": "noto"}, {"kind": "icon_classes", "icon_set": "x", "pin": pin},
            {"kind": "digits"}, {"kind": "emoji", "styles": ["noto"]}, {"kind": "shapes", "n": 3},
        )
    }  # fmt: skip
    assert clusters == {
        "emoji_classes": "group", "icon_classes": "group", "digits": "image_id", "emoji": "image_id",
        "shapes": "image_id",
    }  # fmt: skip


def test_digits_are_the_data_enlarged_dark_on_white(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    from crossmodal.data.digits import NAMES

    sheet, splits = build({"kind": "digits", "image_size": 20}, {}, tmp_path / "out")
    assert {split: len(part) for split, part in splits.items()} == {"train": 1078, "val": 269, "test": 450}
    assert sheet["facts"]["classes"] == 10
    data = load_digits()
    for example in splits["test"][:30]:
        name, place = example.image_id.removeprefix("digits/").split("-")
        assert example.label == name == NAMES[data.target[int(place)]]
        assert name in example.captions[0]
        grey = np.asarray(Image.open(io.BytesIO(example.image)).convert("L"), dtype=float)
        blocks = 255 - grey.reshape(10, 2, 10, 2).mean(axis=(1, 3))
        ink = np.pad(data.images[int(place)], 1)
        assert grey[0, 0] == 255 and np.corrcoef(blocks.ravel(), ink.ravel())[0, 1] > 0.98


def test_a_limit_cuts_large_classes_alike_in_every_split_and_style() -> None:
    params = ClassSetParameters(kind="x", min_images=1, min_val_images=0, limit=10)
    found = {
        style: [
            (split, Example(f"{style}/{label}-{split}-{n}", b"", "", [], label, "", style))
            for label, images in (("large", 40), ("small", 3))
            for split in SPLITS
            for n in range(images)
        ]
        for style in ("flat", "line")
    }
    kept = {style: large_enough(examples, params)[0] for style, examples in found.items()}
    for split, most in (("train", 6), ("val", 2), ("test", 2)):
        names = [{e.image_id.partition("/")[2] for e in own[split]} for own in kept.values()]
        assert names[0] == names[1]
        counts = Counter(example.label for example in kept["flat"][split])
        assert counts == {"large": most, "small": min(3, most)}


def test_a_limit_keeps_digits_in_their_split(tmp_path: Path) -> None:
    whole = build({"kind": "digits", "image_size": 10}, {}, tmp_path / "whole")[1]
    part = build({"kind": "digits", "image_size": 10, "limit": 30}, {}, tmp_path / "part")[1]
    for split in SPLITS:
        assert ids(part[split]) < ids(whole[split])
    assert sum(map(len, part.values())) == pytest.approx(300, abs=20)


def ids(examples: Iterable[Example]) -> set[str]:
    return {example.image_id for example in examples}


@pytest.mark.slow
@pytest.mark.network
def test_the_real_sets_have_classes_for_sixteen_shots(tmp_path: Path) -> None:
    styles = ("openmoji", "twemoji", "noto")
    needed = {"train": 16, "val": 4, "test": 1}
    of: dict[str, dict[str, str]] = {}
    packages = {p.name: p for style in styles for p in registry.parse(
        "data", {"kind": "emoji_classes", "style": style}).packages()}  # fmt: skip
    icons = registry.parse("data", {"kind": "icon_classes", "icon_set": "healthicons", "pin": HEALTH})
    packages |= {p.name: p for p in icons.packages()}
    found = {name: tmp_path / p.file_name for name, p in packages.items()}
    for name, p in packages.items():
        fetch(p, found[name])
    for style in styles:
        sheet, splits = build(
            {"kind": "emoji_classes", "style": style, "image_size": 32}, found, tmp_path / style
        )
        check(splits, needed)
        assert families_are_whole(splits) and sheet["facts"]["classes"] >= 15
        assert sheet["rejects"]["count"] == 0
        of[style] = {x.image_id.partition("/")[2]: split for split, own in splits.items() for x in own}
    for style in styles:
        both = of["openmoji"].keys() & of[style].keys()
        assert len(both) > 500 and all(of["openmoji"][slug] == of[style][slug] for slug in both)
    sheet, splits = build(icons.model_dump() | {"image_size": 32}, found, tmp_path / "icons")
    check(splits, needed)
    assert families_are_whole(splits) and sheet["facts"]["classes"] == 15
    concepts = read_concepts(found[EMOJIBASE.name])
    hours = {family(one) for one in concepts if one.label.endswith(("o’clock", "-thirty"))}
    assert hours == {"time/clock"}
    assert len({family(one) for one in concepts if one.subgroup == "country-flag"}) > 250
