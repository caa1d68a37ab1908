"""Recall@1 under attack on validation data: what early stopping may look at besides the clean one."""

import torch
from torch import Generator, Tensor

from crossmodal.attacks.joint import attack_sides
from crossmodal.attacks.objectives import retrieval_loss
from crossmodal.attacks.sphere import moved
from crossmodal.models.architecture import CLIP
from crossmodal.models.dual_encoder import encode_images, encode_texts, logit_scale, to_pixels
from crossmodal.training.adversary_settings import RobustValidation
from crossmodal.training.batches import TrainingSet
from crossmodal.training.validation import recall_at_1

_BATCH = 256
_SEED = 0  # of the random starts: the same in each epoch, so that epochs differ by their weights only


def robust_recall(
    model: CLIP, data: TrainingSet, params: RobustValidation, device: str
) -> tuple[float, float]:
    """Return recall@1 text to image and image to text, fractions, of `data` attacked as `params` say.

    Images are attacked in batches of at most 256 together with their captions, so that the contrastive loss
    of the batch becomes large, and then retrieved among all of the chosen ones.
    """
    generator = Generator(device).manual_seed(_SEED)
    images, texts = [], []
    chosen = _evenly_spaced(len(data), params.max_images)
    labels, text_labels = data.labels[chosen].to(device), []
    for rows in chosen.split(_BATCH):
        captions = torch.isin(data.owners, rows).nonzero().squeeze(1)
        own_labels = data.labels[rows].to(device)
        caption_labels = data.labels[data.owners[captions]].to(device)
        pixels, tokens = to_pixels(data.images[rows].to(device)), data.tokens[captions].to(device).long()
        objective = retrieval_loss(own_labels, logit_scale(model).detach(), caption_labels)
        attacked = attack_sides(model, pixels, tokens, objective, params.images, params.texts, generator)
        with torch.no_grad():
            images.append(moved(encode_images(model, attacked.pixels), attacked.image_offsets))
            features = encode_texts(model, tokens, attacked.token_offsets)
            texts.append(moved(features, attacked.text_offsets))
        text_labels.append(caption_labels)
    found, asked, asked_labels = torch.cat(images), torch.cat(texts), torch.cat(text_labels)
    return (
        recall_at_1(asked, found, asked_labels, labels),
        recall_at_1(found, asked, labels, asked_labels),
    )


def _evenly_spaced(count: int, at_most: int | None) -> Tensor:
    """Return at most `at_most` of the numbers below `count`, ascending int64."""
    if at_most is None or at_most >= count:
        return torch.arange(count)
    return torch.arange(at_most) * count // at_most
