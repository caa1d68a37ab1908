"""`crossmodal search` in an index of drawings, with a small model of two towers."""

import json
import re
import shutil
import subprocess
import sys
from contextlib import chdir

import pytest

from crossmodal.provenance.digests import md5
from served import (
    HOSTILE,
    adapt,
    bert_folder,
    build_towers,
    drawing,
    load,
    model_of,
    save,
    write_drawings,
    write_index,
)


@pytest.fixture(scope="session")
def searched(tmp_path_factory):
    """Return a folder with a model, an adapter on it, a dataset and two indexes: with places and without."""
    root = tmp_path_factory.mktemp("searched")
    base = save(build_towers(bert_folder(root / "bert")), root / "model")
    files, model = adapt(base, root / "adapter", "lora", rank=2)
    examples = write_drawings(root / "drawings.parquet")
    digest = model_of(files).digest()
    places = [f"{root / 'drawings.parquet'}#{row}" for row in range(len(examples))]
    write_index(root / "index", model, digest, examples, places)
    write_index(root / "bare", model, digest, examples, [None] * len(examples))
    return root


def options(searched, index="index"):
    return ("--index", searched / index, "--model", searched / "model", "--adapter", searched / "adapter")


def test_a_text_is_answered_in_columns(crossmodal, searched):
    done = crossmodal("search", "a red square", *options(searched), "--top", 12)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert len(lines) == 12 and len({line.index("/") for line in lines}) == 1
    rows = [
        re.fullmatch(r" ?(\d+)  +(-?\d\.\d{3})  (\S+) +(/.*\.parquet#\d+)", line).groups() for line in lines
    ]
    assert [int(rank) for rank, *_ in rows] == list(range(1, 13))
    scores = [float(score) for _, score, *_ in rows]
    assert scores == sorted(scores, reverse=True)


def test_an_image_is_answered_with_itself(crossmodal, searched, tmp_path):
    (tmp_path / "query.png").write_bytes(drawing("pink", "circle"))
    done = crossmodal("search", tmp_path / "query.png", *options(searched), "--top", 2)
    assert done.status == 0, done.err
    assert done.out.splitlines()[0].split()[:3] == ["1", "1.000", "pink-circle"]


def test_a_page_is_written_whole(crossmodal, searched, tmp_path):
    page = tmp_path / "out.html"
    done = crossmodal("search", "a red square", *options(searched), "--top", 24, "--html", page)
    assert done.status == 0, done.err
    text = page.read_text()
    assert text.count("data:image/png;base64,") == 24 and HOSTILE not in text
    assert list(tmp_path.iterdir()) == [page]
    done = crossmodal("search", "a red square", *options(searched), "--html", tmp_path / "none/out.html")
    assert (done.status, done.out) == (1, "") and "there is no folder" in done.err


def test_pictures_are_looked_up_where_the_index_names_none(crossmodal, searched, tmp_path):
    page = tmp_path / "out.html"
    done = crossmodal("search", "a red square", *options(searched, "bare"), "--top", 3, "--html", page)
    assert all(line.endswith("  -") for line in done.out.splitlines()) and "no picture" in page.read_text()
    datasets = ("--pictures", searched / "drawings.parquet")
    done = crossmodal(
        "search", "a red square", *options(searched, "bare"), "--top", 3, *datasets, "--html", page
    )
    assert all(".parquet#" in line for line in done.out.splitlines())
    assert page.read_text().count("data:image/png") == 3


def test_an_index_may_name_its_model(crossmodal, searched, tmp_path):
    shutil.copytree(searched / "index", tmp_path / "index")
    card = json.loads((tmp_path / "index/card.json").read_text())
    card |= {"model_name": str(searched / "model"), "adapter": str(searched / "adapter")}
    (tmp_path / "index/card.json").write_text(json.dumps(card))
    done = crossmodal("search", "a red square", "--index", tmp_path / "index")
    assert done.out == crossmodal("search", "a red square", *options(searched)).out


def test_a_study_knows_its_index_its_model_and_its_pictures(crossmodal, searched, tmp_path):
    """The claims' cell and index, of the first seed and run, in the largest gallery."""
    results, data = tmp_path / "results/toy", tmp_path / "data/toy"
    for cell, seed, gallery, index, items in (
        ("lora", 0, "own", "flat", 20), ("lora", 0, "mixed", "flat", 24), ("lora", 1, "mixed", "flat", 24),
        ("lora", 0, "mixed", "other", 24), ("full", 0, "mixed", "flat", 30),
    ):  # fmt: skip
        folder = results / f"search/{cell}/s{seed}/{gallery}/{index}/r0"
        shutil.copytree(searched / "bare", folder)
        card = json.loads((folder / "card.json").read_text())
        (folder / "card.json").write_text(json.dumps(card | {"items": items}))
    shutil.copytree(searched / "model", results / "models/towers")
    shutil.copytree(searched / "adapter", results / "adaptation/lora/s0")
    (data / "datasets/drawings").mkdir(parents=True)
    shutil.copy(searched / "drawings.parquet", data / "datasets/drawings/test.parquet")
    (tmp_path / "params.yaml").write_text("study: toy\n")
    settings = {
        "models": {"towers": {}},
        "adaptation": {
            "dataset": "drawings",
            "cells": {"lora": {"model": "towers"}, "full": {"model": "towers"}},
        },
        "search": {"cells": ["lora", "full"], "index": "flat"},
    }
    (results / "study.json").write_text(json.dumps(settings))
    with chdir(tmp_path):
        done = crossmodal("search", "a red square", "--top", 3)
    assert done.status == 0, done.err
    assert all("data/toy/datasets/drawings/test.parquet#" in line for line in done.out.splitlines())
    expected = crossmodal("search", "a red square", *options(searched), "--top", 3).out
    assert [line.split()[:3] for line in done.out.splitlines()] == [
        x.split()[:3] for x in expected.splitlines()
    ]
    from crossmodal.commands.searched import choose_searched

    with chdir(tmp_path):
        chosen = choose_searched(None, None, None, None, None)
    assert str(chosen.folder) == "results/toy/search/lora/s0/mixed/flat/r0"

    folder = tmp_path / chosen.folder
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    entries = {path.stem: [{"path": str(path.relative_to(tmp_path)), "md5": md5(path)}] for path in files}
    (folder / "manifest.json").write_text(json.dumps({"outputs": entries}))
    with chdir(tmp_path):
        assert crossmodal("search", "a red square", "--top", 3).out == done.out
        for path in files:
            content = path.read_bytes()
            path.write_bytes(content + b" ")
            edited = crossmodal("search", "a red square", "--top", 3)
            assert (edited.status, edited.out) == (1, ""), path
            assert f"{path.relative_to(tmp_path)}: is not what its job wrote" in edited.err
            path.write_bytes(content)
        (folder / "manifest.json").write_text("{}")
        assert "not a job's manifest" in crossmodal("search", "a red square").err


