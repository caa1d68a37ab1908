"""AdaLoRA: its limits, its budget, and its score against a slow obvious one."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn
from torch.nn import functional

from crossmodal import registry
from crossmodal.adaptation import methods
from crossmodal.adaptation.adalora import triplets
from crossmodal.adaptation.rank_budget import Schedule, Triplets, allocate
from crossmodal.errors import UserError
from crossmodal.models import dual_encoder
from crossmodal.models.architecture import CLIP

shares = st.floats(0, 1).filter(lambda share: share == 0 or share > 1e-3)


def active(model: nn.Module) -> int:
    return sum(int((term.lora_lambda != 0).sum()) for term in triplets(model))


@pytest.fixture
def steps(embed):
    """Returns a function that trains `model` as the loop does and yields after each step."""

    def run(model: CLIP, values, total: int, begin: int = 0, end: int | None = None, optimiser=None):
        hooks = methods.hooks(values)
        trainable = [p for p in model.parameters() if p.requires_grad]
        optimiser = optimiser or torch.optim.AdamW(trainable, lr=1e-2)
        for step in range(begin, total if end is None else end):
            images, texts = embed(model).chunk(2)
            loss = functional.cross_entropy(
                dual_encoder.logit_scale(model) * images @ texts.T, torch.arange(4)
            )
            (loss + hooks.penalty(model) if hooks.penalty else loss).backward()
            optimiser.step()
            hooks.after_step(model, step, total)
            optimiser.zero_grad()
            yield step

    return run


@pytest.mark.parametrize("attention", ["torch", "open_clip"])
@pytest.mark.parametrize("placement", ["qkv", "qkvo", "qkvo+mlp"])
def test_identity_at_the_start_and_merged_at_the_end(
    bases, fresh, params, embed, steps, placement, attention
):
    model = fresh(attention)
    values = params("adalora", initial_rank=4, target_rank=2, placement=placement)
    methods.attach(model, values, seed=0)
    with torch.no_grad():
        assert torch.equal(embed(model), embed(bases[attention]))
    for _ in steps(model, values, total=6):
        pass
    with torch.no_grad():
        unmerged = embed(model)
        methods.merge(model, values)
        assert (embed(model) - unmerged).abs().max() <= 1e-6
        assert (unmerged - embed(bases[attention])).abs().max() > 1e-3
    assert model.state_dict().keys() == bases[attention].state_dict().keys()


@pytest.mark.parametrize(("warm_up", "final"), [(0.1, 0.3), (0.0, 0.0), (0.5, 0.5), (0.0, 1.0)])
def test_the_budget_falls_and_is_met(fresh, params, steps, warm_up, final) -> None:
    model = fresh()
    values = params("adalora", initial_rank=4, target_rank=1.5, warm_up=warm_up, final=final)
    methods.attach(model, values, seed=0)
    total, projections = 20, 2 * 2 * 3
    schedule = Schedule(total, 4 * projections, round(1.5 * projections), warm_up, final)
    counts, masks = [], []
    for _ in steps(model, values, total):
        counts.append(active(model))
        masks.append(torch.cat([term.mask.flatten() for term in triplets(model)]))
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == round(1.5 * projections)
    assert counts == [schedule.budget(step) for step in range(1, total + 1)]
    assert counts[: schedule.begin] == [4 * projections] * schedule.begin
    fixed = masks[schedule.end - 1 :]
    assert all(torch.equal(mask, fixed[0]) for mask in fixed)
    assert all((term.lora_lambda[~term.mask] == 0).all() for term in triplets(model))


def test_a_skipped_step_is_made_up_for(fresh, params, steps) -> None:
    """The loop calls no hook after a step that mixed precision skips, be it the last that would allocate."""
    model, values = fresh(), params("adalora", initial_rank=4, target_rank=1)
    methods.attach(model, values, seed=0)
    end = Schedule(4, 48, 12, values.warm_up, values.final).end
    list(steps(model, values, 4, end=end - 1))
    assert active(model) > 12
    list(steps(model, values, 4, begin=end))
    assert active(model) == 12


def test_the_whole_budget_masks_nothing(fresh, params, embed, steps) -> None:
    """Without a penalty it is then plain training of P, Λ and Q."""
    model, plain = fresh(), fresh()
    values = params("adalora", initial_rank=3, target_rank=3, orthogonality=0.0)
    assert methods.hooks(values).penalty is None
    for one in (model, plain):
        methods.attach(one, values, seed=0)
    for _ in steps(model, values, total=5):
        assert all(term.mask.all() for term in triplets(model))
    optimiser = torch.optim.AdamW([p for p in plain.parameters() if p.requires_grad], lr=1e-2)
    for _ in range(5):
        images, texts = embed(plain).chunk(2)
        functional.cross_entropy(
            dual_encoder.logit_scale(plain) * images @ texts.T, torch.arange(4)
        ).backward()
        optimiser.step()
        optimiser.zero_grad()
    for ours, theirs in zip(triplets(model), triplets(plain), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@settings(max_examples=20)
@given(
    st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.floats(0.1, 0.99), st.floats(0.1, 0.99),
    st.integers(0, 2**31), st.data(),
)  # fmt: skip
def test_scores_and_choice_as_one_would_write_them_down(
    blocks, rank, steps, first, second, seed, data
) -> None:
    generator = torch.Generator().manual_seed(seed)
    terms = [Triplets(torch.zeros(blocks * 5, columns), rank, blocks, generator) for columns in (4, 6)]
    averages: dict[tuple[int, str], tuple[list[float], list[float]]] = {}
    for _ in range(steps):
        for number, term in enumerate(terms):
            for name, factor in term.factors():
                factor.data = torch.randn(factor.shape, generator=generator)
                factor.grad = torch.randn(factor.shape, generator=generator)
                w, g = factor.detach().flatten().tolist(), factor.grad.flatten().tolist()
                average, doubt = averages.setdefault((number, name), ([0.0] * len(w), [0.0] * len(w)))
                for i in range(len(w)):
                    now = abs(w[i] * g[i])
                    average[i] = first * average[i] + (1 - first) * now
                    doubt[i] = second * doubt[i] + (1 - second) * abs(now - average[i])
            term.observe(first, second)
    slow: dict[tuple[int, int, int], float] = {}
    for number, term in enumerate(terms):
        s = {
            name: (torch.tensor(averages[number, name][0]) * torch.tensor(averages[number, name][1])).view(
                f.shape
            )
            for name, f in term.factors()
        }
        for b in range(blocks):
            for r in range(rank):
                p = sum(float(s["P"][b, j, r]) for j in range(5)) / 5
                q = sum(float(s["Q"][b, r, j]) for j in range(s["Q"].shape[2])) / s["Q"].shape[2]
                slow[number, b, r] = float(s["lambda"][b, r]) + p + q
    for number, term in enumerate(terms):
        expected = torch.tensor([[slow[number, b, r] for r in range(rank)] for b in range(blocks)])
        assert torch.allclose(term.scores(), expected, rtol=1e-4, atol=1e-7)
    count = data.draw(st.integers(0, len(slow)))
    allocate(terms, count)
    kept = {key for key in slow if terms[key[0]].mask[key[1], key[2]]}
    assert len(kept) == count
    margin = 1e-4 * max(slow.values())
    assert all(slow[a] >= slow[b] - margin for a in kept for b in slow.keys() - kept)


@given(st.integers(1, 200), st.integers(1, 300), st.data(), shares, shares)
def test_the_schedule(steps, initial, data, warm_up, final) -> None:
    target = data.draw(st.integers(0, initial))
    schedule = Schedule(steps, initial, target, warm_up, final * (1 - warm_up))
    budgets = [schedule.budget(step) for step in range(steps + 1)]
    assert budgets == sorted(budgets, reverse=True)
    assert (budgets[0], budgets[-1]) == (initial, target)
    # Whoever follows `allocates` has the budget of every step.
    held = initial
    for step in range(1, steps + 1):
        held = schedule.budget(step) if schedule.allocates(step) else held
        assert held == budgets[step]
    middle = (schedule.begin + schedule.end) // 2
    if schedule.begin < middle < schedule.end:
        left = (schedule.end - middle) / (schedule.end - schedule.begin)
        assert abs(budgets[middle] - (target + (initial - target) * left**3)) <= 0.5


@settings(max_examples=20)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**31))
def test_the_penalty(blocks: int, rank: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    term = Triplets(torch.zeros(blocks * 6, 5), rank, blocks, generator).requires_grad_(False)
    assert float(term.penalty()) == pytest.approx(0, abs=1e-9), "at the start"
    for factor in (term.lora_P, term.lora_Q):
        factor.normal_(generator=generator)
    expected = 0.0
    for p, q in zip(term.lora_P, term.lora_Q, strict=True):
        for gram in (p.T @ p, q @ q.T):
            expected += sum((float(gram[i, j]) - (i == j)) ** 2 for i in range(rank) for j in range(rank))
    assert float(term.penalty()) == pytest.approx(expected, rel=1e-4)
    p, _ = torch.linalg.qr(torch.randn(blocks, 6, rank, generator=generator))
    q, _ = torch.linalg.qr(torch.randn(blocks, 5, rank, generator=generator))
    term.lora_P.data, term.lora_Q.data = p, q.mT
    assert float(term.penalty()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("kind", ["vit", "towers"])
def test_at_the_start_there_is_no_penalty_and_no_difference(fresh, towers, params, embed, kind) -> None:
    """With convolutions too, of which some are narrower than the rank."""
    model, values = (towers if kind == "towers" else fresh)(), params("adalora")
    with torch.no_grad():
        before = embed(model)
        methods.attach(model, values, seed=0)
        assert torch.equal(embed(model), before)
        assert float(methods.hooks(values).penalty(model)) == pytest.approx(0, abs=1e-6)
    for term in triplets(model):
        assert (term.lora_lambda == 0).all()
        assert (term.lora_P.mT @ term.lora_P).diagonal(dim1=1, dim2=2).allclose(torch.ones(1))


def test_the_first_steps_are_not_spent_on_the_penalty(fresh, params, embed) -> None:
    """The loss with the penalty is then that of LoRA, step by step to a few per cent of where both start."""
    losses = {}
    for kind in ("lora", "adalora"):
        model, values = fresh(), params(kind)
        methods.attach(model, values, seed=0)
        penalty = methods.hooks(values).penalty
        optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
        for _ in range(8):
            images, texts = embed(model).chunk(2)
            logits = dual_encoder.logit_scale(model) * images @ texts.T
            loss = functional.cross_entropy(logits, torch.arange(4))
            loss = loss if penalty is None else loss + penalty(model)
            losses.setdefault(kind, []).append(float(loss.detach()))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert losses["adalora"][0] == pytest.approx(losses["lora"][0], abs=1e-5)
    assert max(losses["adalora"]) < 1.1 * losses["lora"][0]


def test_a_resumed_run_goes_on(fresh, params, steps) -> None:
    """All that the allocation remembers lies in the state dict."""
    values = params("adalora", initial_rank=4, target_rank=1)
    whole, before, after = fresh(), fresh(), fresh()
    for model in (whole, before, after):
        methods.attach(model, values, seed=0)
    list(steps(whole, values, total=10))
    optimiser = torch.optim.AdamW([p for p in before.parameters() if p.requires_grad], lr=1e-2)
    list(steps(before, values, total=10, end=5, optimiser=optimiser))
    after.load_state_dict(before.state_dict())
    resumed = torch.optim.AdamW([p for p in after.parameters() if p.requires_grad], lr=1e-2)
    resumed.load_state_dict(optimiser.state_dict())
    list(steps(after, values, total=10, begin=5, optimiser=resumed))
    assert all(torch.equal(value, after.state_dict()[key]) for key, value in whole.state_dict().items())


def test_what_trains_and_what_is_counted(fresh, params, vit_b_32) -> None:
    model = fresh()
    methods.attach(model, params("adalora"), seed=0)
    trainable = {name.rpartition(".")[2] for name, p in model.named_parameters() if p.requires_grad}
    assert trainable == {"lora_P", "lora_lambda", "lora_Q"}
    large = vit_b_32()
    methods.attach(large, params("adalora", initial_rank=12), seed=0)
    counts = methods.parameter_counts(large)
    assert counts["trainable_image"] == 12 * 3 * 12 * (2 * 768 + 1)
    assert counts["trainable_text"] == 12 * 3 * 12 * (2 * 512 + 1)


def test_the_seed_decides_the_factors(fresh, params) -> None:
    drawn = []
    for seed in (3, 3, 4):
        model = fresh()
        methods.attach(model, params("adalora"), seed)
        drawn.append([term.lora_P for term in triplets(model)])
    assert all(torch.equal(a, b) for a, b in zip(drawn[0], drawn[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(drawn[0], drawn[2], strict=True))


def test_wrong_values_are_one_line(fresh, params, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^adalora: rank 65 exceeds the width 64 of visual"):
        methods.attach(fresh(), params("adalora", initial_rank=65), seed=0)
    for change, message in (
        ({"initial_rank": 4, "target_rank": 5}, "target_rank 5 exceeds initial_rank 4"),
        ({"warm_up": 0.6, "final": 0.5}, "together at most 1"),
        ({"beta_sensitivity": 1.0}, "less than 1"),
        ({"beta_uncertainty": 0.0}, "greater than 0"),
        ({"orthogonality": -1}, "greater than or equal to 0"),
    ):
        with pytest.raises(ValidationError, match=message):
            registry.parse("adaptation", {"kind": "adalora"} | change)
    files = tmp_path / "adapter_config.json", tmp_path / "adapter_model.safetensors"
    model, values = fresh(), params("adalora", initial_rank=4, target_rank=2)
    methods.attach(model, values, seed=0)
    methods.save_adapter(model, values, *files)
    files[0].write_text(files[0].read_text().replace('"initial_rank": 4', '"initial_rank": 5'))
    with pytest.raises(UserError, match="is of another model or rank"):
        methods.load_adapter(fresh(), *files)
