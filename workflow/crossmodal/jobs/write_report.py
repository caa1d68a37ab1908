"""Job: the report page, joined from what the experiments drew."""

import json

from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.report.lookup import Numbers
from crossmodal.report.page import Question, ReportInputs, write_report
from crossmodal.report.section import AUDIT, grid_of


def main(
    study: In, metrics: In, hypotheses: In, metrics_manifest: In, sections: Ins, sheets: Ins, images: In,
    queries: In, page: Out, spec: Spec,
) -> None:  # fmt: skip
    values = spec["parameters"]
    manifest = json.loads(metrics_manifest.read_text())
    numbers = Numbers.read(metrics)
    cell, target = values["gallery_cell"], values["target"]
    inputs = ReportInputs(
        study=values["study"],
        grid=grid_of(values, numbers, [cell]),
        numbers=numbers,
        level=values["level"],
        hypotheses=json.loads(hypotheses.read_text()),
        questions=[
            Question(name, key, title, question, section)
            for (name, key, title, question), section in zip(values["questions"], sections, strict=True)
        ],
        headline_cell=cell,
        queries={(cell, target, "clean", d): queries for d in ("text_to_image", "image_to_text")},
        gallery=images,
        sheets=[json.loads(sheet.read_text()) for sheet in sheets],
        environment={key: manifest[key] for key in ("commit", "dirty", "platform", "device", "versions")},
        params=json.loads(study.read_text()),
        finished=manifest["ended"],
        audit_href=AUDIT,
    )
    write_report(inputs, page)


if __name__ == "__main__":
    run(main)
