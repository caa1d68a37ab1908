"""The token-level re-ranker: a query's words attend to a few compressed tokens of each candidate.

After EDJE (arXiv 2510.06820). Its files, beside `config` and `weights`:

- to score: `patches`, the tokens of the gallery in its order (`write_gallery_patches`), and `words`, the states of
  the queries' captions, of which `Candidates.rows` says which is whose;
- to train: `compression`, and the same two for each of the training lists, `patches/0`, `words/0`, `patches/1`
  and so on, and for those of validation, `patches/validation` and `words/validation`.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from crossmodal.errors import UserError
from crossmodal.models.embeddings import Vectors
from crossmodal.reranking.files import save
from crossmodal.reranking.material import Lists, Material
from crossmodal.reranking.order import inner_products
from crossmodal.reranking.token_compression import load_compression
from crossmodal.reranking.token_files import Rows, check_gallery_patches
from crossmodal.reranking.token_network import TokenNetwork, load_network
from crossmodal.reranking.token_reading import Source, check_rows, open_source
from crossmodal.reranking.token_training import fit_tokens
from crossmodal.reranking.tokens_params import Params
from crossmodal.search.gallery import Candidates

TRAINED = NEEDS_TOKENS = True
TRANSDUCTIVE = False
BATCH = 32  # queries at a time: 100 candidates of 4 tokens of 64 numbers are 3.3 MB


def train(
    params: Params,
    training: Sequence[Lists],
    validation: Lists,
    seed: int,
    files: Mapping[str, Path],
    log: Path,
) -> None:
    """Train on the `training` lists, each with its own gallery and captions, and write `config` and `weights`.

    The epoch is chosen on `validation`; `log` gets a CSV row for each. What is chosen and why: training.py.
    """
    sources = []
    for name, lists in [*((str(i), part) for i, part in enumerate(training)), ("validation", validation)]:
        words = _file(files, f"words/{name}")
        source = open_source(_file(files, f"patches/{name}"), words, params.control)
        check_rows(source, lists.found.rows, len(lists.found.queries), words)
        sources.append(source)
    compression = load_compression(_file(files, "compression"))
    _check_shapes(sources, compression.components.shape)
    torch.manual_seed(seed)
    network = TokenNetwork(sources[0].words.dimension, sources[0].shape[1], params)
    network.start_from(compression)
    outcome = fit_tokens(network, training, sources[:-1], validation, sources[-1], seed, log)
    save(cast(Any, network), outcome, _file(files, "config"), _file(files, "weights"))


def prepare(params: Params, material: Material) -> Callable[[Candidates], Vectors]:
    """Return what scores candidates by the trained files: float32 [q, c], -inf where there is none."""
    kind = params.kind
    network = load_network(material.file(kind, "config"), material.file(kind, "weights"))
    patches, words = material.file(kind, "patches"), material.file(kind, "words")
    source = open_source(patches, words, network.params.control)
    check_gallery_patches(patches, source.patches, material.gallery.ids)
    if (source.words.dimension, source.shape[1]) != (network.dimension, network.tokens):
        raise UserError(
            f"{patches}: the stage was trained for tokens of {network.tokens} numbers and words of "
            f"{network.dimension}; these have {source.shape[1]} and {source.words.dimension}"
        )

    def scores(found: Candidates) -> Vectors:
        rows = check_rows(source, found.rows, len(found.queries), words)
        return score(network, source, material.gallery.vectors, found, rows, params.candidates)

    return scores


def score(
    network: TokenNetwork,
    source: Source,
    vectors: Vectors,
    found: Candidates,
    rows: Rows,
    candidates: int,
) -> Vectors:
    """Return the corrected inner products of the first `candidates`, float32 [q, c], -inf where there is none.

    `vectors` are the gallery's, an array or a store. An untrained network gives the exact inner products, to the
    bit.
    """
    scores = inner_products(vectors, found, candidates)
    with torch.inference_mode():
        for start in range(0, len(scores), BATCH):
            at = slice(start, start + BATCH)
            words, counts = source.words_of(rows[at])
            tokens = source.tokens(found.positions[at, : scores.shape[1]])
            arguments = (torch.from_numpy(array) for array in (words, counts, tokens, scores[at]))
            scores[at] += network(*arguments).numpy()
    return scores


def _file(files: Mapping[str, Path], name: str) -> Path:
    if name not in files:
        raise UserError(f"stage tokens: needs a file {name}, has {', '.join(files) or 'none'}")
    return files[name]


def _check_shapes(sources: Sequence[Source], compression: tuple[int, int]) -> None:
    """Raise UserError unless all sources and the compression fit together."""
    found = sorted({(source.words.dimension, *source.shape) for source in sources})
    if len(found) > 1 or (found[0][0], found[0][2]) != compression:
        shapes = "; ".join(f"words of {d}, {p} tokens of {c}" for d, p, c in found)
        raise UserError(
            f"stage tokens: files of one training must be of one shape and that of the compression "
            f"({compression[0]} to {compression[1]} numbers); got {shapes}"
        )
