"""Names of attacked variants."""

import pytest

from crossmodal.errors import UserError
from crossmodal.experiments.robustness.threat_names import split_variant


def test_names_of_attacked_sets():
    assert split_variant("query-image-4of255") == ("query-image", 4 / 255)
    assert split_variant("gallery-image-l2-0.5") == ("gallery-image-l2", 0.5)
    assert split_variant("text-0") == ("text", 0.0)
    for wrong in ("text", "noise-three", "-4of255", "text-1of0", ""):
        with pytest.raises(UserError, match="expected a threat and its epsilon"):
            split_variant(wrong)
