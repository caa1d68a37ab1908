"""The colours that go with words: right for all on coloured squares, of no help where words name none."""

from pathlib import Path

import numpy as np
import pytest

from crossmodal.data.tables import read_table
from crossmodal.experiments.probes import colours
from crossmodal.experiments.probes.evaluate_probe import main
from probed import write_split

PAINTS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200), "black": (20, 20, 20)}


def squares(margin: int) -> list[np.ndarray]:
    images = [np.full((32, 32, 3), 255, dtype=np.uint8) for _ in PAINTS]
    for image, paint in zip(images, PAINTS.values(), strict=True):
        image[margin:-margin, margin:-margin] = paint
    return images


def test_it_finds_coloured_squares_by_the_names_of_their_colours(tmp_path: Path) -> None:
    train = write_split(tmp_path / "train.parquet", squares(6), {n: [f"a {n} square"] for n in PAINTS})
    test = write_split(
        tmp_path / "test.parquet", squares(9), {n: [f"{n}", f"some {n} thing"] for n in PAINTS}
    )
    main([train], test, tmp_path / "queries.parquet", {"wildcards": {"probe": "colours"}})
    table = read_table(tmp_path / "queries.parquet")
    assert len(table) == 3 * len(PAINTS) and set(table["recall@1"].to_pylist()) == {1.0}


def test_a_caption_is_the_mean_of_the_colours_of_what_reads_like_it(tmp_path: Path) -> None:
    train = write_split(tmp_path / "train.parquet", squares(6), {n: ["xyz", f"{n} xyz"] for n in PAINTS})
    test = write_split(tmp_path / "test.parquet", squares(9), {n: ["xyz", "?"] for n in PAINTS})
    _, captions = colours.embed([train], test)
    mean = colours.histograms(np.stack(squares(6))).mean(axis=0)
    assert captions.vectors[::2] == pytest.approx(np.tile(mean / np.linalg.norm(mean), (4, 1)), abs=1e-3)
    assert not captions.vectors[1::2].any(), "it shares nothing with any"


def test_histograms_are_roots_of_shares() -> None:
    image = np.zeros((1, 2, 2, 3), dtype=np.uint8)
    image[0, 0, 0] = (255, 64, 127)
    [found] = colours.histograms(image)
    assert found.shape == (64,) and (found > 0).sum() == 2
    assert found[0] == pytest.approx(np.sqrt(0.75)) and found[3 * 16 + 1 * 4 + 1] == pytest.approx(0.5)
