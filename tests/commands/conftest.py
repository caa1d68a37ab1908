"""Commands as a user calls them, on a dataset and a model made for the test."""

import sys
from collections import namedtuple

import numpy as np
import pytest
from PIL import Image

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples

Done = namedtuple("Done", "status out err")


@pytest.fixture
def crossmodal(capsys, monkeypatch):
    """Return a function that runs `crossmodal ARGUMENTS` in this process and returns status, output and errors."""
    from crossmodal import cli

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["crossmodal", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
            sys.exit(0)
        out, err = capsys.readouterr()
        return Done(ended.value.code or 0, out, err)

    return run


@pytest.fixture
def dataset(tmp_path):
    """Return a dataset file of 8 drawings of 40 x 36 px, coloured squares on white, with two captions each."""
    colours = ["red", "green", "blue", "yellow", "black", "grey", "pink", "brown"]
    examples = []
    for i, colour in enumerate(colours):
        image = Image.new("RGB", (36, 40), "white")
        image.paste(colour, (2 + i, 4, 20 + i, 30))
        captions = [f"a small {colour} square", f"one big picture of a {colour} thing"]
        examples.append(
            Example(
                f"toy/{colour}", encode_png(np.asarray(image)), f"{colour}.png", captions, colour, "g", "s"
            )
        )
    path = tmp_path / "toy.parquet"
    write_examples(path, examples)
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Return a folder with a tiny CLIP of random weights, as open_clip lays it out."""
    import torch

    from crossmodal.models import clip, scratch
    from crossmodal.models.scratch_params import Params

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("model")
    nano = scratch.create(Params(kind="scratch", config="vit-nano-32"), seed=0)
    clip.save_clip(nano, folder / "open_clip_config.json", folder / "open_clip_model.safetensors")
    return folder
