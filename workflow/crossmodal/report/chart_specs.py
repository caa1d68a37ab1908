"""The Vega-Lite specification of every chart of the page, by the id of its box."""

from typing import Any

from crossmodal.report import charts, frames, robustness_charts
from crossmodal.report.adaptation_tables import PARETO
from crossmodal.report.cells import FEW, Grid
from crossmodal.report.chart_parts import INTERVAL
from crossmodal.report.lookup import Numbers
from crossmodal.report.tables import DIRECTIONS

Specs = dict[str, dict[str, Any]]


def chart_specs(
    numbers: Numbers, grid: Grid, limits: tuple[float, ...], headline: str, level: str = ""
) -> Specs:
    """Return the specifications of the charts that have data. `limits` are drawn in those of degradation.

    `level` is the coverage of the intervals for people ("95 %"): tooltips name it.
    """
    specs = {
        **_accuracy(numbers, grid),
        **_robustness(numbers, grid, limits),
        **_search(numbers, headline),
    }
    return {name: _naming(spec, level) for name, spec in specs.items()} if level else specs


def _naming(part: Any, level: str) -> Any:
    """Return a part of a specification with the level of the intervals in its tooltips."""
    if isinstance(part, list):
        return [_naming(item, level) for item in part]
    if not isinstance(part, dict):
        return part
    named = {key: _naming(item, level) for key, item in part.items()}
    return named | {"title": f"{level} {INTERVAL}"} if part.get("title") == INTERVAL else named


def _accuracy(numbers: Numbers, grid: Grid) -> Specs:
    specs: Specs = {}
    own = [cell for cell in grid.cells if grid.home(cell) == grid.target]
    few = len(grid.cells) <= FEW
    found = {d: frames.accuracy_frame(numbers, own, grid.target, d) for d in DIRECTIONS}
    drawn = {direction: frame for direction, frame in found.items() if len(frame)}
    extent = (
        min((frame["ci_low"].min() for frame in drawn.values()), default=0.0),
        max((frame["ci_high"].max() for frame in drawn.values()), default=1.0),
    )
    for direction, frame in drawn.items():
        chart = charts.accuracy_chart(
            frame, grid.cells, extent=extent, highlighted=None if few else grid.highlighted
        )
        specs[f"accuracy-{direction}"] = chart.to_dict()
    for kind, (title, _, _) in PARETO.items():
        frame = frames.pareto_frame(numbers, grid, kind)
        if len(frame):
            specs[f"pareto-{kind}"] = charts.pareto_chart(
                frame, title, width=1000.0 if kind == "parameters" else 420.0
            ).to_dict()
    return specs


def _robustness(numbers: Numbers, grid: Grid, limits: tuple[float, ...]) -> Specs:
    specs: Specs = {}
    cells, few = grid.cells, len(grid.cells) <= FEW
    for direction in DIRECTIONS:
        for name, datasets in (("degradation", False), ("datasets", True)):
            loss = frames.degradation_frame(numbers, cells, grid.target, direction, datasets=datasets)
            if not len(loss):
                continue
            if not few:
                loss = loss[~loss["summary"].astype(bool)]
            drawn = (
                robustness_charts.degradation_chart(loss, cells, () if datasets else limits)
                if few
                else robustness_charts.degradation_map(loss, cells)
            )
            specs[f"{name}-{direction}"] = drawn.to_dict()
    severity = frames.severity_frame(numbers, grid, "mean")
    if len(severity):
        specs["severity"] = robustness_charts.severity_chart(severity, grid.highlighted).to_dict()
    attack = frames.attack_frame(numbers, grid)
    if len(attack):
        specs["attack"] = robustness_charts.attack_chart(attack, cells).to_dict()
    return specs


def _search(numbers: Numbers, headline: str) -> Specs:
    specs: Specs = {}
    for name, metric, title in (
        ("search-recall", "recall@10", "R@10"),
        ("search-index", "index_recall@10", "exhaustive top ten found"),
    ):
        search = frames.search_frame(numbers, metric, headline)
        if len(search):
            specs[name] = charts.search_chart(search, title).to_dict()
    return specs
