"""Unstructured pruning: the smallest weights become zero, and stay where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from thimble.core.errors import BadInput, NotApplicable
from thimble.core.model import TORCH, Model
from thimble.core.settings import Ratio
from thimble.core.step import Context


@dataclass(frozen=True)
class PruneWeights:
    """Set the ``ratio`` of smallest weights (L1) of every convolution to zero, layer by layer, for good.

    Neither the file nor the work gets smaller: dense kernels multiply zeros too, and only a compressed download is
    shorter. Han et al. 2015, "Learning both Weights and Connections" (arXiv:1506.02626).
    """

    ratio: Ratio = 0.3

    consumes: ClassVar[str] = TORCH
    produces: ClassVar[str] = TORCH
    version: ClassVar[int] = 1
    effects: ClassVar[tuple[str, ...]] = ("prune",)
    uses: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1:
            raise BadInput(f"prune_weights: ratio must lie between 0 and 1, not {self.ratio}")

    def apply(self, model: Model, context: Context) -> Model:
        """The network with zeros made permanent. Raises `NotApplicable` without convolutions."""
        import copy

        from torch import nn
        from torch.nn.utils import prune

        network = copy.deepcopy(model.payload)
        layers = [m for m in network.modules() if isinstance(m, nn.Conv1d | nn.Conv2d | nn.Conv3d)]
        if not layers:
            raise NotApplicable("the model has no convolution to prune")
        for layer in layers:
            prune.l1_unstructured(layer, "weight", amount=self.ratio)
            prune.remove(layer, "weight")
        return model.becoming(network, pruned_layers=len(layers))
