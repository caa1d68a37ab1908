"""Job: what one cell answers before the first session and after each, on all classes, under shifts, and
elsewhere."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from crossmodal.adaptation.trainable import tower_of
from crossmodal.data.tables import read_table
from crossmodal.experiments.continual.answers import Asked, answered, beside, part, read_asked, together
from crossmodal.experiments.continual.learning_params import Learnt, asked_after
from crossmodal.experiments.continual.names import class_features, class_tokens
from crossmodal.experiments.continual.prototypes import prototypes, stand_ins
from crossmodal.experiments.continual.sessions import sessions_of, shots_of
from crossmodal.jobs.run import In, Ins, Out, Spec, run
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import image_size, load_clip, read_tensors
from crossmodal.models.embeddings import Vectors
from crossmodal.models.export import embed_images
from crossmodal.statistics.panel import CLEAN
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
    table, order = read_table(train, ["image_id", "label"]), int(spec["wildcards"]["order"])
    ids, labels = table["image_id"].to_pylist(), table["label"].to_pylist()
    sessions = sessions_of(labels, room, order, train)
    every = room.rare == "refuse" and not room.classes
    model = load_clip(config, weights)
    size, base = image_size(model), read_tensors(weights)
    asked = [
        read_asked(path, (name[0], name[1], name[2]), sessions, name[3], size, all_classes=every)
        for path, name in zip(sets, values["sets"], strict=True)
    ]
    learnt = read_asked(
        train, (str(room.dataset), "train", CLEAN), sessions, values["sets"][0][3], size, all_classes=False
    )
    shots = {ids[row] for rows in shots_of(ids, labels, room, order).values() for row in rows}
    # Validation images are few: training images that have nothing in common with a shot stand beside them.
    spare = beside(learnt, shots)
    asked = [together(one, spare) if one.split == "val" else one for one in asked]
    elsewhere = [
        read_asked(path, (name[0], name[1], name[2]), [], name[3], size, all_classes=False)
        for path, name in zip(others, values["others"], strict=True)
    ]
    tables: list[pa.Table] = []
    after, kept, names = [0, *values["after"]], dict[str, Vectors](), dict[tuple[str, ...], Vectors]()
    text_stays = not any(tower_of(name) == "text" for state in states for name in read_tensors(state))
    for session, state in zip(after, [None, *states], strict=True):
        model.load_state_dict(base | (read_tensors(state) if state else {}))
        model.to(device()).eval()
        names = names if text_stays else {}
        if values["answers"] != "names":
            fresh = [name for own in sessions[:session] for name in own if name not in kept]
            own = part(learnt, np.isin(learnt.ids, list(shots)) & np.isin(_labels(learnt), fresh))
            kept |= prototypes(embed_images(model, own.pixels, batch_size), _labels(own)) if fresh else {}
        wanted = [(one, kept) for one in asked if session in asked_after(one.split, one.variant, after)]
        wanted += [(one, {}) for one in elsewhere if session in (0, after[-1])]
        for one, own_kept in wanted:
            if one.ids:
                asking = tuple(one.classes)
                if asking not in names:
                    names[asking] = _names(model, one.classes, room.prompts)
                found = stand_ins(one.classes, names[asking], own_kept, values["answers"])
                tables.append(answered(one, embed_images(model, one.pixels, batch_size), found, session))
    pq.write_table(pa.concat_tables(tables), answers, compression="zstd")


def _labels(asked: Asked) -> list[str]:
    return [asked.classes[position] for position in asked.truth]


@torch.inference_mode()
def _names(model: CLIP, classes: list[str], prompts: list[str]) -> Vectors:
    tokens = class_tokens(model, classes, prompts).to(next(model.parameters()).device)
    return class_features(model, tokens, len(classes)).cpu().numpy()


if __name__ == "__main__":
    run(main, accelerated=True)
