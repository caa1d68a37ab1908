"""`crossmodal search`: the pictures that fit a text, or that are most like a picture."""

import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crossmodal.commands.chosen_model import ModelOption
from crossmodal.commands.context import StudyOption
from crossmodal.commands.searched import Datasets, Index, choose_searched
from crossmodal.commands.toolkit import Adapter, written
from crossmodal.errors import UserError

if TYPE_CHECKING:
    from crossmodal.serving.session import Hit, Session

LARGEST_TOP = 10_000
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
"""Ends of a name by which a query that is no file is taken for a path."""


def search(
    query: Annotated[
        str | None, typer.Argument(metavar="[QUERY]", help="What the picture shows, or the path of an image.")
    ] = None,
    study: StudyOption = None,
    index: Index = None,
    model: ModelOption = None,
    adapter: Adapter = None,
    pictures: Datasets = None,
    top: Annotated[int, typer.Option(min=1, max=LARGEST_TOP, help="Items to print.")] = 10,
    html: Annotated[
        Path | None, typer.Option(metavar="OUT.html", help="Where a page with the pictures goes, one file.")
    ] = None,
    prompt: Annotated[bool, typer.Option(help="On a terminal, ask for more queries afterwards.")] = True,
) -> None:
    """Find the pictures that fit a text, or that are most like a picture, in a study's index or another.

    Prints rank, score, name and where the picture is.
    """
    more = prompt and sys.stdin.isatty() and sys.stdout.isatty()
    if query is None and not more:
        raise UserError("no query given; give a text or the path of an image: crossmodal search 'an octopus'")
    searched = choose_searched(study, index, model, adapter, pictures)
    asked = None if query is None else parsed(query)
    session: Session | None = None
    if asked is not None:
        with written(html, searched.folder / "card.json") if html else nullcontext() as page:
            session = searched.open("image" if isinstance(asked, Path) else "text")
            answer(session, asked, top, page)
    if more:
        ask_on(session or searched.open(), top, html, searched.folder / "card.json")


def parsed(query: str) -> str | Path:
    """Return a query as the path of an image, or as text; UserError for an empty one and for a missing file."""
    text = query.strip()
    if not text:
        raise UserError("the query is empty; give a text or the path of an image")
    path = Path(text).expanduser()
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):  # too long for a path, or with a null character: a text
        return text
    if path.suffix.lower() in SUFFIXES and not any(character.isspace() for character in text):
        raise UserError(f"{path}: no such file; a query is a text or the path of an image")
    return text


def answer(session: "Session", query: str | Path, top: int, page: Path | None) -> None:
    """Print what is found for `query`, and write it to the file `page` if one is given."""
    hits = session.image(query, top) if isinstance(query, Path) else session.text(query, top)
    print("\n".join(lines(hits)))
    if page is not None:
        from crossmodal.serving.page import answer_file

        asked = query.read_bytes() if isinstance(query, Path) else query
        page.write_text(answer_file(asked, hits, len(session.items)), encoding="utf-8", newline="\n")


def lines(hits: "list[Hit]") -> list[str]:
    """Return one line for each item: rank, score, name and where the picture is, in columns."""
    if not hits:
        return ["nothing found"]
    names = [printable(hit.name) for hit in hits]
    width, digits = min(40, max(map(len, names))), len(str(hits[-1].rank))
    return [
        f"{hit.rank:>{digits}}  {hit.score:6.3f}  {name:<{width}}  {printable(hit.place or '-')}"
        for hit, name in zip(hits, names, strict=True)
    ]


def printable(text: str) -> str:
    """Return `text` with what would steer a terminal replaced."""
    return "".join(character if character.isprintable() else "�" for character in text)


def ask_on(session: "Session", top: int, html: Path | None, source: Path) -> None:
    """Answer what is typed, line by line, until an empty line or the end of the input."""
    with suppress(ImportError):
        import readline  # noqa: F401 - gives input() a history
    while True:
        try:
            typed = input("\nsearch> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if not typed:
            return
        try:
            with written(html, source) if html else nullcontext() as page:
                answer(session, parsed(typed), top, page)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
