"""The scripts of the page: Vega in one piece, the charts as data, and the policy that lets nothing else run."""

import base64
import functools
import hashlib
import json

import altair as alt
import vl_convert
from markupsafe import Markup

VEGA_LITE = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]


@functools.cache
def vega_bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script that can stand in a script element."""
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    # A browser hashes a script after it has normalised line ends, so the digest is taken of the same text.
    bundle = bundle.replace("\r\n", "\n").replace("\r", "\n")
    if "</script" in bundle.lower() or "<!--" in bundle:
        raise RuntimeError("the Vega bundle cannot stand in a script element")
    return bundle


def content_policy(script: str) -> str:
    """Return a content security policy: only these two scripts run, and nothing is fetched from anywhere.

    The digests make the escaping of captions the first of two defences instead of the only one.
    """
    digests = [
        base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        for text in (vega_bundle(), script)
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
