"""What a study could have seen: a row for each claim, and the page that shows it."""

from collections.abc import Callable
from dataclasses import replace

import pandas as pd

from crossmodal.report.formatting import SPACE
from crossmodal.report.lookup import Numbers
from crossmodal.report.page import ReportInputs, render
from crossmodal.report.verdicts import read_hypotheses, wholes
from crossmodal.report.visible import reaches
from made_up_numbers import hypothesis_rows, metric_rows

KEPT = "peft/lora-r8/s*/openmoji/test/clean/text_to_image/retention_recall@1"
AA = "peft/full/s*/openmoji/test/clean/mean/aa_retention_recall@1"
SMALLEST = AA.replace("aa_retention", "smallest_visible")


def with_aa(frame: pd.DataFrame, n_seeds: int = 3) -> pd.DataFrame:
    """Return numbers with the A/A rows of the reference beside them."""
    row = frame[frame["number_id"] == KEPT].iloc[0].to_dict() | {"cell": "full", "direction": "mean"}
    rows = [
        row
        | {"number_id": AA, "metric": "aa_retention_recall@1", "value": 1.0, "ci_low": 0.97, "ci_high": 1.03},
        row
        | {
            "number_id": SMALLEST,
            "metric": "smallest_visible_recall@1",
            "value": 0.05,
            "ci_low": None,
            "ci_high": None,
        },
    ]
    whole = pd.concat([frame, pd.DataFrame(rows)], ignore_index=True)
    whole.loc[whole["number_id"] == KEPT, "n_seeds"] = n_seeds
    return whole


def rows() -> list[dict[str, object]]:
    first, *others = hypothesis_rows()
    return [first | {"aa": AA, "smallest": SMALLEST, "whole": "refuted"}, *others]


def test_a_row_for_each_claim_that_rests_on_queries() -> None:
    numbers = Numbers(with_aa(metric_rows()))
    found = {row.id: row for row in reaches(read_hypotheses(rows(), numbers), numbers)}
    kept = found["H1.recall@1"]
    assert (kept.queries, kept.seeds, kept.target) == ("2,850", "3 seeds", f">{SPACE}95{SPACE}%")
    assert kept.aa is not None and kept.aa.interval == f"[97.0,{SPACE}103.0]"
    assert kept.smallest is not None and kept.smallest.text == f"5.0{SPACE}%"
    lost = found["H2.adversarial"]
    assert lost.aa is None and lost.smallest is None, "no A/A row is made up where none was measured"
    one = Numbers(with_aa(metric_rows(), 1))
    assert reaches(read_hypotheses(rows(), one), one)[0].seeds == "one seed"
    counted = Numbers(metric_rows().assign(n_queries=None, n_seeds=None))
    assert reaches(read_hypotheses(rows(), counted), counted) == []


def test_the_page_shows_it_with_the_verdicts_on_whole_hypotheses(make_study: Callable) -> None:
    study = make_study()
    page = render(study.changed(with_aa(study.frame)).inputs(hypotheses=rows()))
    _, _, rest = page.partition("<h3>What this study could and could not have seen</h3>")
    table = rest.partition("</table>")[0]
    assert f'data-number-id="{AA}"' in table and f'data-number-id="{SMALLEST}"' in table
    assert "<td>2,850</td><td>3 seeds</td>" in table
    assert "<code>H1</code> refuted" in page
    assert wholes(read_hypotheses(rows())) == {"H1": "refuted"}


def test_a_study_without_claims_has_no_such_table(inputs: ReportInputs) -> None:
    page = render(replace(inputs, hypotheses=[]))
    assert "could not have seen" not in page and "As wholes" not in page
