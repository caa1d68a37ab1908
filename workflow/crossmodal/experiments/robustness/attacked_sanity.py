"""The signs of masked gradients, looked for in each attack that an evaluation rests on."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Generator

from crossmodal.attacks.sanity import sanity_checks
from crossmodal.experiments.robustness.attacked_split import AttackedSplit, choose_queries
from crossmodal.experiments.robustness.threats import ThreatParameters
from crossmodal.models.architecture import CLIP
from crossmodal.models.clip import tokenize
from crossmodal.models.dual_encoder import to_pixels


def check_attacks(model: CLIP, data: AttackedSplit, params: ThreatParameters) -> list[dict[str, Any]]:
    """Return the checks of `sanity_checks` for each threat to queries, named `<threat's name>-<check>`.

    Left out are attacks without steps and restarts to vary, and those on the gallery, whose gradients are the
    same as of image queries. Empty where `params` ask for no checks. Each image goes with one of its captions.
    """
    if params.sanity_queries is None:
        return []
    few = params.model_copy(update={"images": params.sanity_queries, "captions": "one"})
    _, asking = choose_queries(data.images.ids, data.captions, few)
    owner = {image_id: place for place, image_id in enumerate(data.images.ids)}
    images = [owner[data.captions.image_ids[place]] for place in asking]
    device = next(model.parameters()).device
    pixels = to_pixels(torch.from_numpy(data.pixels[images]).to(device))
    tokens = tokenize(model, [data.texts[place] for place in asking]).to(device)
    labels = torch.from_numpy(data.caption_labels[asking]).to(device)
    checks = []
    for name, threat in params.threats.items():
        attack, generator = threat.at(max(threat.epsilons)), Generator().manual_seed(params.seed)
        if threat.threat == "gallery-image" or not {"steps", "restarts"} <= type(attack).model_fields.keys():
            continue
        for check in sanity_checks(model, pixels, tokens, labels, attack, generator, data.unit):
            checks.append(asdict(check) | {"name": f"{name}-{check.name}"})
    return checks
