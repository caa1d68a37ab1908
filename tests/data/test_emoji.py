import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from crossmodal import registry
from crossmodal.data.build import build_dataset
from crossmodal.data.emoji import build
from crossmodal.data.emoji_captions import FAMILIES, Words, holds_name, name_of
from crossmodal.data.emoji_params import EMOJIBASE, EMOJILIB, OPENMOJI, STYLES, Params
from crossmodal.data.emoji_words import read_emojilib, read_openmoji
from crossmodal.data.emojibase import PLATFORMS, Concept, concept_slug, icon_names, read_concepts
from crossmodal.data.icons import IconSet, draw, svg
from crossmodal.data.images import decode
from crossmodal.data.packages import fetch

TARGET = {"train": 0.6, "val": 0.1, "test": 0.3}
SQUARE = '<path fill="currentColor" d="M0 0h8v8H0z"/>'  # the upper left quarter of a 16 x 16 view
WORDS = st.text("abcdefgh", min_size=1, max_size=5)


def package(path: Path, files: dict[str, object]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def record(label: str, group: int | None = 3, tags: tuple[str, ...] = ("animal", "sea")) -> dict[str, object]:
    base = {"label": label, "hexcode": label, "emoji": label}
    return base if group is None else {**base, "group": group, "subgroup": 38, "tags": list(tags)}


def icons(body: str = SQUARE, **record: object) -> IconSet:
    content = {"prefix": "x", "icons": {"a": {"body": body, **record}}, "width": 16, "height": 16}
    aliases = {
        "flipped": {"parent": "a", "hFlip": True},
        "turned": {"parent": "a", "rotate": 1},
        "both": {"parent": "turned", "vFlip": True},
        "circle": {"parent": "circle"},
    }
    return IconSet({**content, "aliases": aliases}, {})


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Path]:
    labels = [f"animal {i}" for i in range(40)]
    base = package(
        tmp_path / "emojibase.tgz",
        {
            "en/data.json": [
                *(record(label) for label in labels),
                record("flag: São Tomé & Príncipe", 9),
                record("red hair", 2),
                record("regional indicator A", None),
            ],
            "en/messages.json": {
                "groups": [{"key": "animals-nature", "message": "animals & nature"}],
                "subgroups": [{"key": "animal-marine", "message": "marine life"}],
            },
            "meta/groups.json": {
                "groups": {"2": "component", "3": "animals-nature", "9": "flags"},
                "subgroups": {"38": "animal-marine"},
            },
            **{f"en/shortcodes/{platform}.json": {"animal 1": f"{platform}_one"} for platform in PLATFORMS},
        },
    )
    info = {"license": {"title": "MIT"}, "author": {"name": "A designer"}, "version": "1"}
    lib = {label: [label.replace(" ", "_"), "water_beast", "deep"] for label in labels}
    tags = [
        {"emoji": label, "openmoji_tags": f"tag {label}, big" if label.endswith("7") else ""}
        for label in labels
    ]
    found = {
        EMOJIBASE.name: base,
        EMOJILIB.name: package(tmp_path / "emojilib.tgz", {"dist/emoji-en-US.json": lib}),
        OPENMOJI.name: package(tmp_path / "openmoji.tgz", {"data/openmoji.json": tags}),
    }
    for style, drawn in {"noto": labels, "twemoji": labels[:30]}.items():
        names = [concept_slug(label) for label in drawn]
        content = {
            "prefix": style,
            "width": 16,
            "height": 16,
            "icons": {name: {"body": bar(i + 1)} for i, name in enumerate([*names, "other"])},
            "aliases": {"flag-for-sao-tome-and-principe": {"parent": "other"}},
        }
        found[STYLES[style].name] = package(
            tmp_path / f"{style}.tgz", {"icons.json": content, "info.json": info}
        )
    return found


def bar(width: float) -> str:
    """Return a drawing that differs from others by the width of a bar, in quarters of its 16 units."""
    return f'<path d="M0 0h{width / 4}v8H0z"/>'


def params(**values: object) -> Params:
    return Params.model_validate({"kind": "emoji", "styles": ["noto", "twemoji"], "image_size": 16, **values})


def labels_of(built_split: object) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for example in built_split:  # type: ignore[attr-defined]
        found.setdefault(example.style, set()).add(example.label)
    return found


