"""Job: write the resolved parameters of the whole study."""

import json

from crossmodal.jobs.run import Out, Spec, run


def main(study: Out, spec: Spec) -> None:
    study.write_text(json.dumps(spec["parameters"]["study"], indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    run(main)
