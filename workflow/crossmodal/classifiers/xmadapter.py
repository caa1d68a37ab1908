"""XMAdapter (arXiv 2404.12588): a cache of images and a cache of texts.

    A_m = exp(−β (1 − q_m K_mᵀ)) for m in {I, T};  A = γ A_I + (1 − γ) A_T;  logits = s f Wᵀ + α (s/100) A L

- Images: q_I = f, and K_I is trained as in Tip-Adapter-F, which this is at γ = 1 and λ = 0, to the bit.
- Texts: K_T,i = norm(W_{y_i} + MetaNet(f_i)) of training image i, and q_T = norm(f + Img2TxtNet(f)). In the paper
  MetaNet's condition is in the prompt, before the text tower. Here it stands behind the tower, our own choice:
  before it, every step would take a prompt of every training image through the tower and back, minutes instead
  of a part of a second. f_i is the image's key before training.
- Hard images: where the caches disagree an image weighs more, w_i ∝ 1 + λ d_i / mean(d), d_i = mean|A_I − A_T|_i,
  detached, of mean 1 in a batch. Without the division λ would have d's scale, hundredths, and do nothing.

The paper leaves open the widths, λ, the form of w and the rule of γ; here they are parameters. Both networks
are d → d/16 → d with a ReLU and start at zero, so that the text cache starts as the classes' own embeddings,
and the images ask it as they are. α and β are given or chosen as in Tip-Adapter-F, and γ, where it is chosen,
after training, in which both caches count alike: untrained, that of texts says little that zero-shot does not.

With h = d/16 and m keys, trained are m·d + 2·(2·d·h + d + h) + 1 numbers where γ is learnt, one less where it is
not; only the keys where it is fixed to 1, only the networks where it is fixed to 0. Kept to answer
with are both caches, 2·m·d, and the network that images ask the text cache by.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from crossmodal.adaptation.initialisation import linear
from crossmodal.classifiers import cache
from crossmodal.classifiers.base import Fitted, Task, deciding, embed, without_gradient, zero_shot_logits
from crossmodal.classifiers.training import Batch, draw_batches, train
from crossmodal.classifiers.xmadapter_params import Params

START = 0.5
"""γ before it is learnt or chosen."""


class TwoCaches(nn.Module):
    """The caches, the networks of the text cache and γ; what has no part in the logits is not trained."""

    def __init__(self, task: Task, params: Params, generator: Generator) -> None:
        super().__init__()
        start, labels = cache.image_keys(task, params.size)
        self.start, self.classes = start, task.texts[labels]
        self.image_keys = nn.Parameter(start.clone())
        self.meta = _network(start.shape[1], params.reduction, generator)
        self.image_to_text = _network(start.shape[1], params.reduction, generator)
        self.gamma_logit = nn.Parameter(torch.tensor(START).logit(), requires_grad=params.gamma == "learnt")
        self.image_keys.requires_grad_(params.gamma != 0)
        for network in (self.meta, self.image_to_text):
            network.requires_grad_(params.gamma != 1)
        self.values = cache.one_hot(labels, len(task.texts))

    def text_keys(self) -> Tensor:
        """Return K_T, [m, d] of unit length."""
        return functional.normalize(self.classes + self.meta(self.start), dim=-1)

    def affinities(self, f: Tensor, beta: float) -> tuple[Tensor, Tensor]:
        """Return A_I and A_T, [n, m], of image embeddings `f` [n, d]."""
        return cache.affinity(f, self.image_keys, beta), cache.affinity(
            self.queries(f), self.text_keys(), beta
        )

    def queries(self, f: Tensor) -> Tensor:
        """Return what asks the text cache, [n, d] of unit length, of image embeddings `f` [n, d]."""
        asked: Tensor = functional.normalize(f + self.image_to_text(f), dim=-1)
        return asked

    def optimiser(self, params: Params) -> torch.optim.AdamW:
        """Return AdamW for what is trained, γ at its own rate and without decay."""
        weights = [p for p in self.parameters() if p.requires_grad and p is not self.gamma_logit]
        groups: list[dict[str, Any]] = [{"params": weights}]
        if self.gamma_logit.requires_grad:
            groups.append({"params": [self.gamma_logit], "lr": params.gamma_learning_rate, "weight_decay": 0})
        rate, decay = params.learning_rate, params.weight_decay
        return torch.optim.AdamW(groups, lr=rate, eps=cache.EPSILON, weight_decay=decay)


def fit(task: Task, params: Params, generator: Generator) -> Fitted:
    """Return the classifier; UserError where choices are to be made on test images that are not there."""
    features, labels = deciding(task.splits, params, params.kind)
    batches = draw_batches(task.splits.train, params.epochs, params.batch_size, generator)
    caches = TwoCaches(task, params, generator)
    images, queries = embed(task, task.splits.train.features), embed(task, features)
    zero_shot = zero_shot_logits(task, queries)
    share = START if isinstance(params.gamma, str) else params.gamma
    point = cache.given(params, share)
    chosen = point or _choose(task, params, caches, queries, zero_shot, labels, [share], trainable=True)

    def gamma() -> Tensor | float:
        return caches.gamma_logit.sigmoid() if params.gamma == "learnt" else chosen.gamma

    def logits(f: Tensor, image: Tensor, text: Tensor) -> Tensor:
        share = gamma()
        votes = (share * image + (1 - share) * text) @ caches.values
        return zero_shot_logits(task, f) + cache.weight(task, chosen.alpha) * votes

    def loss(batch: Batch) -> Tensor:
        f = images[batch.rows, batch.views]
        found = caches.affinities(f, chosen.beta)
        targets = task.splits.train.labels[batch.rows]
        errors = functional.cross_entropy(logits(f, *found), targets, reduction="none")
        return (hard_weights(*found, params.hardness) * errors).mean()

    def of_embeddings(f: Tensor) -> Tensor:
        return logits(f, *caches.affinities(f, chosen.beta))

    trained = train(caches.optimiser(params), batches, loss, (lambda: of_embeddings(queries), labels))
    learnt = float(caches.gamma_logit.detach().sigmoid()) if params.gamma == "learnt" else share
    gammas = params.gammas if params.gamma == "chosen" else [learnt]
    chosen = _choose(task, params, caches, queries, zero_shot, labels, gammas)
    answer, stored = _frozen(task, caches, chosen)
    return Fitted(
        without_gradient(lambda features: answer(embed(task, features))),
        parameters=sum(p.numel() for p in caches.parameters() if p.requires_grad),
        stored=stored,
        chosen={"alpha": chosen.alpha, "beta": chosen.beta, "gamma": chosen.gamma, "epoch": trained.epoch},
        losses=trained.losses,
    )


def _frozen(task: Task, caches: TwoCaches, chosen: cache.Point) -> tuple[Callable[[Tensor], Tensor], int]:
    """Return what gives the logits of embeddings [n, d] with keys computed once, and how many numbers it keeps.

    A cache of no weight is not asked, and MetaNet no more.
    """
    image, text = caches.image_keys.detach(), caches.text_keys().detach()
    asking = sum(p.numel() for p in caches.image_to_text.parameters())
    stored = (chosen.gamma > 0) * image.numel() + (chosen.gamma < 1) * (text.numel() + asking)

    def answer(f: Tensor) -> Tensor:
        near = f.new_zeros(len(f), len(caches.values))
        if chosen.gamma > 0:
            near += chosen.gamma * cache.affinity(f, image, chosen.beta)
        if chosen.gamma < 1:
            near += (1 - chosen.gamma) * cache.affinity(caches.queries(f), text, chosen.beta)
        return zero_shot_logits(task, f) + cache.weight(task, chosen.alpha) * (near @ caches.values)

    return answer, stored


def hard_weights(image: Tensor, text: Tensor, hardness: float) -> Tensor:
    """Return the weight of each image, [n] of mean 1 and without gradient, from its affinities [n, m]."""
    apart = (image - text).detach().abs().mean(dim=1)
    weights = 1 + hardness * apart / apart.mean().clamp_min(torch.finfo(apart.dtype).tiny)
    return weights / weights.mean()


def _network(width: int, reduction: int, generator: Generator) -> nn.Sequential:
    like, hidden = torch.zeros(()), max(1, width // reduction)
    last = linear(hidden, width, generator, like)
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return nn.Sequential(linear(width, hidden, generator, like), nn.ReLU(), last)


@torch.no_grad()
def _choose(
    task: Task, params: Params, caches: TwoCaches, queries: Tensor, zero_shot: Tensor, labels: Tensor,
    gammas: Sequence[float], *, trainable: bool = False,
) -> cache.Point:  # fmt: skip
    """Return the best α and β, and γ of `gammas`."""
    seen: dict[float, tuple[Tensor, Tensor]] = {}

    def votes(beta: float, gamma: float) -> Tensor:
        if beta not in seen:
            image, text = caches.affinities(queries, beta)
            seen[beta] = image @ caches.values, text @ caches.values
        image, text = seen[beta]
        return gamma * image + (1 - gamma) * text

    return cache.search(task, cache.points(params, gammas, votes=trainable), zero_shot, votes, labels)
