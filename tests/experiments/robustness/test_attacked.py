"""Retrieval under attack, on a small model that has learnt its pairs; fast scoring against slow scoring."""

import json
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from crossmodal.data.images import encode_png
from crossmodal.data.tables import Example, write_examples
from crossmodal.errors import UserError
from crossmodal.experiments.robustness.attacked import attacked_embeddings, attacked_queries, evaluate_attacks
from crossmodal.experiments.robustness.attacked_sanity import check_attacks
from crossmodal.experiments.robustness.attacked_split import read_split
from crossmodal.experiments.robustness.threats import Threat, Variant, points, variants
from crossmodal.experiments.robustness.units import measure_unit, read_captions
from crossmodal.models.clip import build_clip, save_clip, tokenize
from crossmodal.models.dual_encoder import (
    encode_images,
    encode_texts,
    logit_scale,
    mean_token_norm,
    to_pixels,
)
from crossmodal.models.embeddings import read_embeddings
from crossmodal.models.export import export_embeddings
from crossmodal.models.loss import contrastive_loss
from crossmodal.statistics.queries import SCHEMA, evaluate_set
from crossmodal.training.adversary import make_adversary
from crossmodal.training.adversary_settings import AdversaryParameters, RobustCheck
from crossmodal.training.batches import load_training_set
from crossmodal.training.robust_validation import clean_recall, robust_recall

