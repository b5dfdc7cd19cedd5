"""States of a training on disk, from which a later training continues.

Only heavy work imports this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from thimble.core.aside import new_file

KEPT = 2
"""States that are kept for longer trainings."""


@dataclass
class State:
    """A training between two steps: how many are done, the optimizer, and the moving average of the network."""

    step: int
    optimizer: torch.optim.Optimizer
    average: nn.Module

    def follow(self, network: nn.Module, share: float) -> None:
        """Keep ``share`` of the average and take the rest from the network; whole numbers are copied."""
        with torch.no_grad():
            for mine, other in zip(self.average.state_dict().values(), network.state_dict().values(), strict=True):
                if mine.is_floating_point():
                    mine.lerp_(other, 1 - share)
                else:
                    mine.copy_(other)


def save(path: Path, state: State, network: nn.Module, curve: list[list[float | None]]) -> None:
    """Write a state aside, then in place; of a trail's states the latest few are kept."""
    parts = {"network": network.state_dict(), "optimizer": state.optimizer.state_dict(), "average": state.average.state_dict()}
    with new_file(path) as aside:
        torch.save({"step": state.step, "curve": curve, **parts}, aside)
    for _, old in _steps(path.parent)[:-KEPT]:
        old.unlink(missing_ok=True)


def load(path: Path, state: State, network: nn.Module) -> list[list[float | None]]:
    """Put a stored state into this one and its network; gives the curve until then."""
    stored: dict[str, Any] = torch.load(path, weights_only=True)
    network.load_state_dict(stored["network"])
    state.optimizer.load_state_dict(stored["optimizer"])
    state.average.load_state_dict(stored["average"])
    state.step = stored["step"]
    curve: list[list[float | None]] = stored["curve"]
    return curve


def latest(trail: Path | None, most: int) -> Path | None:
    """The state of a shorter training with the most steps, at most ``most``."""
    found = [path for step, path in _steps(trail) if step <= most] if trail and trail.is_dir() else []
    return found[-1] if found else None


def _steps(folder: Path) -> list[tuple[int, Path]]:
    """A trail's states by their steps."""
    return sorted((int(path.stem), path) for path in folder.glob("*.pt") if path.stem.isdigit())
