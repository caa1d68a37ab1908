"""Job: the compressed tokens of images and the token states of captions of several sets, by one adapted model."""

from crossmodal.adaptation import methods
from crossmodal.errors import UserError
from crossmodal.jobs.run import In, Ins, Out, Outs, Spec, run
from crossmodal.models.clip import load_clip
from crossmodal.reranking.token_compression import load_compression, save_compression
from crossmodal.reranking.token_export import export_patches, export_words, fit_on
from crossmodal.reranking.token_settings import TokenParameters
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In, weights: In, tower: Ins, adapter_config: In, adapter: In, train: Ins, fitted: Ins, datasets: Ins,
    captioned: Ins, compression: Out, patches: Outs, words: Outs, spec: Spec,
) -> None:  # fmt: skip
    """`train` is the training split that a compression is fitted on, `fitted` another model's to be kept to.

    One of the two is given: models whose tokens a re-ranker sees together, as in cross-fitting, share a
    compression. `patches` are of `datasets`, `words` of `captioned`.
    """
    prepare_torch(spec["threads"], spec["seed"])
    values = spec["parameters"]
    params, batch_size = TokenParameters.model_validate(values["tokens"]), values["batch_size"]
    if len(train) + len(fitted) != 1:
        raise UserError(
            "embed_tokens: give either one training split (train) or one fitted compression (fitted)"
        )
    model = load_clip(config, weights)
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    model.to(device()).eval()
    chosen = load_compression(fitted[0]) if fitted else fit_on(model, train[0], params, batch_size)
    if chosen.components.shape[1] != params.width:
        kept = chosen.components.shape[1]
        raise UserError(f"{fitted[0]}: keeps {kept} numbers of a token, the parameters {params.width}")
    save_compression(chosen, compression)
    for dataset, path in zip(datasets, patches, strict=True):
        export_patches(model, dataset, chosen, params, batch_size, path)
    for dataset, path in zip(captioned, words, strict=True):
        export_words(model, dataset, batch_size, path)


if __name__ == "__main__":
    run(main, accelerated=True)
