"""A locked text tower: it does not move in training, it draws nothing, and all else does."""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from tiny_towers import CAPTIONS, pixels, values

from crossmodal.models import clip, locked_text, towers
from crossmodal.models.dual_encoder import encode_images, encode_texts
from crossmodal.models.locked_text_params import Params
from crossmodal.models.towers_params import Params as TowersParams


def both(bert: Path, cnn: Path):
    given = values({"weights": str(cnn)}, {"weights": "folder", "folder": str(bert)})
    own = TowersParams.model_validate(given | {"kind": "towers", "alignment": None})
    params = Params.model_validate(given | {"kind": "locked_text", "alignment": None})
    files = [Path(path) for path in params.sources("", "")]
    return params, locked_text.create(params, 0, files), towers.create(own, 0, files)


def test_it_starts_as_the_towers_do(bert: Path, cnn: Path) -> None:
    _, locked, plain = both(bert, cnn)
    assert all(
        torch.equal(a, b)
        for a, b in zip(locked.state_dict().values(), plain.state_dict().values(), strict=True)
    )


def test_all_but_the_text_tower_trains_and_its_projection_does(bert: Path, cnn: Path) -> None:
    _, model, _ = both(bert, cnn)
    held = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert held == {name for name, _ in model.named_parameters() if name.startswith("text.transformer.")}
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    model.train()
    images, texts = encode_images(model, pixels()), encode_texts(model, clip.tokenize(model, CAPTIONS))
    loss = -(images[: len(texts)] * texts[: len(images)]).sum()
    loss.backward()
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1).step()
    moved = {name for name, tensor in model.named_parameters() if not torch.equal(tensor, before[name])}
    assert "text.proj.weight" in moved and any(name.startswith("visual.trunk") for name in moved)
    assert not moved & held


def test_captions_are_encoded_in_training_as_they_are_afterwards(bert: Path, cnn: Path) -> None:
    _, model, plain = both(bert, cnn)
    for module in (*model.modules(), *plain.modules()):
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    tokens = clip.tokenize(model, CAPTIONS)
    expected = encode_texts(model.eval(), tokens)
    torch.manual_seed(3)
    assert torch.equal(encode_texts(model.train(), tokens), expected)
    assert not torch.equal(encode_texts(plain.train(), tokens), expected), "that is not for want of dropout"


def test_statistics_of_random_towers_are_learnt(bert: Path, cnn: Path) -> None:
    params, _, _ = both(bert, cnn)
    assert params.holds_statistics()
    image = params.image.model_copy(update={"weights": "random"})
    assert not params.model_copy(update={"image": image}).holds_statistics()
