"""Fill the tables of README.md from the numbers of a finished study: `make readme`."""

import json
import sys
from pathlib import Path

import pandas as pd

from crossmodal.errors import UserError
from crossmodal.report.lookup import Numbers
from crossmodal.report.markdown import fill, hypotheses_markdown, results_table


def filled(text: str, results: Path) -> str:
    """Return `text` with its tables filled from the study in `results`."""
    metrics = results / "metrics.parquet"
    if not metrics.exists():
        raise UserError(f"{metrics}: no such file; run the study first")
    numbers = Numbers(pd.read_parquet(metrics))
    params = json.loads((results / "study.json").read_text())
    hypotheses = json.loads((results / "hypotheses.json").read_text())
    cells, target = list(params["adaptation"]["cells"]), params["adaptation"]["dataset"]
    return fill(
        text,
        {
            "hypotheses": hypotheses_markdown(hypotheses, numbers),
            "results": results_table(numbers, cells, target),
        },
    )


if __name__ == "__main__":
    try:
        readme = Path("README.md")
        readme.write_text(filled(readme.read_text(), Path(sys.argv[1])))
    except UserError as error:
        sys.exit(f"error: {error}")
