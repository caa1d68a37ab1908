"""What the small tables behind charts share: one row a point, each with its interval and its `number_id`."""

from crossmodal.report.lookup import Number


def value_columns(number: Number) -> dict[str, float | str]:
    """Return value, interval and id; a number without an interval gets one of no width."""
    return {
        "value": number.value,
        "ci_low": number.value if number.ci_low is None else number.ci_low,
        "ci_high": number.value if number.ci_high is None else number.ci_high,
        "number_id": number.number_id,
    }
