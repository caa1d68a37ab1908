"""Threat models as parameters: the names of their points, their order, and what is refused."""

import json

import pytest

from crossmodal.experiments.robustness.threats import ThreatParameters, points, variants


def test_variants_are_named_by_threat_and_radius(parameters):
    assert variants(parameters()) == [
        "gallery-image-0", "gallery-image-4of255", "gallery-image-64of255",
        "query-image-0", "query-image-4of255", "query-image-64of255",
        "text-0", "text-0.1", "text-3",
    ]  # fmt: skip
    from crossmodal.experiments.robustness.threat_names import split_variant

    for variant in points(parameters()):
        assert split_variant(variant.name) == (
            next(name for name, threat in parameters().threats.items() if threat == variant.threat),
            pytest.approx(variant.epsilon),
        )


def test_the_order_of_the_results_survives_a_spec_which_is_sorted(parameters):
    """The rule lists its outputs by the parameters of the study, the job by those of its spec."""
    params = parameters()
    assert list(params.threats) != sorted(params.threats)
    spec = json.loads(json.dumps(params.model_dump(mode="json"), sort_keys=True))
    assert variants(ThreatParameters.model_validate(spec)) == variants(params)


def test_parameters_survive_the_way_through_a_spec(parameters):
    params = parameters(images=3)
    stored = json.loads(json.dumps(params.model_dump(mode="json")))
    assert "epsilon" not in stored["threats"]["text"]["attack"]
    assert ThreatParameters.model_validate(stored) == params


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"attack": {"kind": "pgd_texts"}}, 'threat query-image: the attack "pgd_texts" is one on texts'),
        ({"attack": {"kind": "pgd_images", "epsilon": 0.1}}, "an attack has no epsilon here"),
        ({"epsilons": [0.1, 0.1]}, "two of them"),
        ({"epsilons": [2.0]}, "epsilon of norm linf is at most 1"),
        ({"epsilons": [-0.1]}, "greater than 0"),
        ({"epsilons": []}, "at least 1 item"),
    ],
)
def test_wrong_parameters_say_what_is_wrong(changes, problem, threat_models):
    threats = {"query-image": threat_models["query-image"] | changes}
    with pytest.raises(ValueError, match=problem):
        ThreatParameters.model_validate({"threats": threats})
