"""Scripts of a page: Vega in one piece, values as data, and the policy that lets nothing else run."""

import base64
import functools
import hashlib
import json

from markupsafe import Markup


@functools.cache
def vega_bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that can stand in a script element."""
    import altair as alt  # a page without charts needs neither of them
    import vl_convert

    vega_lite = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=vega_lite)
    # A browser hashes a script after it has normalised line ends, so the digest is taken of the same text.
    bundle = bundle.replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in bundle.lower() or "<!--" in bundle:
        raise RuntimeError("the Vega bundle cannot stand in a script element")
    return bundle


def content_policy(*scripts: str) -> str:
    """Return a content security policy: only these scripts run, and nothing is fetched from anywhere.

    The digests make the escaping of captions the first of two defences instead of the only one.
    """
    digests = [
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii") for text in scripts
    ]
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


def json_for_script(value: object) -> Markup:
    """Return `value` as JSON that is safe inside a script element: no character in it can end the element."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