def test_a_concept_is_in_one_split_in_every_style(sources: dict[str, Path]) -> None:
    both = {split: labels_of(part) for split, part in build(params(), sources).splits.items()}
    alone = {
        split: labels_of(part) for split, part in build(params(styles=["twemoji"]), sources).splits.items()
    }
    all_labels = [label for styles in both.values() for label in set().union(*styles.values())]
    assert len(all_labels) == len(set(all_labels)) == 41
    for split, styles in both.items():
        assert styles["twemoji"] == alone[split]["twemoji"] == styles["noto"] & styles["twemoji"]


def test_components_and_letters_are_no_concepts_and_flags_are_found(sources: dict[str, Path]) -> None:
    concepts = read_concepts(sources[EMOJIBASE.name])
    assert len(concepts) == 41
    assert concepts[-1].slug == "flag-sao-tome-principe"
    assert name_of(concepts[-1].label) == "flag of São Tomé & Príncipe"
    assert (concepts[0].group_name, concepts[0].subgroup_name) == ("animals & nature", "marine life")
    assert concepts[1].codes["github"] == ("github one",)


def test_concepts_that_others_are_judged_on_can_be_held_out(sources: dict[str, Path]) -> None:
    whole = {"train": 1.0, "val": 0.0, "test": 0.0}
    judged = build(params(), sources).splits
    unseen = {example.label for split in ("val", "test") for example in judged[split]}
    crawl = {x.label for x in build(params(split=whole), sources).splits["train"]}
    without = {x.label for x in build(params(split=whole, held_out=TARGET), sources).splits["train"]}
    assert unseen < crawl and without == crawl - unseen


