"""timm's models: ``timm:resnet18.a1_in1k``, from a seed, with their published weights, or with a state dict."""

from __future__ import annotations

import difflib
import importlib
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput, UnknownName
from thimble.core.model import Model
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.step import needing
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, sha256_of
from thimble.fetch.network import UNREACHABLE, patience, why
from thimble.fetch.user_file import foreign
from thimble.models._inputs import taken_inputs, torch_model
from thimble.models._state import load_with_head, read_state

if TYPE_CHECKING:
    from torch import nn

IMAGENET = "imagenet"


class Timm:
    """``timm:NAME``: the architecture with ``classes`` outputs, initialised from the seed.

    ``weights="imagenet"`` loads the weights published under that name, through timm's own download and cache.
    """

    title: ClassVar[str] = "timm's models by name"
    form: ClassVar[str] = "timm:NAME"
    needs: ClassVar[tuple[str, ...]] = ("torch", "timm")
    extra: ClassVar[str | None] = "timm"

    def open(self, spec: ModelSpec, folder: Path) -> Model:
        """The network in evaluation mode. Raises `UnknownName` with near matches for an unknown name."""
        name = _known(spec)
        if spec.weights in (None, IMAGENET):
            network = _built(name, spec, spec.classes)
        else:
            path = user_path(str(spec.weights))
            network = load_with_head(lambda classes: _built(name, spec, classes), spec.classes, read_state(path), path)
        channels, height, width = _config(name).input_size
        usual = TensorSpec("input", (None, channels, spec.size or height, spec.size or width))
        inputs = taken_inputs(network, spec) or (usual,)
        return torch_model(network.eval(), inputs, spec, {"weights": spec.weights or f"initialised from seed {spec.seed}"})

    def names(self) -> list[str]:
        """Every architecture; a suffix such as ``.a1_in1k`` picks published weights."""
        return list(_timm().list_models())

    def check(self, spec: ModelSpec) -> None:
        """Raise `UnknownName` for an unknown name."""
        _known(spec)

    def preprocess(self, spec: ModelSpec) -> Preprocess | None:
        """The transform that the published weights were evaluated with; ``None`` for other weights."""
        if spec.weights != IMAGENET:
            return None
        config = _config(_known(spec))
        size = config.input_size[-1]
        resize = int(size / config.crop_pct) if config.crop_mode == "center" else None
        return Preprocess(size, resize, config.interpolation, tuple(config.mean), tuple(config.std))

    def prepare(self, spec: ModelSpec) -> None:
        """Import timm, so that pickles of its networks can be read."""
        _timm()

    def identity(self, spec: ModelSpec) -> tuple[object, ...]:
        """Name, weights and the versions that decide architecture and initialisation."""
        from importlib.metadata import version

        weights = spec.weights if spec.weights in (None, IMAGENET) else sha256_of(user_path(str(spec.weights)))
        with needing("timm"):
            return (spec.spec, weights, version("torch"), version("timm"))


def _timm() -> Any:
    """The package; it imports torchvision, which may need its own help first."""
    from thimble.fetch.torchvision_import import import_torchvision

    import_torchvision()
    with needing("timm"):
        return importlib.import_module("timm")


def _config(name: str) -> Any:
    """What timm knows of the published weights: input size, mean, head, and where they lie."""
    return _timm().models.get_pretrained_cfg(name, allow_unregistered=True)


def _known(spec: ModelSpec) -> str:
    name, timm = spec.spec.partition(":")[2], _timm()
    if not timm.is_model(name):
        known = timm.list_models()
        raise UnknownName("timm model", name, difflib.get_close_matches(name, known, n=12) or known[:12])
    return name


def _built(name: str, spec: ModelSpec, classes: int | None) -> nn.Module:
    """The network, with its published weights where they are asked for."""
    import torch

    settings: dict[str, Any] = {} if classes is None else {"num_classes": classes}
    if spec.weights == IMAGENET:
        settings |= _published(name, classes)
    timm = _timm()
    with torch.random.fork_rng(devices=[]), patience():
        torch.manual_seed(spec.seed)
        try:
            network: nn.Module = timm.create_model(name, **settings)
        except Exception as error:  # builders and hubs fail in ways of their own
            raise BadInput(f"timm can't build {name}: {foreign(error)}") from error
    return network


def _published(name: str, classes: int | None) -> dict[str, Any]:
    """Settings that load the published weights, from the hub's cache where they are in it.

    Raises `BadInput`, with what to download, where the hub can't be reached: its own client would try for minutes.
    """
    config = _config(name)
    if classes not in (None, config.num_classes):
        raise BadInput(f"{name}'s published weights have a head of {config.num_classes} outputs, the model one of {classes}")
    if not config.hf_hub_id:
        return {"pretrained": True}
    file = config.hf_hub_filename or "model.safetensors"
    cached = importlib.import_module("huggingface_hub").try_to_load_from_cache(config.hf_hub_id, file)
    if isinstance(cached, str):
        return {"pretrained": True, "pretrained_cfg_overlay": {"file": cached}}
    address = f"https://huggingface.co/{config.hf_hub_id}/resolve/main/{file}"
    try:
        with patience():
            urllib.request.urlopen(urllib.request.Request(address, method="HEAD")).close()
    except UNREACHABLE as error:
        raise BadInput(
            f"{name}'s weights can't be downloaded ({why(error)}): fetch {address} on a connected machine and give the file with --weights"
        ) from error
    return {"pretrained": True}