CONFIG = {
    "model_cfg": {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 16, "layers": 1, "width": 32, "patch_size": 4, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
}
WORDS = ["apple", "boat", "cat", "dog", "egg", "fish", "goat", "hat", "ink", "jam", "key", "lamp"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a model with perfect recall on 12 pairs and their dataset file: 12 images with two captions each."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = build_clip(CONFIG)
    blocks = (0.2 + 0.6 * torch.rand(12, 4, 4, 3).round()).mul(255).to(torch.uint8)
    images = blocks.repeat_interleave(4, dim=1).repeat_interleave(4, dim=2)
    captions = [[f"a {word}", f"one {word}"] for word in WORDS]
    tokens = [tokenize(model, [own[k] for own in captions]) for k in (0, 1)]
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, fused=True)
    for step in range(100):
        pixels = to_pixels(images)
        noisy = (pixels + 0.05 * torch.randn_like(pixels)).clamp(0, 1)
        features = encode_images(model, noisy), encode_texts(model, tokens[step % 2])
        loss = contrastive_loss(*features, torch.arange(12), logit_scale(model))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    model.eval()
    model.zero_grad(set_to_none=True)
    path = tmp_path_factory.mktemp("attacked") / "test.parquet"
    examples = [
        Example(f"set/{word}", encode_png(Image.fromarray(image.numpy())), f"{word}.png", own, word, "g", "s")
        for word, image, own in zip(WORDS, images, captions, strict=True)
    ]
    write_examples(path, examples)
    return model, path


@pytest.fixture(scope="module")
def results(trained, tmp_path_factory, parameters):
    """Return the tables of an evaluation of all queries, by variant."""
    model, path = trained
    params = parameters()
    folder = tmp_path_factory.mktemp("results")
    outputs = [folder / f"{name}.parquet" for name in variants(params)]
    evaluate_attacks(model, read_split(model, path, params), params, outputs)
    return {output.stem: pq.read_table(output) for output in outputs}


def recall(table):
    return float(np.mean(table["recall@1"].to_numpy()))


def test_epsilon_0_is_the_clean_evaluation_bit_for_bit(trained, results, tmp_path, threat_models):
    model, path = trained
    embedded = tmp_path / "i", tmp_path / "c"
    export_embeddings(model, path, *embedded, 5, {})
    evaluate_set(*map(read_embeddings, embedded), tmp_path / "q")
    clean = pq.read_table(tmp_path / "q")
    for name in threat_models:
        direction = "image_to_text" if name == "query-image" else "text_to_image"
        expected = clean.filter(pa.compute.equal(clean["direction"], direction))
        assert results[f"{name}-0"].equals(expected)
        assert recall(expected) == 1.0


def test_embeddings_that_are_there_are_read_and_must_be_the_splits(trained, tmp_path, parameters):
    model, path = trained
    embedded = tmp_path / "images.parquet", tmp_path / "captions.parquet"
    export_embeddings(model, path, *embedded, 64, {})
    made, read = (
        read_split(model, path, parameters()),
        read_split(model, path, parameters(), embedded=embedded),
    )
    for side in ("images", "captions"):
        assert getattr(read, side).ids == getattr(made, side).ids
        np.testing.assert_array_equal(getattr(read, side).vectors, getattr(made, side).vectors)
    backwards = tmp_path / "backwards.parquet"  # as many, in another order
    pq.write_table(pq.read_table(path).take(list(range(11, -1, -1))), backwards)
    with pytest.raises(UserError, match=r"other images or captions than .*backwards\.parquet holds"):
        read_split(model, backwards, parameters(), embedded=embedded)


def test_a_subset_of_queries_meets_the_full_gallery(trained, results, parameters):
    model, path = trained
    for captions, per_image in (("one", 1), ("all", 2)):
        params = parameters(images=4, captions=captions)
        data = read_split(model, path, params)
        for variant in points(params):
            if variant.epsilon:
                continue
            found = attacked_queries(model, data, variant, params)
            assert len(found) == 4 * (1 if variant.threat.threat == "query-image" else per_image)
            whole = {row["query_id"]: row for row in results[variant.name].to_pylist()}
            assert [whole[row["query_id"]] for row in found.to_pylist()] == found.to_pylist()


def test_the_choice_depends_on_ids_and_seed_and_grows(trained, tmp_path, parameters):
    model, path = trained
    backwards = tmp_path / "backwards.parquet"
    pq.write_table(pq.read_table(path).take(list(range(11, -1, -1))), backwards)

    def chosen(source, **values):
        data = read_split(model, source, parameters(captions="one", **values))
        return (
            {data.images.ids[place] for place in data.asking_images},
            {data.captions.ids[place] for place in data.asking_captions},
        )

    assert chosen(path, images=5) == chosen(backwards, images=5)
    assert chosen(path, images=5, seed=1) != chosen(path, images=5)
    for smaller, larger in zip(chosen(path, images=3), chosen(path, images=5), strict=True):
        assert smaller < larger
    assert {name.partition("#")[0] for name in chosen(path, images=5)[1]} == chosen(path, images=5)[0]


def test_every_threat_lowers_recall_with_its_radius_to_nothing(results, threat_models):
    for threat in threat_models:
        curve = [recall(table) for name, table in results.items() if name.startswith(threat)]
        assert len(curve) == 3 and curve[0] == 1.0
        assert all(later <= earlier for earlier, later in pairwise(curve))
        assert curve[-1] <= 0.1, threat
    assert all(table.schema.equals(SCHEMA) for table in results.values())


def test_the_same_seed_gives_the_same_results(trained, results, parameters):
    model, path = trained
    params = parameters()
    data = read_split(model, path, params)
    variant = next(v for v in points(params) if v.name == "text-0.1")
    assert attacked_queries(model, data, variant, params).equals(results["text-0.1"])


def test_other_attacks_take_part(trained, parameters, threat_models):
    """FGSM, an L2 ball, an attack on the embedding itself: any kind that fits the side, under its own name."""
    model, path = trained
    threats = {
        "fgsm": {"threat": "query-image", "attack": {"kind": "fgsm"}, "epsilons": ["64/255"]},
        "l2": {"threat": "query-image", "attack": {"kind": "pgd_images", "norm": "l2"}, "epsilons": [8.0]},
        "query": {"threat": "text", "attack": {"kind": "pgd_embeddings"}, "epsilons": [0.01, 1.5]},
        "margin": threat_models["query-image"] | {"objective": "margin"},
        "hide": threat_models["gallery-image"] | {"objective": "margin"},
    }
    params = parameters(threats=threats)
    data = read_split(model, path, params)
    found = {v.name: recall(attacked_queries(model, data, v, params)) for v in points(params)}
    assert [name for name in found if name.startswith(("fgsm", "l2"))] == [
        "fgsm-0",
        "fgsm-64of255",
        "l2-0",
        "l2-8",
    ]
    assert found["fgsm-64of255"] < 0.8 and found["l2-8"] < 0.5 and found["query-1.5"] < 0.1
    assert found["query-0.01"] > 0.8
    assert found["margin-64of255"] < 0.1 and found["hide-64of255"] < 0.1


def test_the_model_comes_out_as_it_went_in(trained, parameters):
    model, path = trained
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    params = parameters(images=2)
    data = read_split(model, path, params)
    for variant in points(params):
        attacked_queries(model, data, variant, params)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in model.parameters()) and not model.training


def test_images_that_share_a_label_hide_together(trained, tmp_path, parameters, threat_models):
    """Two drawings of one thing: a caption misses only if both hide, so both are attacked."""
    model, path = trained
    rows = pq.read_table(path).to_pylist()
    twin = rows[0] | {"image_id": "set/twin", "captions": []}
    pq.write_table(pa.Table.from_pylist([*rows, twin], schema=pq.read_schema(path)), tmp_path / "t.parquet")
    params = parameters(threats={"gallery-image": threat_models["gallery-image"]}, images=12)
    data = read_split(model, tmp_path / "t.parquet", params)
    *_, strongest = points(params)
    found = attacked_queries(model, data, strongest, params)
    assert [row["rank"] > 1 for row in found.to_pylist() if row["label"] == WORDS[0]] == [True, True]


