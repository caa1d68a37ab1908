"""Job: learn one session from the weights that the one before left; a joint one learns all so far, from the
base."""

import json

import numpy as np
import torch
from safetensors.torch import save_file

from crossmodal.data.images import decode
from crossmodal.data.tables import read_table
from crossmodal.experiments.continual.learning import SessionData, learn
from crossmodal.experiments.continual.learning_params import JOINT, Cell, Learnt
from crossmodal.experiments.continual.names import class_tokens
from crossmodal.experiments.continual.sessions import sessions_of, shots_of
from crossmodal.jobs.run import In, Ins, Out, Spec, Timed, run
from crossmodal.models.clip import image_size, load_clip, read_tensors
from crossmodal.seeds import seed_of
from crossmodal.torch_setup import device, prepare_torch


def main(
    config: In, weights: In, tower: Ins, train: In, before: Ins, state: Out, card: Timed, spec: Spec
) -> None:
    values, wildcards = spec["parameters"], spec["wildcards"]
    prepare_torch(spec["threads"], spec["seed"])
    room, cell = Learnt.model_validate(values["room"]), Cell.model_validate(values["cell"])
    session, order = int(wildcards["session"]), int(wildcards["order"])
    table = read_table(train, ["image_id", "label"])
    ids, labels = table["image_id"].to_pylist(), table["label"].to_pylist()
    sessions = sessions_of(labels, room, order, train)
    learnt = sessions[:session] if wildcards["plan"] == JOINT else [sessions[session - 1]]
    classes = [name for own in learnt for name in own]
    drawn = shots_of(ids, labels, room, order)
    rows = {name: drawn[name] for name in classes}
    model = load_clip(config, weights)
    for path in before:
        model.load_state_dict(model.state_dict() | read_tensors(path))
    old = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    pictures = read_table(train, ["image"])["image"]
    size = image_size(model)
    images = np.stack([decode(pictures[row].as_py()["bytes"], size) for own in rows.values() for row in own])
    numbers = [number for number, own in enumerate(rows.values()) for _ in own]
    data = SessionData(
        torch.from_numpy(images),
        torch.tensor(numbers),
        class_tokens(model, classes, room.prompts),
        len(classes),
    )
    model.to(device())
    # Each session of each run draws factors, and batches, of its own.
    seed = seed_of(cell.repeat, order, session)
    found = learn(model, data, cell.update, cell.training, cell.tower, seed)
    model.cpu()
    new, base = model.state_dict(), read_tensors(weights)
    save_file({k: t.contiguous() for k, t in new.items() if not torch.equal(t, base[k])}, state)
    facts = {
        "cell": wildcards["cell"],
        "plan": wildcards["plan"],
        "order": order,
        "session": session,
        "classes": len(classes),
        "images": len(images),
        "trained": found.trained,
        "changed": sum(int((tensor != old[name]).sum()) for name, tensor in new.items()),
        "flops": found.flops,
        "choosing": found.choosing,
        "seconds": found.seconds,
        "losses": found.losses,
    }
    card.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    run(main, accelerated=True)