def test_of_two_concepts_drawn_alike_the_first_is_kept_and_the_other_counted(
    sources: dict[str, Path], tmp_path: Path
) -> None:
    drawings = {f"animal-{i}": {"body": bar(1 + i // 2)} for i in range(10)}
    content = {"width": 16, "height": 16, "icons": drawings}
    info = {"license": {"title": "MIT"}, "author": {"name": "A designer"}}
    sources[STYLES["noto"].name] = package(tmp_path / "twins.tgz", {"icons.json": content, "info.json": info})
    built = build(params(styles=["noto"]), sources)
    examples = [example for part in built.splits.values() for example in part]
    assert sorted(x.label for x in examples) == [f"animal-{i}" for i in range(0, 10, 2)]
    assert len({x.image for x in examples}) == 5
    assert built.sheet["facts"]["twins left out of noto"] == 5


def test_a_limit_takes_the_same_concepts_in_each_style(sources: dict[str, Path]) -> None:
    small = build(params(concepts=10), sources)
    whole = build(params(), sources)
    for split in ("train", "val", "test"):
        few, many = labels_of(small.splits[split]), labels_of(whole.splits[split])
        assert few["noto"] <= many["noto"]
        assert few.get("twemoji", set()) <= few["noto"]


def test_icons_that_cannot_be_drawn_are_rejected(sources: dict[str, Path], tmp_path: Path) -> None:
    content = {"width": 16, "height": 16, "icons": {"animal-1": {"body": "<path"}}}
    info = {"license": {"title": "MIT"}, "author": {"name": "A designer"}}
    sources[STYLES["noto"].name] = package(tmp_path / "bad.tgz", {"icons.json": content, "info.json": info})
    built = build(params(styles=["noto"]), sources)
    assert [example for part in built.splits.values() for example in part] == []
    (reject,) = built.rejects
    assert reject.image_id == "noto/animal-1" and "cannot be drawn" in reject.reason


CONCEPT = st.builds(
    lambda label, keywords, codes, kind: Concept(
        slug=label, label=label, keywords=tuple(k for k in keywords if k != label), group="g", subgroup=kind,
        group_name="things", subgroup_name=kind, emoji=label, hexcode=label,
        codes={platform: tuple(codes) for platform in PLATFORMS},
    ),
    label=st.lists(WORDS, min_size=1, max_size=3).map(" ".join), keywords=st.lists(WORDS, max_size=9, unique=True),
    codes=st.lists(WORDS, max_size=2), kind=WORDS,
)  # fmt: skip
CONCEPTS = st.lists(CONCEPT, min_size=1, max_size=8, unique_by=lambda concept: concept.slug)


def plain(text: str) -> str:
    """Return what is left of a caption without case and signs."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


@given(concepts=CONCEPTS, words=st.lists(WORDS, max_size=6))
def test_captions_of_people_fit_one_concept_and_none_is_met_on_the_web(
    concepts: list[Concept], words: list[str]
) -> None:
    others = Words(
        {c.emoji: (c.label, *words) for c in concepts}, {c.emoji: tuple(words[:3]) for c in concepts}
    )
    made = {family: make(concepts, others) for family, make in FAMILIES.items()}
    for captions in made.values():
        for texts in captions.values():
            assert 1 <= len(texts) <= 5
            assert len({plain(text) for text in texts}) == len(texts)
    asked = [plain(text) for texts in made["people"].values() for text in texts]
    assert len(asked) == len(set(asked))
    assert not set(asked) & {plain(text) for texts in made["web"].values() for text in texts}


def test_a_name_is_held_whatever_stands_around_it() -> None:
    flag = Concept("s", "flag: Costa Rica", (), "flags", "f", "flags", "f", "x", "x", {})
    assert holds_name("emoji costa rica", flag) and not holds_name("CR, rica", flag)


def test_names_of_icons() -> None:
    assert icon_names("piñata") == ("pinata",)
    assert icon_names("keycap: #") == ("keycap-hash", "keycap-pound", "keycap")
    assert icon_names("keycap: *")[0] == "keycap-asterisk"
    assert "flag-for-turks-and-caicos-islands" in icon_names("flag: Turks & Caicos Islands")
    assert "flag-us-virgin-islands" in icon_names("flag: U.S. Virgin Islands")


def dark_quarter(name: str, **record: object) -> tuple[int, int]:
    """Return row and column (0 or 1) of the quarter that holds the drawing, which must be black on white."""
    pixels = decode(draw(icons(**record), name, 32), 32)
    dark = (pixels == 0).all(axis=2)
    assert dark.sum() == 256 and (pixels == 255).all(axis=2).sum() == 32 * 32 - 256
    rows, columns = np.nonzero(dark)
    return int(rows.mean() // 16), int(columns.mean() // 16)


def test_aliases_flip_and_turn() -> None:
    assert dark_quarter("a") == (0, 0)
    assert dark_quarter("flipped") == (0, 1)
    assert dark_quarter("turned") == (0, 1)
    assert dark_quarter("both") == (1, 1)
    with pytest.raises(KeyError):
        draw(icons(), "circle", 32)


def test_a_frame_moves_the_drawing_and_wide_icons_stand_in_the_middle() -> None:
    assert dark_quarter("a", left=-8, top=-8) == (1, 1)
    assert 'viewBox="0.0 -8.0 32 32"' in svg(icons(width=32), "a")


def test_a_drawing_is_the_same_on_every_run() -> None:
    assert draw(icons(), "a", 64) == draw(icons(), "a", 64)


def test_wrong_styles_are_refused() -> None:
    for styles in ([], ["noto", "noto"], ["comic"]):
        with pytest.raises(ValidationError):
            params(styles=styles)


@pytest.mark.network
def test_the_real_packages_have_what_the_design_counts(tmp_path: Path) -> None:
    values = {"kind": "emoji", "styles": ["fxemoji"], "image_size": 32}
    real = registry.parse("data", values)
    found = {}
    for one in real.packages():
        found[one.name] = tmp_path / one.file_name
        fetch(one, found[one.name])
    concepts = read_concepts(found[EMOJIBASE.name])
    assert len(concepts) >= 1913
    assert len({concept.slug for concept in concepts}) == len(concepts)
    words = Words(read_emojilib(found[EMOJILIB.name]), read_openmoji(found[OPENMOJI.name]))
    made = {family: make(concepts, words) for family, make in FAMILIES.items()}
    assert all(len(texts) == 5 for family in ("people", "web") for texts in made[family].values())
    asked = {plain(text) for texts in made["people"].values() for text in texts}
    assert len(asked) == 5 * len(concepts)
    assert not asked & {plain(text) for texts in made["web"].values() for text in texts}
    named = [sum(holds_name(text, c) for text in made["people"][c.slug]) for c in concepts]
    assert sum(named) <= 2 * len(
        concepts
    )  # of five captions that differ as people's do two may hold the name
    files = {key: tmp_path / key for key in ("train", "val", "test", "rejects", "sheet", "sheet_md")}
    sheet = build_dataset("fx", real, found, files)
    assert sheet["images"]["count"] == 230
    assert sheet["rejects"]["count"] == 0
