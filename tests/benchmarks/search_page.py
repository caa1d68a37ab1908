"""What a benchmark of search puts into docs/: its tables as Markdown, its curves as a picture."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import vl_convert
from search_measure import Measured, fastest, front

from crossmodal.report.cell_styles import styles_of
from crossmodal.report.markdown import as_markdown

PICTURE = Path("docs/search-peers.png")
MEASURED = Path("docs/search-peers.json")
"""What was measured: the tables and the picture are made of it, and a test makes the tables again."""
TARGETS = (0.95, 0.99)
LEAST_RECALL, MOST_RECALL = 0.5, 0.9995
"""Where the curves begin, and what is drawn at their right end, exhaustive search included."""
TICKS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
MEGABYTE = 1e6
LARGE = 10_000_000
ALLOWED = 1.2e9
"""Items, and the bytes of memory that an index of them may take."""

Costs = Mapping[str, Mapping[str, float]]
"""Of each system `memory` and `store` in bytes, `build` in s."""


def write_measured(path: Path, document: Mapping[str, Any]) -> None:
    """Write a measurement: `table` and `curves` are runs, the rest is plain. One run a line, for diffs."""
    runs = {name: [json.dumps(asdict(run)) for run in document[name]] for name in ("table", "curves")}
    parts = [
        f' "{name}": {json.dumps(value, indent=1)}' for name, value in document.items() if name not in runs
    ]
    parts += [f' "{name}": [\n  ' + ",\n  ".join(lines) + "\n ]" for name, lines in runs.items()]
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def read_measured(path: Path) -> dict[str, Any]:
    """Return what `write_measured` wrote."""
    document: dict[str, Any] = json.loads(path.read_text())
    return document | {name: [Measured(**run) for run in document[name]] for name in ("table", "curves")}


def page_tables(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables of docs/performance.md that a measurement fills."""
    about = "{about}. {count:,} in all; {processor}, builds on {threads} threads.".format(**document)
    curves = [run for run in document["curves"] if run.k == 10]
    return {
        "search-about": about,
        "search-peers": rows_table(document["table"], document["costs"]),
        "search-equal-recall": equal_recall_table(curves, document["costs"], document["count"], TARGETS),
        "search-settings": settings_table(document["settings"], document["versions"]),
    }


def rows_table(runs: Sequence[Measured], costs: Costs) -> str:
    """Return the table of the systems at their own operating points, each asked for 10 and for 100 items."""
    columns = ["system", "point", "recall@10", "p50, ms", "p99, ms", "queries/s", "recall@100", "queries/s"]
    rows = []
    wide = {(run.system, run.label): run for run in runs if run.k == 100}
    for run in (run for run in runs if run.k == 10):
        other, cost = wide[run.system, run.label], costs[run.system]
        point = ", ".join(f"{name} {value:g}" for name, value in run.point.items())
        rows.append(
            [
                run.system,
                f"{run.label}: {point}" if point else run.label,
                f"{run.recall:.3f}",
                f"{run.p50:.2f}",
                f"{run.p99:.2f}",
                f"{run.per_second:,.0f}",
                f"{other.recall:.3f}",
                f"{other.per_second:,.0f}",
                f"{cost['memory'] / MEGABYTE:,.0f}",
                f"{cost['store'] / MEGABYTE:,.0f}",
                f"{cost['build'] / 60:.1f}" if cost["build"] else "–",
            ]
        )
    return as_markdown([*columns, "memory, MB", "on disk, MB", "build, min"], rows, left=2)


def equal_recall_table(curves: Sequence[Measured], costs: Costs, count: int, targets: Sequence[float]) -> str:
    """Return the table of the fastest point of each system that reaches a recall@10."""
    systems = list(dict.fromkeys(run.system for run in curves))
    rows = []
    for target in targets:
        found = [(name, fastest([run for run in curves if run.system == name], target)) for name in systems]
        found.sort(key=lambda pair: pair[1].p99 if pair[1] else float("inf"))
        for name, run in found:
            large, stored = (costs[name][part] * LARGE / count for part in ("memory", "store"))
            fits = "yes" if large <= ALLOWED else "no"
            cells = ["–"] * 5
            if run:
                point = ", ".join(f"{key} {value:g}" for key, value in run.point.items()) or "–"
                cells = [point, f"{run.recall:.3f}", f"{run.p50:.2f}", f"{run.p99:.2f}"]
                cells.append(f"{run.per_second:,.0f}")
            memory = [f"{large / 1e9:.1f}", fits, f"{(large + stored) / 1e9:.1f}"]
            rows.append([f"{target:.2f}", name, *cells, *memory])
    columns = ["recall@10 ≥", "system", "point", "recall@10", "p50, ms", "p99, ms", "queries/s"]
    memory = ["memory at 10 M, GB", "≤ 1.2 GB", "with what is refined from, GB"]
    return as_markdown([*columns, *memory], rows, left=3)


def settings_table(settings: Mapping[str, str], versions: Mapping[str, str]) -> str:
    """Return the table of what each system is and was built with."""
    rows = [[name, versions.get(name, ""), text] for name, text in settings.items()]
    return as_markdown(["system", "version", "built with"], rows, left=3)


def draw_curves(curves: Sequence[Measured], path: Path) -> None:
    """Draw queries a second against recall, the best points of each system, as ann-benchmarks does (PNG)."""
    systems = list(dict.fromkeys(run.system for run in curves))
    styles = styles_of(systems)
    names = {"domain": systems}
    colour = alt.Color(
        "system:N",
        title=None,
        scale=alt.Scale(**names, range=[styles[name].colour for name in systems]),
        sort=systems,
    )
    shape = alt.Shape(
        "system:N", title=None, scale=alt.Scale(**names, range=[styles[name].shape for name in systems])
    )
    # What is missed, on a logarithmic axis that runs the other way: 0.9 to 0.99 is as wide as 0.99 to 0.999.
    reverse_log = alt.Scale(type="log", domain=[1 - LEAST_RECALL, 1 - MOST_RECALL], nice=False)
    recalls = alt.Axis(values=[1 - tick for tick in TICKS], labelExpr="format(1 - datum.value, '.4~g')")
    panels: list[Any] = []
    for k in sorted({run.k for run in curves}):
        best = [run for name in systems for run in front([r for r in curves if (r.system, r.k) == (name, k)])]
        frame = pd.DataFrame(
            [{"system": run.system, "missed": 1 - run.recall, "qps": run.per_second} for run in best]
        )
        shown = frame[frame["missed"] <= 1 - LEAST_RECALL].assign(
            missed=lambda rows: rows["missed"].clip(lower=1 - MOST_RECALL)
        )
        x = alt.X("missed:Q", title=f"recall@{k}", scale=reverse_log, axis=recalls)
        y = alt.Y(
            "qps:Q", title="queries a second, one core", scale=alt.Scale(type="log", nice=False, padding=12)
        )
        base = alt.Chart(shown).encode(x=x, y=y, color=colour)
        panel = base.mark_line(strokeWidth=2) + base.mark_point(filled=True, size=55, opacity=1).encode(
            shape=shape
        )
        panels.append(panel.properties(width=400, height=380))
    chart = alt.hconcat(*panels).configure_legend(orient="bottom", columns=5, symbolOpacity=1)
    specification = chart.configure(background="white", padding=12).to_dict()
    path.write_bytes(vl_convert.vegalite_to_png(specification, scale=2))
