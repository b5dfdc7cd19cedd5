"""Remove channels group by group: a group that can't be removed is left alone and named, the rest is pruned.

Only heavy work imports this module.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
import torch_pruning
from torch import nn

from thimble.core.errors import NotApplicable
from thimble.core.model import named_outputs
from thimble.core.values import first_line

MOST_LEFT = 60
"""Groups that may be left alone before the search ends: each costs another try."""

MOST_OF_A_GROUP = 0.8
"""Share of a group's channels that may go where groups compete."""

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)
"""Layers at which groups begin."""

Shapes = dict[str, Any]


@dataclass(frozen=True)
class Pruned:
    """A smaller network, the layers whose groups were left alone, and what the first of them failed with."""

    network: nn.Module
    left: tuple[str, ...]
    reason: str


@dataclass
class _Groups:
    """Scores groups for torch-pruning, without those that hold a layer of ``left``; those that can't be scored are added to it."""

    names: dict[Any, str]
    left: list[str]
    reasons: list[str] = field(default_factory=list)
    importance: Any = field(default_factory=lambda: torch_pruning.importance.GroupMagnitudeImportance(p=2))

    def __call__(self, group: Any) -> Any:
        members = self.members(group)
        if any(name in self.left for name in members):
            return None
        try:
            return self.importance(group)
        except Exception as error:  # torch-pruning indexes what it could not follow; it raises whatever Python raises there
            self.left.append(members[0])
            self.reasons.append(first_line(error))
            return None

    def members(self, group: Any) -> list[str]:
        """Names of the layers that lose output channels, the group's root first."""
        root = group[0].dep.target.module
        outs = [dep.target.module for dep, _ in group if getattr(dep.handler, "__name__", "") == "prune_out_channels"]
        return [self.names[module] for module in dict.fromkeys([root, *outs]) if module in self.names]


@dataclass(frozen=True)
class Asked:
    """How much to remove: ``ratio`` of the channels of each group, or of all where groups compete (``together``).

    ``to`` is what channel counts stay a multiple of. ``learn`` gives a copy's parameters their gradients, by which channels are
    then ranked; without it their norms rank them.
    """

    ratio: float
    to: int | None = None
    together: bool = False
    learn: Callable[[nn.Module], None] | None = None


def pruned(source: nn.Module, example: tuple[Any, ...], kept: Callable[[nn.Module], Collection[Any]], asked: Asked) -> Pruned:
    """A copy of the network with channels of each group removed, where the group allows it.

    ``kept`` gives the layers of a copy that must stay. The outputs keep their shapes.

    Raises `NotApplicable` where too many groups fail, and what the network raises as it came.
    """
    with torch.no_grad():
        wanted = _shapes(source, example)
    left: list[str] = []
    reasons: list[str] = []
    checked = False
    while len(left) <= MOST_LEFT:
        network = copy.deepcopy(source)
        for parameter in network.parameters():
            parameter.requires_grad_(True)
        groups = _Groups({module: name for name, module in network.named_modules()}, left, reasons)
        if asked.learn:
            asked.learn(network)
            groups.importance = torch_pruning.importance.GroupTaylorImportance()
        layers = [*kept(network), *(module for module, name in groups.names.items() if name in left)]
        try:
            pruner = _pruner(network, example, groups, layers, asked)
            failed = _step(pruner, groups, lambda network=network: _differs(network, example, wanted), checked)  # type: ignore[misc]
        except Exception as error:  # torch-pruning raises all kinds on graphs that it can't follow
            lost = _unfollowed(copy.deepcopy(source), example, left)
            if not lost or isinstance(error, NotApplicable):
                raise
            left += lost
            failed = first_line(error)
            reasons.append(failed)
        if failed is None:
            network.zero_grad(set_to_none=True)
            network.eval()
            return Pruned(network, tuple(left), reasons[0] if reasons else "")
        checked = True
    raise NotApplicable(f"channels can't be removed from this model: {len(left)} groups of layers fail, the first with: {reasons[0]}")


def _pruner(network: nn.Module, example: tuple[Any, ...], groups: _Groups, layers: list[Any], asked: Asked) -> Any:
    """torch-pruning's pruner, which scores groups by ``groups`` and leaves out those that begin at one of ``layers``."""
    return torch_pruning.pruner.BasePruner(
        network,
        example if len(example) > 1 else example[0],
        importance=groups,
        pruning_ratio=asked.ratio,
        max_pruning_ratio=max(asked.ratio, MOST_OF_A_GROUP) if asked.together else 1.0,
        global_pruning=asked.together,
        ignored_layers=layers,
        round_to=asked.to,
    )


def _unfollowed(network: nn.Module, example: tuple[Any, ...], left: Collection[str]) -> list[str]:
    """Layers, beside ``left``, from which torch-pruning can't follow which other layers lose channels with theirs."""
    graph = torch_pruning.DependencyGraph().build_dependency(network, example if len(example) > 1 else example[0])
    found = []
    for name, module in network.named_modules():
        followed = graph.get_pruner_of_module(module) if isinstance(module, LAYERS) and module in graph.module2node else None
        if followed is None or name in left:
            continue
        try:
            graph.get_pruning_group(module, followed.prune_out_channels, list(range(followed.get_out_channels(module))))
        except NotApplicable:
            raise
        except Exception:  # it raises whatever Python raises there
            found.append(name)
    return found


def _step(pruner: Any, groups: _Groups, differs: Callable[[], str | None], checked: bool) -> str | None:
    """Prune every group; gives why the network doesn't run any more, ``None`` where it does.

    With ``checked`` it is run after each group, and the group that breaks it is added to those that are left.
    """
    for group in pruner.step(interactive=True):
        try:
            group.prune()
            reason = differs() if checked else None
        except Exception as error:  # torch-pruning raises all kinds on graphs that it can't follow
            reason = first_line(error)
        if reason is not None:
            groups.left.append(groups.members(group)[0])
            groups.reasons.append(reason)
            return reason
    return differs()


def _differs(network: nn.Module, example: tuple[Any, ...], wanted: Shapes) -> str | None:
    """Why a network can't be used: it doesn't run, or its outputs have other shapes."""
    try:
        with torch.no_grad():
            given = _shapes(network.eval(), example)
    except Exception as error:  # the model's own code
        return first_line(error)
    return None if given == wanted else f"the outputs would change from {wanted} to {given}"


def _shapes(network: nn.Module, example: tuple[Any, ...]) -> Shapes:
    return {name: tuple(tensor.shape) for name, tensor in named_outputs(network(*example)).items()}
