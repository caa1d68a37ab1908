"""Data sheets: what a dataset is, where it comes from and what it cannot show."""

from typing import Any


def render(sheet: dict[str, Any]) -> str:
    """Return a data sheet (as build_dataset completes it) as Markdown."""
    blocks = [
        f"# {_text(sheet['title'])}",
        _text(sheet["description"]),
        "## Source and licence",
        _sources(sheet["sources"]),
        "## Splits",
        _text(sheet["split_rule"]),
        _table(
            ["split", "images", "captions", "labels"],
            [[name, c["images"], c["captions"], c["labels"]] for name, c in sheet["splits"].items()],
        ),
        "## Captions",
        _text(sheet["captions"]["rule"]),
        _captions(sheet["captions"]),
        "## Images",
        _images(sheet["images"], sheet["rejects"]),
        "## Groups",
        _counts("group", sheet["groups"]),
        "## Styles",
        _counts("style", sheet["styles"]),
        "## Known limits",
        "\n".join(f"- {_text(limit)}" for limit in sheet["known_limits"]),
        "## Parameters",
        _table(["parameter", "value"], [[key, value] for key, value in _flat(sheet["parameters"])]),
    ]
    if sheet["facts"]:
        facts = _table(["fact", "value"], [[key, value] for key, value in sheet["facts"].items()])
        blocks[2:2] = ["## Facts", facts]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _sources(sources: list[dict[str, Any]]) -> str:
    rows = [[s["name"], s["version"], s["licence"], s.get("author", ""), s.get("url", "")] for s in sources]
    return _table(["source", "version", "licence", "author", "address"], rows)


def _captions(captions: dict[str, Any]) -> str:
    low, mean, high = (captions["per_image"][key] for key in ("min", "mean", "max"))
    lines = [f"Captions an image: {low} to {high}, {mean:.2f} on average. For example:"]
    return "\n".join([*lines, "", *(f"- {_text(caption)}" for caption in captions["example"])])


def _images(images: dict[str, Any], rejects: dict[str, Any]) -> str:
    sizes = f"Width {images['width'][0]} to {images['width'][1]} px, height {images['height'][0]} to "
    sizes += (
        f"{images['height'][1]} px, {images['bytes'] / max(images['count'], 1) / 1000:.1f} kB on average; "
    )
    sizes += ", ".join(f"{count:,} {name}" for name, count in images["formats"].items()) + "."
    if images["same_file_other_label"]:
        same = f"{images['same_file_other_label']:,}"
        sizes += f" {same} labels have, within a style, exactly the same image as another label."
    share = f"Left out: {rejects['count']:,} images ({rejects['share']:.2%})"
    if not rejects["reasons"]:
        return f"{sizes} {share}."
    return f"{sizes} {share}:\n\n" + _table(
        ["reason", "images"], [[k, v] for k, v in rejects["reasons"].items()]
    )


def _counts(name: str, counts: dict[str, dict[str, int]]) -> str:
    splits = list(next(iter(counts.values()), {}))
    return _table([name, *splits], [[key, *row.values()] for key, row in counts.items()])


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested parameters as pairs with dotted names."""
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, ", ".join(map(str, value)) if isinstance(value, list) else value))
    return pairs


def _table(head: list[str], rows: list[list[Any]]) -> str:
    """Return a Markdown table; columns that hold numbers only are set to the right."""
    numeric = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(head))]
    rule = ["---:" if right else "---" for right in numeric]
    lines = [head, rule, *([_cell(value) for value in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    return f"{value:,}" if _is_number(value) else _text(str(value)).replace("|", "\\|")


def _text(value: str) -> str:
    """Return `value` as one line in which Markdown and HTML mean nothing."""
    line = " ".join(value.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]#":
        line = line.replace(sign, f"\\{sign}")
    return line
