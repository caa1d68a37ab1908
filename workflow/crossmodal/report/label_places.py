"""Where the names of points stand in a chart: beside their points, and over nothing else where there is room."""

import math
from collections.abc import Collection
from itertools import product
from typing import NamedTuple

import pandas as pd

HEIGHT = 260.0  # px of a plot
LINE, LETTER, GAP = 16.0, 7.2, 11.0  # px: of a line of text, a letter, between a point and its label
RADIUS = 6.0  # px of a point
UNDER, OVER = 8.0, 24.0  # px: how far below and above all intervals a label may reach
LINES = (0, 1, -1, 2, -2, 3, -3)
"""How many lines a label may stand above its point; at equal cost the first."""
LABEL_HIT, OUTSIDE, POINT_HIT, OTHERS, INTERVAL_HIT, MOVED, OTHER_SIDE, BELOW = 100, 60, 20, 15, 4, 3, 2, 1
"""What is wrong with a place: it hides something, or stands nearer to another point than to its own."""


class Box(NamedTuple):
    """A rectangle in px; y grows upwards."""

    left: float
    right: float
    bottom: float
    top: float

    def hits(self, other: "Box") -> bool:
        """Return whether two boxes share more than an edge."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.bottom < other.top
            and other.bottom < self.top
        )

    def distance(self, x: float, y: float) -> float:
        """Return how far a point is from the rectangle; 0 inside."""
        return math.hypot(max(self.left - x, 0, x - self.right), max(self.bottom - y, 0, y - self.top))


def place_labels(
    data: pd.DataFrame,
    first: float,
    last: float,
    labelled: Collection[str],
    width: float = 420.0,
    left_from: float = 0.6,
    rise: float = 0.0,
    optional: Collection[str] = (),
    margin: float = 0.3,
) -> pd.DataFrame:
    """Add `labelled`, `label_y`, `align`, `dodge`: labels and points that would cover one another are set apart.

    `data` has `cell`, `x`, `value`, `ci_low`, `ci_high`; the x axis is logarithmic, from the decade `first` to
    `last` and `margin` decades beyond. The cells in `labelled` bear labels, which are drawn `rise` px above
    `label_y` and stand left of their points from the share `left_from` of the axis on, where nothing else is in
    the way. Those in `optional` bear one where there is room left for it; the column `labelled` says which do.
    Distances are estimated for a plot `width` px wide and 260 px high; points at one position are dodged by
    pixels, never by changing the data.
    """
    low, high = (data["ci_low"].min(), data["ci_high"].max()) if len(data) else (0.0, 1.0)
    unit = max(float(high - low), 1e-9) / HEIGHT
    data = data.sort_values(["value", "cell"], ascending=[False, True]).reset_index(drop=True)
    span = last - first + 2 * margin
    place = data["x"].map(lambda x: (math.log10(x) - first + margin) / span * width)
    close = 0.005 * span
    near = [[abs(math.log10(x / other)) < close for other in data["x"]] for x in data["x"]]
    befores = [sum(twins[:row]) for row, twins in enumerate(near)]
    dodge = [(before + 1) // 2 * 7 * (1 if before % 2 else -1) for before in befores]
    at = [float(x) + shift for x, shift in zip(place, dodge, strict=True)]
    height = [float(value - low) / unit for value in data["value"]]
    points = [_around(x, y, RADIUS) for x, y in zip(at, height, strict=True)]
    intervals = [
        Box(x - 1, x + 1, float(bottom - low) / unit, float(top - low) / unit)
        for x, bottom, top in zip(at, data["ci_low"], data["ci_high"], strict=True)
    ]
    # Of points at one position those on the left are labelled to the left, so that no label hides a point.
    is_left = [
        dodge[row] <= 0 if sum(twins) > 1 and place[row] < 0.8 * width else place[row] > left_from * width
        for row, twins in enumerate(near)
    ]
    align, label_y = ["right" if left else "left" for left in is_left], [float(v) for v in data["value"]]
    labels: list[Box] = []
    named = [cell in labelled for cell in data["cell"]]
    upwards = list(reversed(range(len(data))))  # from below, as labels give way upwards
    asking = [row for row in upwards if not named[row] and data["cell"][row] in optional]
    for row in [row for row in upwards if named[row]] + asking:
        length = LETTER * len(data["cell"][row])
        preferred = align[row]

        def box(side: str, lines: int, row: int = row, length: float = length) -> Box:
            left = at[row] + GAP if side == "left" else at[row] - GAP - length
            middle = height[row] + rise + lines * LINE
            return Box(left, left + length, middle - LINE / 2, middle + LINE / 2)

        def cost(choice: tuple[int, str], row: int = row, preferred: str = preferred) -> float:
            lines, side = choice
            here = box(side, lines)
            return (
                LABEL_HIT * sum(map(here.hits, labels))
                + OUTSIDE
                * (here.left < 0 or here.right > width or here.bottom < -UNDER or here.top > HEIGHT + OVER)
                + POINT_HIT * sum(map(here.hits, points))
                + OTHERS * (min(map(here.distance, at, height)) < here.distance(at[row], height[row]))
                + INTERVAL_HIT * sum(map(here.hits, intervals))
                + MOVED * abs(lines)
                + OTHER_SIDE * (side != preferred)
                + BELOW * (lines < 0)
            )

        lines, side = min(product(LINES, ("left", "right")), key=cost)
        if not named[row] and cost((lines, side)) >= OTHERS:
            continue
        named[row], align[row] = True, side
        labels.append(box(align[row], lines))
        label_y[row] += lines * LINE * unit
    return data.assign(labelled=named, label_y=label_y, align=align, dodge=dodge)


def _around(x: float, y: float, radius: float) -> Box:
    return Box(x - radius, x + radius, y - radius, y + radius)
