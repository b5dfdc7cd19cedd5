"""Training is bounded by samples, goes on from a shorter one, and comes out the same for a seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from thimble.core.errors import StepFailed
from thimble.core.model import Model
from thimble.core.step import Context
from thimble.core.values import TensorSpec
from thimble.steps.compress import _training
from thimble.steps.compress._augment import CHANGES, Augment, confirmed, suited
from thimble.steps.compress._precision import Precision, fastest
from thimble.steps.compress._reading import ahead, divided, order_of
from thimble.steps.compress._training import Lesson, Schedule, train
from thimble.steps.compress.finetune import Finetune


def weights(model: Model) -> dict[str, Tensor]:
    state: dict[str, Tensor] = model.payload.state_dict()
    return state


def same(one: Model, other: Model) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one).values(), weights(other).values(), strict=True))


def test_a_longer_training_goes_on_from_a_shorter_one_and_ends_as_if_it_had_not(tiny: Model, context: Context, tmp_path: Path) -> None:
    seen: list[float] = []

    def tuned(samples: int, scratch: str, trail: Path | None) -> Model:
        seen.clear()
        progress = lambda done, words: seen.append(done)  # noqa: E731
        return Finetune(samples=samples, precision="float32", features=0).apply(
            tiny, replace(context, scratch=tmp_path / scratch, trail=trail, progress=progress)
        )

    trail = tmp_path / "trail"
    tuned(2000, "short", trail)
    taken = tuned(4000, "long", trail)
    steps = len(seen)
    alone = tuned(4000, "alone", None)
    assert 0.5 * len(seen) < steps < 0.8 * len(seen), "what the shorter one did was done again"
    assert same(taken, alone)
    assert not same(taken, tuned(2000, "again", None))
    assert taken.notes["curve"][-1] == alone.notes["curve"][-1]
    assert alone.notes["samples_seen"] == 4000 // 64 * 64


def test_the_curve_the_choice_and_the_augmentation_are_noted_and_the_seed_decides(tiny: Model, context: Context, tmp_path: Path) -> None:
    made = [
        Finetune(samples=1500, precision="float32", features=0).apply(tiny, replace(context, scratch=tmp_path / str(i), seed=i // 2))
        for i in range(3)
    ]
    assert same(made[0], made[1])
    assert not same(made[0], made[2])
    notes = made[0].notes
    assert notes["kept"] in ("start", "end", "average")
    samples, losses, held = zip(*notes["curve"], strict=True)
    assert list(samples) == sorted(samples)
    assert all(np.isfinite([*losses, *held]))
    none = Finetune(samples=64, augment="none").apply(tiny, replace(context, scratch=tmp_path / "none"))
    assert none.notes["augmented"] == []


def test_the_rate_rises_holds_and_falls_and_lengths_share_their_beginning() -> None:
    short, long = (Schedule(1, 1e-3, 64, samples=64 * steps) for steps in (100, 300))
    assert (short.steps(1000), long.steps(1000), Schedule(2, 1e-3, 64).steps(1000)) == (100, 300, 30)
    rates = [short.rate(step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(1e-3 / 20)
    assert rates[30] == rates[59] == 1e-3
    assert rates[:61] == [long.rate(step, 300) for step in range(61)]
    assert rates[60:] == sorted(rates[60:], reverse=True)
    assert 0 <= rates[-1] < 2e-5


def test_batches_are_the_same_wherever_one_begins_and_held_out_samples_are_never_among_them() -> None:
    learned, held = divided(1000, 3)
    assert (len(learned), len(held)) == (900, 100)
    whole = list(order_of(learned, 3, 0, 50, 64))
    later = list(order_of(learned, 3, 20, 50, 64))
    assert all(step == other and (a == b).all() for (step, a), (other, b) in zip(whole[20:], later, strict=True))
    assert not set(held) & {int(i) for _, chosen in whole for i in chosen}
    first = np.concatenate([chosen for _, chosen in whole[: 900 // 64]])
    assert len(set(first)) == len(first), "a sample comes twice in an epoch"
    assert [len(held) for _, held in (divided(5, 0), divided(10**5, 0))] == [0, 256]


def test_a_loss_that_is_no_number_lowers_the_rate_and_then_is_an_error(tiny: Model, context: Context, tmp_path: Path) -> None:
    calls = [0]

    def breaks_at(when: int) -> Any:
        def loss(outputs: dict[str, Tensor], targets: Tensor | None, inputs: dict[str, Tensor]) -> Tensor:
            calls[0] += 1
            value = outputs["output"].square().mean()
            return value * torch.nan if calls[0] > when else value

        return loss

    def once(outputs: dict[str, Tensor], targets: Tensor | None, inputs: dict[str, Tensor]) -> Tensor:
        calls[0] += 1
        return outputs["output"].square().mean() * (torch.nan if calls[0] == 10 else 1)

    notes = train(tiny.payload, tiny, Lesson(once), Schedule(1, 1e-3, 64, 1500), replace(context, scratch=tmp_path / "once"))
    assert notes["restarts"] == 1
    assert notes["learning_rate"] == pytest.approx(1e-3 / 3)
    with pytest.raises(StepFailed, match="diverged 4 times"):
        train(tiny.payload, tiny, Lesson(breaks_at(0)), Schedule(1, 1e-3, 64, 1500), replace(context, scratch=tmp_path / "always"))


def test_training_that_makes_it_worse_keeps_what_was_there(tiny: Model, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(outputs: dict[str, Tensor], targets: Tensor | None, inputs: dict[str, Tensor]) -> Tensor:
        value = outputs["output"].square().mean()
        return -value if torch.is_grad_enabled() and outputs["output"].requires_grad and training[0] else value

    training = [True]
    own = _training._Training._held_out_loss

    def held(self: Any) -> float | None:
        training[0] = False
        try:
            return own(self)
        finally:
            training[0] = True

    monkeypatch.setattr(_training._Training, "_held_out_loss", held)
    before = {name: value.clone() for name, value in weights(tiny).items()}
    notes = train(tiny.payload, tiny, Lesson(away), Schedule(1, 1e-3, 64, 1000), context)
    assert notes["kept"] == "start"
    assert all(torch.equal(value, before[name]) for name, value in weights(tiny).items())


class Mirrors(nn.Module):
    """Tells left from right, as networks for digits do."""

    def forward(self, x: Tensor) -> Tensor:
        half = x.shape[-1] // 2
        left, right = (part.mean((1, 2, 3)) for part in (x[..., :half], x[..., half:]))
        return torch.stack([left, right], 1)


def test_the_baseline_says_which_changes_keep_the_meaning() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 3, 16, 16, generator=generator) * 0.01
    x[:32, ..., :8] += 1
    x[32:, ..., 8:] += 1
    assert confirmed(("shift", "flip", "contrast"), Mirrors(), x).names == ("shift", "contrast")


@pytest.mark.parametrize(("shape", "name"), [((8, 3, 16, 16), name) for name in CHANGES] + [((8, 2, 64), "slide"), ((8, 12), "blend")])
def test_changes_keep_the_shape_and_follow_their_seed(shape: tuple[int, ...], name: str) -> None:
    if name in ("shift", "flip", "contrast", "mask") and len(shape) != 4:
        return
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    change = Augment((name,))
    assert change(x, 5).shape == x.shape
    assert torch.equal(change(x, 5), change(x, 5))
    assert not torch.equal(change(x, 5), x)
    assert not torch.equal(change(x, 5), change(x, 6))


def test_kinds_of_inputs_have_changes_of_their_own() -> None:
    def names(*shape: int | None, dtype: str = "float32", images: bool = False) -> tuple[str, ...]:
        return suited(Model("torch", None, (TensorSpec("x", shape, dtype),), ("y",)), images)

    assert names(None, 3, 32, 32) == names(None, 1, 28, 28, images=True) == ("shift", "flip", "contrast")
    assert names(None, 1, 49, 10) == ("slide", "mask", "noise")
    assert names(None, 6, 128) == ("slide", "noise")
    assert names(None, 30) == ("blend",)
    assert names(None, 30, dtype="int64") == ()


def test_reading_ahead_hands_over_errors_and_ends_with_its_caller() -> None:
    def breaks() -> Any:
        yield 1
        raise ValueError("no more")

    assert list(ahead(range(5))) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="no more"):
        list(ahead(breaks()))
    endless = ahead(iter(int, 1))
    assert next(endless) == 0
    endless.close()


def test_the_precision_is_measured_once_and_kept_with_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from thimble.steps.compress import _precision

    times = iter([1.0, 0.5, 0.02])
    monkeypatch.setattr(_precision, "features", lambda: ("avx512_bf16",))
    monkeypatch.setattr(_precision, "_seconds", lambda *_: next(times))
    network, x = nn.Conv2d(3, 4, 1), (torch.zeros(2, 3, 8, 8),)
    assert fastest(network, x, tmp_path) == Precision(True, True)
    assert fastest(network, x, tmp_path).name == "bfloat16, channels last", "measured again"
    assert fastest(network, x, tmp_path / "quick") == Precision(True, False), "a step that takes 20 ms gains nothing"
    assert fastest(network, x, tmp_path, "float32") == Precision(True, False)
    monkeypatch.setattr(_precision, "features", lambda: ("avx2",))
    assert fastest(network, x, tmp_path / "other") == Precision(True, False), "bfloat16 without instructions for it"
