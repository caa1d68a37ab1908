"""Job: describe the text tower of a student, that of its teacher with fewer layers, as Hugging Face does."""

import json

from crossmodal.errors import UserError
from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.models.student_architecture import StudentText, cut_tower_config


def main(tower: In, config: Out, spec: Spec) -> None:
    text = StudentText.model_validate(spec["parameters"]["text"])
    try:
        cut = cut_tower_config(json.loads(tower.read_bytes()), text)
    except ValueError as error:
        raise UserError(f"{tower}: no text tower that a student can have a part of ({error})") from None
    config.write_text(json.dumps(cut, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