def test_a_study_without_an_index_says_what_makes_one(crossmodal, tmp_path):
    (tmp_path / "params.yaml").write_text("study: toy\n")
    with chdir(tmp_path):
        done = crossmodal("search", "a red square")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(
        "error: results/toy/search: no index of study 'toy' is built yet; run the study"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no query given"),
        (("  ",), "the query is empty"),
        (("none.png",), "none.png: no such file; a query is a text or the path of an image"),
        (("a", "--study", "emoji"), "--study and --index both name what is searched"),
        (("a", "--index", "/nowhere"), "/nowhere: no index folder"),
        (("a", "--model", "/nowhere"), "--model /nowhere: no such folder"),
        (("a", "--adapter", "/nowhere"), "/nowhere/adapter_config.json: no such file"),
        (("a", "--pictures", "/nowhere"), "/nowhere: no such file"),
    ],
)
def test_what_is_wrong_is_one_line(crossmodal, searched, arguments, words):
    given = options(searched)
    if arguments[1:2] and arguments[1] in given:
        at = given.index(arguments[1])
        given = given[:at] + given[at + 2 :]
    done = crossmodal("search", *arguments, *given)
    assert (done.status, done.out) == (1, "") and words in done.err
    assert done.err.count("\n") == 1 and done.err.startswith("error: ")


def test_an_option_of_an_index_needs_the_index(crossmodal, searched):
    done = crossmodal("search", "a", "--model", searched / "model")
    assert done.status == 1 and "--model goes with --index; a study knows its own" in done.err


def test_another_model_is_refused(crossmodal, searched):
    done = crossmodal("search", "a", "--index", searched / "index", "--model", searched / "model")
    assert done.status == 1 and "was made with another model" in done.err


def test_an_index_that_does_not_know_its_model_asks_for_it(crossmodal, searched):
    done = crossmodal("search", "a", "--index", searched / "index")
    assert done.status == 1 and "does not say which model made its vectors; name it with --model" in done.err


@pytest.mark.parametrize("first", [("a red square",), ()])
def test_a_terminal_is_asked_for_more(crossmodal, searched, monkeypatch, first, tmp_path):
    (tmp_path / "bad.png").write_text("no image")
    typed = iter(["the big blue circle", f"{tmp_path}/none.png", f"{tmp_path}/bad.png", "a grey stripe", ""])
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    page = tmp_path / "out.html"
    done = crossmodal("search", *first, *options(searched), "--top", 2, "--html", page)
    assert done.status == 0 and next(typed, None) is None
    monkeypatch.undo()
    alone = (*options(searched), "--top", 2, "--no-prompt")
    answered = [*first, "the big blue circle", "a grey stripe"]
    expected = "".join(crossmodal("search", text, *alone).out for text in answered)
    assert done.out == expected
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == ["error", "error"]
    assert "“a grey stripe”" in page.read_text(), "the page is the last answer's"


@pytest.mark.parametrize("end", [EOFError, KeyboardInterrupt])
def test_the_end_of_the_input_ends_it(crossmodal, searched, monkeypatch, end):
    def ended(prompt):
        raise end

    monkeypatch.setattr("builtins.input", ended)
    for stream in (sys.stdin, sys.stdout):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    done = crossmodal("search", "a red square", *options(searched), "--top", 1)
    assert done.status == 0 and done.err == ""


def test_names_do_not_steer_the_terminal():
    from crossmodal.commands.search import printable

    assert (
        printable("a\x1b[31mb\r\nc\u202e") == "a�[31mb��c�" and printable("näïve 東京 🐙") == "näïve 東京 🐙"
    )


def test_the_model_is_what_the_toolkit_loads(searched):
    """What a session falls back on is the same model."""
    import torch

    from crossmodal.commands.chosen_model import ChosenModel

    chosen = ChosenModel(str(searched / "model"), searched / "adapter")
    own, other = chosen.load().state_dict(), load(files_of(searched)).state_dict()
    assert own.keys() == other.keys() and all(torch.equal(own[name], other[name]) for name in own)


def files_of(searched):
    from crossmodal.serving.weights import ModelFiles

    return ModelFiles(searched / "model", searched / "adapter")


def test_the_command_line_imports_nothing_heavy():
    """Half a second of every command otherwise, and how many threads BLAS takes is settled at its import."""
    heavy = {"numpy", "pyarrow", "torch", "faiss", "starlette"}
    code = f"import sys, crossmodal.cli; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
