from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from crossmodal.data.tables import Example
from crossmodal.models.architecture import CLIP
from crossmodal.serving.pictures import Pictures
from crossmodal.serving.session import Session, open_session
from crossmodal.serving.weights import ModelFiles
from served import adapt, bert_folder, build_towers, model_of, save, write_drawings, write_index


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny BERT."""
    return bert_folder(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="session")
def base(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny model of two towers."""
    return save(build_towers(bert), tmp_path_factory.mktemp("towers"))


@pytest.fixture(scope="session")
def adapted(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[ModelFiles, CLIP]]:
    """Returns the files of a method's adapter on that model, and the merged model."""
    made: dict[str, tuple[ModelFiles, CLIP]] = {}

    def get(kind: str, **values: object) -> tuple[ModelFiles, CLIP]:
        key = f"{kind} {values}"
        if key not in made:
            made[key] = adapt(base, tmp_path_factory.mktemp(kind), kind, **values)
        return made[key]

    return get


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Example]]:
    """A dataset of 24 drawings and its examples."""
    path = tmp_path_factory.mktemp("data") / "drawings.parquet"
    return path, write_drawings(path)


@pytest.fixture(scope="session")
def index(drawings, adapted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ModelFiles]:
    """An index folder of the drawings, which names no paths, and its model: a LoRA cell of the towers."""
    files, model = adapted("lora", rank=2)
    folder = tmp_path_factory.mktemp("index") / "flat"
    write_index(folder, model, model_of(files).digest(), drawings[1], [None] * len(drawings[1]))
    return folder, files


@pytest.fixture
def session(index: tuple[Path, ModelFiles], drawings) -> Session:
    """A session in that index, with the dataset's pictures."""
    return open_session(index[0], model_of(index[1]), Pictures([drawings[0]]))
