"""Losses that suit a network's head: logits, probabilities, one number or several labels for a sample, maps, and values."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thimble.core.errors import NotApplicable
from thimble.core.model import Model, named_outputs
from thimble.core.registry import METRICS
from thimble.steps.compress._training import Loss

REGRESSION = ("mse", "relative_mse")
MASKED = 255
"""The target of pixels that teach nothing."""
LEAST = 1e-7
"""Probabilities are held this far from 0 and 1 before their logarithm."""


def supervised(metric: str) -> Loss:
    """The loss that trains for a metric: cross-entropy for classes, labels and pixels, squared error for values, CTC for text.

    A network that ends with a sigmoid or softmax is trained on its probabilities. Raises `NotApplicable` where there are no labels,
    and for metrics without a loss.
    """
    if hasattr(METRICS.get(metric), "compare"):
        raise NotApplicable("the task has no labels to train on")
    if metric == "mean_ap":
        raise NotApplicable("training on boxes needs the detector's own loss, which is not known here")

    def loss(outputs: dict[str, Tensor], targets: Tensor | None, inputs: dict[str, Tensor]) -> Tensor:
        output = next(iter(outputs.values()))
        assert targets is not None
        if metric in REGRESSION:
            return functional.mse_loss(output, targets.to(output.dtype).reshape(output.shape))
        if metric == "cer":
            return _ctc(output, targets)
        axis = 2 if output.ndim == 3 else 1
        labels = targets.ndim == 2 and targets.shape == output.shape
        if output.ndim < 2 or output.shape[axis] == 1 or labels:
            return _binary(output.reshape(targets.shape), targets)
        return _classes(output.movedim(axis, 1), targets.long(), -100 if metric == "accuracy" else MASKED)

    return loss


def ends_with(output: Tensor, *names: str) -> bool:
    """Return whether autograd's record says that an output comes out of one of these operators, apart from a change of shape."""
    node = output.grad_fn
    for _ in range(5):
        if node is None:
            return False
        kind = node.name().partition("Backward")[0]
        if kind in names:
            return True
        if kind not in ("View", "Squeeze", "Unsqueeze", "ReshapeAlias", "Permute", "Transpose", "UnsafeView", "Clone"):
            return False
        node = next((one for one, _ in node.next_functions if one is not None), None)
    return False


def _binary(output: Tensor, targets: Tensor) -> Tensor:
    wanted, known = targets.to(output.dtype), targets != MASKED
    if ends_with(output, "Sigmoid", "Hardsigmoid"):
        return functional.binary_cross_entropy(output[known].clamp(LEAST, 1 - LEAST), wanted[known])
    return functional.binary_cross_entropy_with_logits(output[known], wanted[known])


def _classes(output: Tensor, targets: Tensor, ignored: int) -> Tensor:
    if ends_with(output, "Softmax"):
        return functional.nll_loss(output.clamp_min(LEAST).log(), targets, ignore_index=ignored)
    return functional.cross_entropy(output, targets, ignore_index=ignored)


def _ctc(output: Tensor, targets: Tensor) -> Tensor:
    """Targets as `thimble.measure.metrics.cer` has them: the blank first, then classes, filled up with -1."""
    blank = int(targets[0, 0]) % output.shape[2]
    logs = output.clamp_min(LEAST).log() if ends_with(output, "Softmax") else functional.log_softmax(output, dim=2)
    lengths = (targets[:, 1:] >= 0).sum(1)
    steps = torch.full((len(output),), output.shape[1])
    return functional.ctc_loss(logs.transpose(0, 1), targets[:, 1:].clamp_min(0), steps, lengths, blank, zero_infinity=True)


def softened(teacher: nn.Module, model: Model, temperature: float, metric: str = "accuracy") -> Loss:
    """Kullback-Leibler divergence from the teacher's to the student's softened outputs, times the squared temperature.

    Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network" (arXiv:1503.02531), section 2. One output is
    taken as the logit of two classes, or as their probability. Outputs of several parts, and values, learn by their squared error over
    the variance of the teacher's; so does one output whose ``metric`` doesn't say that it decides.
    """
    teacher.eval()
    values = metric in REGRESSION or hasattr(METRICS.get(metric), "compare")

    def loss(outputs: dict[str, Tensor], targets: Tensor | None, inputs: dict[str, Tensor]) -> Tensor:
        with torch.no_grad():
            answers = named_outputs(teacher(*(inputs[spec.name] for spec in model.inputs))).values()
            taught = [answer.float() if answer.is_floating_point() else answer for answer in answers]
        given = list(outputs.values())
        output, axis = given[0], 2 if given[0].ndim == 3 else 1
        one = output.ndim < 2 or output.shape[axis] == 1
        if one and not values:
            return _followed(output, taught[0], temperature)
        if one or len(given) > 1 or output.ndim == 3 or metric in REGRESSION:
            pairs = [(a, b) for a, b in zip(given, taught, strict=True) if a.is_floating_point()]
            return torch.stack([functional.mse_loss(a, b) / b.var().clamp_min(LEAST) for a, b in pairs]).mean()
        wanted, mine = (o.clamp_min(LEAST).log() if ends_with(output, "Softmax") else o for o in (taught[0], output))
        wanted, mine = (functional.log_softmax(o / temperature, dim=1) for o in (wanted, mine))
        return functional.kl_div(mine, wanted, reduction="none", log_target=True).sum(1).mean() * temperature**2

    return loss


def _followed(output: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """One number: cross-entropy with the teacher's probability, softened where both are logits."""
    if ends_with(output, "Sigmoid", "Hardsigmoid"):
        return functional.binary_cross_entropy(output.clamp(LEAST, 1 - LEAST), taught)
    wanted = torch.sigmoid(taught / temperature)
    return functional.binary_cross_entropy_with_logits(output / temperature, wanted) * temperature**2
