"""The page of an answer: served, or one file that needs nothing but itself. Every value in it is escaped."""

import base64
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from crossmodal.serving.limits import DEFAULT_TOP, Limits
from crossmodal.serving.session import Hit
from crossmodal.serving.thumbnails import thumbnail

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True)
class Card:
    """One item as the page shows it."""

    rank: int | None
    """None where the item answers no query."""
    name: str
    score: str
    share: float
    """Length of the bar, in per cent of the best item's."""
    caption: str
    """Empty where it only repeats the name."""
    alt: str
    source: str
    """Address of the picture; empty where there is none."""
    href: str = ""
    """Where a click on the picture leads."""
    place: str = ""
    """Where the picture is on this machine; never in a served page."""


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def asset(name: str) -> str:
    """Return a style or a script of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def answer_file(query: str | bytes, hits: Sequence[Hit], count: int) -> str:
    """Return a self-contained page of `hits` among `count` items, pictures as data URIs, paths in words.

    `query` is the text, or the encoded image that was asked with.
    """
    style = asset("page.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    text = query if isinstance(query, str) else ""
    return _rendered(
        served=False,
        policy=policy,
        style=Markup(style),
        title=f"{text or 'a picture'} · crossmodal",
        heading=heading(text, len(hits)),
        picture="" if isinstance(query, str) else data_uri(query),
        cards=[_card(hit, hits[0].score, data_uri(hit.picture), place=hit.place or "") for hit in hits],
        count=count,
    )


def served_page(
    hits: Sequence[Hit],
    count: int,
    limits: Limits,
    *,
    text: str = "",
    like: Hit | None = None,
    top: int = DEFAULT_TOP,
    problem: str = "",
) -> str:
    """Return the page of the service: an answer to `text`, or to the picture of `like`, or some of the items."""
    asked = bool(text or like or problem)
    best = hits[0].score if hits and asked else 0.0
    if problem:
        words = "No answer"
    elif like:
        words = f"The {len(hits)} pictures most like {like.name}"
    else:
        words = heading(text, len(hits)) if text else f"{len(hits)} of the {count:,} pictures in this index"
    return _rendered(
        served=True,
        policy="",
        style="",
        title=f"{text or (like.name if like else 'search')} · crossmodal",
        heading=words,
        picture=picture_address(like.row) if like else "",
        cards=[_card(hit, best, picture_address(hit.row), f"/?like={hit.row}", ranked=asked) for hit in hits],
        count=count,
        text=text,
        top=top,
        problem=problem,
        asked=asked,
        limits=limits,
    )


def _rendered(**values: object) -> str:
    defaults = {"asked": True, "problem": "", "text": "", "top": DEFAULT_TOP, "default_top": DEFAULT_TOP}
    return _environment().get_template("page.html").render(defaults | values)


def heading(text: str, found: int) -> str:
    """Return the words over the answer to `text`, or to a picture where that is empty."""
    pictures = "picture" if found == 1 else f"{found} pictures"
    return f"The {pictures} that fit “{text}” best" if text else f"The {pictures} most like this one"


def picture_address(row: int) -> str:
    """Return where the service has the picture of the item at a position in the index."""
    return f"/pictures/{row}"


def data_uri(data: bytes | None) -> str:
    """Return a picture as a data URI, as large as it is shown; empty for what is no image."""
    shown = thumbnail(data) if data else None
    return f"data:{shown[0]};base64,{base64.b64encode(shown[1]).decode('ascii')}" if shown else ""


def _card(
    hit: Hit, best: float, source: str, href: str = "", place: str = "", *, ranked: bool = True
) -> Card:
    share = round(max(0.0, 100 * hit.score / best), 1) if best > 0 else 0.0
    caption = hit.caption or ""
    repeats = _words(hit.name) == _words(caption)
    return Card(
        hit.rank if ranked else None, hit.name, f"{hit.score:.3f}", share, "" if repeats else caption,
        caption or hit.name, source, href, place,
    )  # fmt: skip


def _words(text: str) -> list[str]:
    return text.lower().replace("-", " ").replace("_", " ").split()
