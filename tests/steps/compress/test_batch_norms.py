"""Running statistics after a training that was too short for them."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from thimble.core.model import Model
from thimble.core.step import Context
from thimble.steps.compress._batch_norms import settle, unsettled
from thimble.steps.compress.train import Train


def norms_of(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def test_statistics_are_those_that_pytorch_takes(tiny: Model) -> None:
    batches = [torch.rand(8, 3, 16, 16) for _ in range(5)]
    ours, theirs = copy.deepcopy(tiny.payload), copy.deepcopy(tiny.payload)
    settle(ours, norms_of(ours), [(batch,) for batch in batches])
    torch.optim.swa_utils.update_bn(batches, theirs)
    for one, other in zip(norms_of(ours), norms_of(theirs), strict=True):
        assert torch.allclose(one.running_mean, other.running_mean)
        assert torch.allclose(one.running_var, other.running_var)
        assert one.momentum == other.momentum == 0.1
    assert not any(module.training for module in ours.modules())


def test_only_what_still_holds_its_first_value_is_taken_anew(tiny: Model) -> None:
    first, *others = norms_of(tiny.payload)
    first.momentum = 0.01
    assert unsettled(tiny.payload, 20) == [first, *others]
    assert unsettled(tiny.payload, 200) == [first]
    assert unsettled(tiny.payload, 1200) == []
    first.momentum = None  # a mean over all that it has seen
    assert unsettled(tiny.payload, 1) == others


def test_a_short_training_with_a_slow_momentum_is_as_good_in_use_as_in_training(tiny: Model, context: Context) -> None:
    for norm in norms_of(tiny.payload):
        norm.momentum = 0.001
    trained = Train(6, learning_rate=5e-3).apply(tiny, context).payload
    assert context.task
    batch = next(iter(context.task.split("validation").batches(300)))
    images = torch.from_numpy(next(iter(batch.inputs.values())))
    with torch.inference_mode():
        used = trained(images).argmax(1).numpy()
        learned = copy.deepcopy(trained).train()(images).argmax(1).numpy()
    assert np.mean(used == batch.targets) > np.mean(learned == batch.targets) - 0.03
    assert np.mean(used == batch.targets) > 0.8