def test_checks_are_named_by_threat_and_say_what_they_found(trained, parameters, threat_models):
    model, path = trained
    threats = threat_models | {
        "fgsm": {"threat": "query-image", "attack": {"kind": "fgsm"}, "epsilons": [0.1]}
    }
    params = parameters(threats=threats, sanity_queries=6)
    data = read_split(model, path, params)
    checks = check_attacks(model, data, params)
    names = [check["name"] for check in checks]
    assert len(set(names)) == len(names) >= 2
    assert {name.rpartition("-")[0] for name in names} == {"query-image", "text"}
    assert all({"name", "statement", "measured", "passed"} <= check.keys() for check in checks)
    assert json.loads(json.dumps(checks)) == checks
    assert check_attacks(model, data, parameters()) == []


def test_an_empty_split_is_one_line(trained, tmp_path, parameters):
    model, path = trained
    pq.write_table(pq.read_table(path).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(UserError, match=r"empty\.parquet: holds no image"):
        read_split(model, tmp_path / "empty.parquet", parameters())


def margins(data, threat, features):
    """What each attacked item [n, d] adds to the queries' being missed, by hand: one item after the other."""
    images, captions = (torch.from_numpy(side.vectors) for side in (data.images, data.captions))
    labels, caption_labels = data.image_labels, data.caption_labels
    found = []
    for place, feature in enumerate(features):
        if threat == "gallery-image":
            own = [c for c, label in enumerate(caption_labels) if label == labels[place]]
            others = [i for i, label in enumerate(labels) if label != labels[place]]
            each = [max(float(captions[c] @ images[i]) for i in others) for c in own]
            each = [best - float(captions[c] @ feature) for c, best in zip(own, each, strict=True)]
            found.append(sum(each) / len(each))
            continue
        mine, gallery = (labels, captions) if threat == "query-image" else (caption_labels, images)
        theirs = caption_labels if threat == "query-image" else labels
        cosines = [
            (float(item @ feature), label == mine[place]) for item, label in zip(gallery, theirs, strict=True)
        ]
        found.append(max(c for c, right in cosines if not right) - max(c for c, right in cosines if right))
    return torch.tensor(found)


@pytest.mark.parametrize("threat", ["query-image", "gallery-image", "text"])
def test_what_is_kept_is_the_best_by_margin_that_was_met(trained, parameters, threat):
    """Of all features that the model gave on the way, item by item; the last is the encoding of the result."""
    model, path = trained
    side = (
        {"kind": "pgd_texts", "step_size": 6.0}
        if threat == "text"
        else {"kind": "pgd_images", "step_size": 0.5}
    )
    attack = side | {"steps": 8, "momentum": 0.0}  # steps so long that the climb goes to and fro
    values = {"threat": threat, "attack": attack, "epsilons": [3.0 if threat == "text" else "64/255"]}
    params = parameters(batch_size=64, threats={threat: values})
    data, met, watched = read_split(model, path, params), [], deepcopy(model)
    encode_image, encode_text = watched.encode_image, watched.encode_text

    def kept(features):
        met.append(torch.nn.functional.normalize(features.detach(), dim=-1))
        return features

    watched.encode_image = lambda images: kept(encode_image(images))
    watched.encode_text = lambda tokens: kept(encode_text(tokens))
    variant = next(v for v in points(params) if v.epsilon)
    assert variant.threat.objective == "margin"
    places = np.arange(len(data.captions.ids if threat == "text" else data.images.ids))
    found = torch.from_numpy(attacked_embeddings(watched, data, variant, places, params))
    *walked, result = [margins(data, threat, features) for features in met]
    assert len(walked) == variant.threat.attack.steps + 2  # the clean items, the start and each step
    best = torch.stack(walked).amax(dim=0)
    torch.testing.assert_close(result, best, atol=1e-5, rtol=0)
    torch.testing.assert_close(margins(data, threat, found), best, atol=2e-3, rtol=0)  # kept in float16
    assert (best > walked[0]).all() and (best > walked[-1] + 1e-5).any(), (
        "the last step is not always the best"
    )


def test_captions_attacked_by_length_come_back_in_their_places(trained, parameters):
    """With a radius of next to nothing they are the clean ones, row by row, whatever their length."""
    model, path = trained
    params = parameters(batch_size=3)
    data = read_split(model, path, params)
    texts = [" ".join(["red", *WORDS[: 1 + place * 5 % 4]]) for place in range(len(data.texts))]
    tiny = Threat.model_validate(
        {"threat": "text", "attack": {"kind": "pgd_texts", "steps": 1}, "epsilons": [1e-3]}
    )
    places = np.array([0, 1, 2, 3, 5, 8, 13, 21])
    found = attacked_embeddings(
        model, replace(data, texts=texts), Variant("tiny", tiny, 1e-3), places, params
    )
    with torch.no_grad():
        clean = encode_texts(model, tokenize(model, [texts[place] for place in places]))
    np.testing.assert_allclose(found, clean.numpy(), atol=5e-3)
    assert (clean @ clean.T).fill_diagonal_(0).min() < 0.9, "the captions differ by more than that"


def test_the_job_writes_every_variant_and_the_checks(trained, tmp_path, parameters):
    """The job on files, as the rule calls it, equals the library's call."""
    from crossmodal import registry
    from crossmodal.adaptation import methods
    from crossmodal.experiments.robustness.evaluate_attacks import main

    model, path = trained
    save_clip(model, tmp_path / "config.json", tmp_path / "weights")
    adapted = registry.parse("adaptation", {"kind": "zero_shot"})
    unadapted = deepcopy(model)
    methods.attach(unadapted, adapted, seed=0)
    methods.save_adapter(unadapted, adapted, tmp_path / "adapter.json", tmp_path / "adapter")
    params = parameters(images=3, sanity_queries=4)
    outputs = [tmp_path / f"{name}.parquet" for name in variants(params)]
    embedded = tmp_path / "images", tmp_path / "captions"
    export_embeddings(model, path, *embedded, 64, {})
    main(
        tmp_path / "config.json", tmp_path / "weights", [], tmp_path / "adapter.json", tmp_path / "adapter",
        path, *embedded, path, outputs, tmp_path / "sanity.json", tmp_path / "unit.json",
        {"threads": 1, "seed": 0, "parameters": {"threats": params.model_dump(mode="json")}},
    )  # fmt: skip
    torch.use_deterministic_algorithms(False)
    data = read_split(model, path, params)
    for variant, output in zip(points(params), outputs, strict=True):
        assert pq.read_table(output).equals(attacked_queries(model, data, variant, params))
    assert len(json.loads((tmp_path / "sanity.json").read_text())) >= 2
    unit = json.loads((tmp_path / "unit.json").read_text())
    assert unit == measure_unit(
        model, [caption for word in WORDS for caption in (f"a {word}", f"one {word}")]
    )
    assert unit["norm"] == data.unit and unit["table"] == mean_token_norm(model) and unit["tokens"] == 14


def test_training_validation_and_evaluation_count_in_one_unit(trained, tmp_path, parameters):
    """Also where the cell has a token table of its own: the unit is of the base model's, before training."""
    from crossmodal import registry
    from crossmodal.adaptation import methods
    from crossmodal.experiments.robustness import evaluate_attacks as job
    from crossmodal.experiments.robustness.validate_attacks import main as validate

    model, path = trained
    files = (
        tmp_path / "config.json",
        tmp_path / "weights",
        [],
        tmp_path / "adapter.json",
        tmp_path / "adapter",
    )
    save_clip(model, *files[:2])
    full, cell = registry.parse("adaptation", {"kind": "full"}), deepcopy(model)
    methods.attach(cell, full, seed=0)
    attack = {"kind": "pgd_texts", "epsilon": 0.5, "steps": 2}
    params = AdversaryParameters.model_validate({"texts": attack})
    adversary = make_adversary(cell, params, load_training_set(cell, [path]).tokens)
    with torch.no_grad():
        cell.token_embedding.weight.mul_(3.0)  # what training may do
    methods.save_adapter(cell, full, *files[3:])
    threats = parameters(
        images=2, threats={"text": {"threat": "text", "attack": {"kind": "pgd_texts"}, "epsilons": [0.1]}}
    )
    outputs = [tmp_path / f"{name}.parquet" for name in variants(threats)]
    values = {"threats": threats.model_dump(mode="json"), "validation": {"texts": attack, "max_images": 6}}
    spec = {"threads": 1, "seed": 0, "parameters": values}
    embedded = tmp_path / "images", tmp_path / "captions"
    export_embeddings(cell, path, *embedded, 64, {})
    job.main(*files, path, *embedded, path, outputs, tmp_path / "sanity.json", tmp_path / "unit.json", spec)
    validate(*files, path, path, tmp_path / "robust.json", spec)
    torch.use_deterministic_algorithms(False)
    assert json.loads((tmp_path / "unit.json").read_text())["norm"] == adversary.unit
    assert adversary.unit == mean_token_norm(model, tokenize(model, read_captions(path)))
    check = RobustCheck.model_validate(values["validation"])
    data, robust = load_training_set(cell, [path]), json.loads((tmp_path / "robust.json").read_text())
    cell.eval()
    assert (robust["text_to_image"], robust["image_to_text"]) == robust_recall(
        cell, data, check, adversary.unit, "cpu"
    )
    assert (robust["clean_text_to_image"], robust["clean_image_to_text"]) == clean_recall(
        cell, data, check, "cpu"
    )
    assert robust["text_to_image"] < robust["clean_text_to_image"]
