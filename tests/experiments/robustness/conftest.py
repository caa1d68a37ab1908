"""The threat models that tests attack under."""

from collections.abc import Callable
from typing import Any

import pytest

from crossmodal.experiments.robustness.threats import ThreatParameters


@pytest.fixture(scope="session")
def threat_models() -> dict[str, dict[str, Any]]:
    """The three threat models, with a small radius and a large one each."""
    return {
        "query-image": {
            "threat": "query-image",
            "attack": {"kind": "pgd_images", "steps": 8},
            "epsilons": ["4/255", "64/255"],
        },
        "gallery-image": {
            "threat": "gallery-image",
            "attack": {"kind": "pgd_images", "steps": 8},
            "epsilons": ["4/255", "64/255"],
        },
        "text": {"threat": "text", "attack": {"kind": "pgd_texts", "steps": 8}, "epsilons": [0.1, 3.0]},
    }


@pytest.fixture(scope="session")
def parameters(threat_models: dict[str, Any]) -> Callable[..., ThreatParameters]:
    """Returns the parameters of the three threat models, with changes."""
    return lambda **values: ThreatParameters.model_validate(
        {"threats": threat_models, "captions": "all", "batch_size": 5} | values
    )
