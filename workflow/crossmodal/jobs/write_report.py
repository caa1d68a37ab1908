"""Job: the report page."""

import json

import pandas as pd

from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.report.page import ReportInputs, write_report


def main(
    study: In, metrics: In, hypotheses: In, metrics_manifest: In, sheets: Ins, images: In, queries: In,
    sanity: Ins, page: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    params = json.loads(study.read_text())
    manifest = json.loads(metrics_manifest.read_text())
    directions = ("text_to_image", "image_to_text")
    environment = {key: manifest[key] for key in ("commit", "dirty", "platform", "device", "versions")}
    inputs = ReportInputs(
        study=values["study"],
        target=values["target"],
        numbers=pd.read_parquet(metrics),
        hypotheses=json.loads(hypotheses.read_text()),
        cells=list(params["adaptation"]["cells"]),
        facts=manifest["spec"]["parameters"],
        sanity={
            check["name"]: check["statement"] for path in sanity for check in json.loads(path.read_text())
        },
        headline_cell=values["gallery_cell"],
        queries={(values["gallery_cell"], values["target"], "clean", d): queries for d in directions},
        gallery=images,
        sheets=[json.loads(sheet.read_text()) for sheet in sheets],
        environment=environment,
        params=params,
        finished=manifest["ended"],
        audit_href="audit.html",
    )
    write_report(inputs, page)


if __name__ == "__main__":
    run(main)
