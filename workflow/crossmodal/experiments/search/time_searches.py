"""Job: time every way to search in one gallery, interleaved in one process, and the encoder of captions.

It is done in several processes, each a job of its own. Some ways are timed twice: that one system differs from
itself says how far times can be trusted.
"""

import os

# How many threads BLAS takes is settled when NumPy is imported, and this job has all the cores that Snakemake has,
# lest anything runs beside it: how many that are must not show in its times.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import json
from collections.abc import Callable
from time import perf_counter_ns

import faiss
import numpy as np
import torch

from crossmodal.adaptation import methods
from crossmodal.data.tables import read_table
from crossmodal.experiments.search.answers import TOP, Answering, Place, plain_candidates
from crossmodal.experiments.search.names import AGAIN, CLEAN, ENCODE, read_way
from crossmodal.experiments.search.sources import Sources
from crossmodal.jobs.run import In, Ins, Spec, Timed, run
from crossmodal.models import clip, dual_encoder
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import load_clip
from crossmodal.models.embeddings import Vectors, read_embeddings
from crossmodal.search.settings import LatencyProtocol
from crossmodal.search.timing import peak_memory, time_systems
from crossmodal.torch_setup import prepare_torch

System = Callable[[int, int], dict[str, float] | None]


def main(
    config: In, weights: In, tower: Ins, adapter_config: In, adapter: In, texts: In, indexes: Ins, images: Ins,
    captions: In, learnt_images: In, bank: In, validation_images: In, validation_captions: In, trained: Ins,
    patches: Ins, words: Ins, times: Timed, spec: Spec,
) -> None:  # fmt: skip
    values, process = spec["parameters"], spec["seed"]
    prepare_torch(spec["threads"], process)
    faiss.omp_set_num_threads(spec["threads"])
    validation = (validation_images, validation_captions)
    gallery = values["gallery"]
    sources = Sources.read(
        values, [gallery], indexes, images, learnt_images, bank, validation, trained, patches, words
    )
    lists = sources.validation_lists(0) if values["stages"] else None
    place = Place(sources, gallery, lists, times.parent)
    asked = read_embeddings(captions).vectors
    systems: dict[str, System] = {}
    for name in values["ways"]:
        system = searching(place.answering(read_way(name), asked, CLEAN), asked)
        systems |= {name: system} | ({name + AGAIN: system} if name in values["again"] else {})
    model = load_clip(config, weights)
    methods.merge(model, methods.load_adapter(model, adapter_config, adapter))
    listed = read_table(texts, ["captions"]).column("captions").to_pylist()
    systems[ENCODE] = encoding(model, [caption for own in listed for caption in own])
    protocol = LatencyProtocol.model_validate(values["latency"])
    measured = time_systems(systems, len(asked), protocol, process)
    content = {
        "process": process,
        "gallery": gallery,
        "items": len(place.gallery.ids),
        "peak_bytes": peak_memory(),
        "systems": measured,
    }
    times.write_text(json.dumps(content) + "\n")


def searching(answering: Answering, asked: Vectors) -> System:
    """Return what answers queries [i, i + n) by one way, from their vectors to the final list; parts in ms."""
    searcher, wanted = answering.searcher, answering.candidates
    rows = np.arange(len(asked), dtype=np.int64)

    def answer(i: int, n: int) -> dict[str, float]:
        queries, start = asked[i : i + n], perf_counter_ns()
        scores, positions = searcher.candidates(queries, wanted)
        found = perf_counter_ns()
        parts = {"search": (found - start) / 1e6}
        if answering.part:
            answering.order(plain_candidates(queries, scores, positions, rows[i : i + n]))[:, :TOP]
            parts[answering.part] = (perf_counter_ns() - found) / 1e6
        return parts

    return answer


def encoding(model: CLIP, captions: list[str]) -> System:
    """Return what turns captions [i, i + n) into vectors, words to tokens included."""
    model.eval()

    def encode(i: int, n: int) -> None:
        with torch.inference_mode():
            dual_encoder.encode_texts(model, clip.tokenize(model, captions[i : i + n]))

    return encode


if __name__ == "__main__":
    run(main)
