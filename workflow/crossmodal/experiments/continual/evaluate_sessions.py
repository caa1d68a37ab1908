"""Job: what one cell answers before the first session and after each, on all classes, under shifts, and
elsewhere."""

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from crossmodal.data.tables import read_table
from crossmodal.experiments.continual.answers import Asked, answered, read_asked
from crossmodal.experiments.continual.learning_params import Learnt
from crossmodal.experiments.continual.names import class_features, class_tokens
from crossmodal.experiments.continual.sessions import sessions_of
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import image_size, load_clip, read_tensors
from crossmodal.models.export import embed_images
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In,
    weights: In,
    tower: Ins,
    train: In,
    sets: Ins,
    others: Ins,
    states: Ins,
    answers: Out,
    spec: Spec,
) -> None:
    values = spec["parameters"]
    prepare_torch(spec["threads"], spec["seed"])
    room, batch_size = Learnt.model_validate(values["room"]), values["batch_size"]
    labels = read_table(train, ["label"])["label"].to_pylist()
    sessions = sessions_of(labels, room, int(spec["wildcards"]["order"]), train)
    every = room.rare == "refuse" and not room.classes
    model = load_clip(config, weights)
    size, base = image_size(model), read_tensors(weights)
    asked = [
        read_asked(path, (name[0], name[1], name[2]), sessions, name[3], size, all_classes=every)
        for path, name in zip(sets, values["sets"], strict=True)
    ]
    elsewhere = [
        read_asked(path, (name[0], name[1], name[2]), [], name[3], size, all_classes=False)
        for path, name in zip(others, values["others"], strict=True)
    ]
    tables: list[pa.Table] = []
    after = [0, *values["after"]]
    for session, state in zip(after, [None, *states], strict=True):
        model.load_state_dict(base | (read_tensors(state) if state else {}))
        model.to(device()).eval()
        wanted = asked + (elsewhere if session in (0, after[-1]) else [])
        tables += [_answers(model, one, room.prompts, batch_size, session) for one in wanted if one.ids]
    pq.write_table(pa.concat_tables(tables), answers, compression="zstd")


@torch.inference_mode()
def _answers(model: CLIP, asked: Asked, prompts: list[str], batch_size: int, after: int) -> pa.Table:
    where = next(model.parameters()).device
    tokens = class_tokens(model, asked.classes, prompts).to(where)
    names = class_features(model, tokens, len(asked.classes)).cpu().numpy()
    return answered(asked, embed_images(model, asked.pixels, batch_size), names, after)


if __name__ == "__main__":
    run(main, accelerated=True)
