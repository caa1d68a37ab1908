"""The token-level stage starts as exact re-scoring, does not care about order, and learns what only tokens say."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from crossmodal import registry
from crossmodal.errors import UserError
from crossmodal.reranking import tokens
from crossmodal.reranking.material import Lists, Material
from crossmodal.reranking.order import inner_products
from crossmodal.reranking.quality import quality
from crossmodal.reranking.token_compression import Compression, save_compression
from crossmodal.reranking.token_files import quantise, write_patches, write_words
from crossmodal.reranking.token_network import TokenNetwork, load_network
from crossmodal.search.gallery import Candidates, Gallery

D, C, P, K = 12, 6, 3, 8
SMALL = {"kind": "tokens", "candidates": K, "width": 16, "heads": 2, "feedforward": 16, "epochs": 12,
         "batch_size": 16, "learning_rate": 1e-2, "dropout": 0.0, "early_stopping_patience": None}  # fmt: skip


def params(**more):
    return registry.parse("reranking", SMALL | more)


def unit(*shape, seed=0):
    vectors = np.random.default_rng(seed).normal(size=shape)
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def world(tmp_path: Path):
    """Return a function that makes (lists, gallery, files): the right item's tokens are the query's words.

    Vectors say nothing: the right item stands anywhere in its list. Words have the first c numbers of the joint
    space, and the compression keeps those.
    """
    eye = np.eye(D, C, dtype=np.float32)
    zero, one = np.zeros(D, np.float32), np.float32(1)
    save_compression(Compression(zero, zero, eye, np.asarray(one), np.asarray(one)), tmp_path / "compression")

    def make(name, seed, images=60, gaps=0):
        rng = np.random.default_rng(seed)
        vectors, states = (
            unit(images * K, D, seed=seed),
            rng.normal(size=(images * K, P, C)).astype(np.float32),
        )
        right = np.arange(images) * K + rng.integers(K, size=images)
        image = np.repeat(np.arange(images), 2)
        positions = image[:, None] * K + rng.permuted(np.tile(np.arange(K), (len(image), 1)), axis=1)
        words = []
        for one in image:
            said = states[right[one]][rng.permutation(P)[: rng.integers(1, P + 1)]]
            words.append(np.pad(said, ((0, 0), (0, D - C))))
        queries = unit(len(image), D, seed=seed + 100)
        relevant = positions == right[image][:, None]
        if gaps:
            positions[::2, -gaps:], relevant[::2, -gaps:] = -1, False
        scores = np.zeros(positions.shape, np.float32)
        found = Candidates(queries, positions, scores, relevant, np.arange(len(image)))
        ids = [f"{name}/{i}" for i in range(len(vectors))]
        files = {"patches": tmp_path / f"{name}.npy", "words": tmp_path / f"{name}.safetensors"}
        write_patches(files["patches"], quantise(states, ids))
        write_words(files["words"], words, D)
        gallery = Gallery(ids, ids, vectors, np.zeros(len(ids), np.int64))
        return Lists(vectors, found, [f"{name}{i}" for i in image]), gallery, files

    return make


@pytest.fixture
def trained(world, tmp_path):
    """Return a function that trains on two lists and returns (material of others, their lists, log, config)."""

    def train(seed=0, **more):
        parts = [world("a", 1), world("b", 2, images=30), world("val", 3)]
        files = {name: tmp_path / name for name in ("config", "weights", "compression")}
        for name, part in zip(("0", "1", "validation"), parts, strict=True):
            files |= {f"{what}/{name}": part[2][what] for what in ("patches", "words")}
        log = tmp_path / "log.csv"
        chosen = params(**more)
        tokens.train(chosen, [parts[0][0], parts[1][0]], parts[2][0], seed, files, log)
        lists, gallery, own = world("test", 4)
        material = Material(gallery, lists.vectors, files={k: files[k] for k in ("config", "weights")} | own)
        rows = list(csv.DictReader(log.open()))
        return chosen, material, lists, rows, json.loads(files["config"].read_text())

    return train


def untrained(seed=0, **more):
    torch.manual_seed(seed)
    return TokenNetwork(D, C, params(**more)).eval()


def lively(**more):
    """A network whose corrections are not zero."""
    network = untrained(**more)
    torch.nn.init.normal_(network.head.weight, generator=torch.Generator().manual_seed(1))
    return network


def arguments(b=2, k=5, longest=4, seed=0):
    g = torch.Generator().manual_seed(seed)
    counts = torch.arange(longest) < torch.randint(1, longest + 1, (b, 1), generator=g)
    return [
        torch.randn(b, longest, D, generator=g), counts, torch.randn(b, k, P, C, generator=g),
        torch.randn(b, k, generator=g),
    ]  # fmt: skip


@pytest.mark.parametrize("control", ["none", "blind", "shuffled"])
def test_an_untrained_network_is_exact_rescoring_to_the_bit(world, control):
    lists, gallery, files = world("test", 4, gaps=2)
    source = tokens.open_source(files["patches"], files["words"], control)
    scores = tokens.score(
        untrained(control=control), source, gallery.vectors, lists.found, lists.found.rows, K
    )
    np.testing.assert_array_equal(scores, inner_products(gallery.vectors, lists.found, K))
    assert np.isneginf(scores[0, -2:]).all()


@torch.no_grad()
def test_each_candidate_gets_the_same_correction_in_whatever_order_they_come():
    words, counts, items, exact = arguments(k=7)
    network, order = lively(), torch.randperm(7, generator=torch.Generator().manual_seed(3))
    straight = network(words, counts, items, exact)
    assert straight.std() > 0.1 / network.scale.exp()
    torch.testing.assert_close(
        network(words, counts, items[:, order], exact[:, order]), straight[:, order], atol=1e-6, rtol=1e-4
    )
    tokens_order = torch.randperm(P, generator=torch.Generator().manual_seed(4))
    torch.testing.assert_close(
        network(words, counts, items[:, :, tokens_order], exact), straight, atol=1e-6, rtol=1e-4
    )


@torch.no_grad()
def test_neither_padding_of_words_nor_absent_candidates_change_the_others():
    words, counts, items, exact = arguments()
    network = lively()
    straight = network(words, counts, items, exact)
    more = torch.cat([words, torch.full((2, 3, D), 9.0)], dim=1)
    counted = torch.cat([counts, torch.zeros(2, 3, dtype=torch.bool)], dim=1)
    torch.testing.assert_close(network(more, counted, items, exact), straight, atol=1e-6, rtol=1e-4)
    longer = torch.cat([items, torch.full((2, 2, P, C), 9.0)], dim=1)
    absent = torch.cat([exact, torch.full((2, 2), -torch.inf)], dim=1)
    found = network(words, counts, longer, absent)
    torch.testing.assert_close(found[:, :5], straight, atol=1e-6, rtol=1e-4)
    assert not found[:, 5:].any()
    nothing = network(words, counts, items, torch.full_like(exact, -torch.inf))
    assert not nothing.any() and torch.isfinite(nothing).all()


@torch.no_grad()
def test_attention_equals_the_obvious_loop_over_candidates():
    words, counts, items, _ = arguments(b=1)
    words = words[..., :C]  # as the map of words leaves them
    network = lively()
    fast = network._read(words, counts, items)
    size = network.params.width // network.params.heads
    said = network.query(words[0, counts[0]])
    for i, own in enumerate(items[0]):
        keys, values = network.source(own).chunk(2, dim=-1)
        gathered = torch.cat(
            [
                torch.softmax(said[:, at] @ keys[:, at].T / size**0.5, dim=1) @ values[:, at]
                for at in (slice(h * size, (h + 1) * size) for h in range(network.params.heads))
            ],
            dim=1,
        )
        both = torch.cat([gathered, gathered * said], dim=1)
        found = torch.nn.functional.gelu(network.compared(both) + network.word(words[0, counts[0]]))
        expected = network.pooled(network.level(torch.cat([found.mean(dim=0), found.amax(dim=0)])))
        torch.testing.assert_close(fast[0, i], expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_tokens_and_numbers_enter_on_one_scale():
    """Where content is a hundredth of the variance, a network learns of the rest alone (ALGORITHMS, re-ranker)."""
    torch.manual_seed(0)
    network = TokenNetwork(64, 32, params(width=64, heads=4)).eval()
    words, counts = torch.randn(8, 10, 64), torch.ones(8, 10, dtype=torch.bool)
    parts = network.parts(words, counts, torch.randn(8, 50, 4, 32), torch.randn(8, 50))
    content, numbers = (part.var(dim=1).mean() for part in parts)  # between the candidates of a list
    assert 0.1 < content / numbers < 10


def test_every_part_of_the_network_gets_a_gradient():
    network = lively()
    network(*arguments()).square().sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert silent == []


def test_it_learns_what_tokens_alone_say_and_the_controls_do_not(trained):
    chosen, material, lists, rows, config = trained()
    exact = quality(lists.found, inner_products(lists.vectors, lists.found, K))
    learnt = quality(lists.found, tokens.prepare(chosen, material)(lists.found))
    assert exact.mrr < 0.5 and learnt.mrr > 0.85
    assert config["epoch"] > 0 and [int(row["epoch"]) for row in rows] == list(range(13))
    for control in ("shuffled", "blind"):
        chosen, material, lists, *_ = trained(control=control)
        assert quality(lists.found, tokens.prepare(chosen, material)(lists.found)).mrr < 0.55


def test_the_same_seed_gives_the_same_weights_whatever_ran_before(trained, tmp_path):
    def weights(seed):
        trained(seed=seed, epochs=2, standard_errors=0.0)
        return (tmp_path / "weights").read_bytes()

    first = weights(0)
    torch.rand(7)
    assert weights(0) == first and weights(1) != first


def test_one_query_gets_what_it_gets_among_others(trained):
    chosen, material, lists, *_ = trained(epochs=4)
    scores = tokens.prepare(chosen, material)
    together = scores(lists.found)
    for row in (0, 41, 119):
        at = slice(row, row + 1)
        f = lists.found
        one = Candidates(f.queries[at], f.positions[at], f.scores[at], f.relevant[at], f.rows[at])
        np.testing.assert_allclose(scores(one)[0], together[row], atol=1e-5)


def test_words_begin_where_the_compression_takes_the_tokens():
    rng = np.random.default_rng(0)
    compression = Compression(
        np.zeros(D, np.float32), rng.normal(size=D).astype(np.float32),
        np.linalg.qr(rng.normal(size=(D, C)))[0].astype(np.float32), np.float32(1), np.float32(0.5),
    )  # fmt: skip
    network = untrained()
    network.start_from(compression)
    states = rng.normal(size=(4, D)).astype(np.float32)
    found = network.words(torch.from_numpy(states)).detach().numpy()
    np.testing.assert_allclose(found, compression.words(states), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patches": None}, "needs a file patches"),
        ({"words": None}, "needs a file words"),
        ({"weights": b"x"}, r"weights: not a readable re-ranker of kind tokens"),
        ({"config": b"{}"}, r"config: not a readable re-ranker of kind tokens"),
        ({"patches": b"x"}, "not a readable file of image tokens"),
        ({"words": b"x"}, "not a readable file of token states"),
    ],
)
def test_missing_and_broken_files_are_one_line(trained, tmp_path, change, message):
    chosen, material, lists, *_ = trained(epochs=1)
    files = dict(material.files)
    for name, content in change.items():
        if content is None:
            del files[name]
        else:
            files[name] = tmp_path / f"broken {name}"
            files[name].write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        tokens.prepare(chosen, Material(material.gallery, material.bank, files=files))(lists.found)
    assert "\n" not in str(error.value)


def test_files_of_something_else_are_one_line(trained, world, tmp_path):
    chosen, material, lists, *_ = trained(epochs=1)
    _, other, files = world("val", 3)
    with pytest.raises(UserError, match="row 0 is not of val/0"):
        tokens.prepare(chosen, Material(other, other.vectors, files=dict(material.files)))
    write_words(files["words"], [np.zeros((1, D))], D)
    scores = tokens.prepare(
        chosen, Material(material.gallery, material.bank, files=material.files | {"words": files["words"]})
    )
    with pytest.raises(UserError, match="states of 1 captions, asked for row 119"):
        scores(lists.found)
    write_words(files["words"], [np.zeros((1, D + 1))], D + 1)
    with pytest.raises(UserError, match=f"tokens of {C} numbers and words of {D}; these have 6 and 13"):
        tokens.prepare(
            chosen,
            Material(material.gallery, material.bank, files=material.files | {"words": files["words"]}),
        )
    assert load_network(material.files["config"], material.files["weights"]).tokens == C


def test_heads_must_divide_the_width():
    with pytest.raises(ValueError, match="multiple of heads"):
        params(width=100, heads=3)


def test_the_stage_says_what_it_needs():
    assert tokens.TRAINED and tokens.NEEDS_TOKENS and not tokens.TRANSDUCTIVE
    assert SimpleNamespace(**SMALL).kind in registry.kinds("reranking")
