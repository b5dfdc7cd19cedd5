"""torchvision's models: ``torchvision:resnet18``, from a seed, with its published weights, or with a state dict."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from thimble.core.errors import BadInput, UnknownName
from thimble.core.model import Model
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, sha256_of
from thimble.fetch.user_file import foreign
from thimble.models._inputs import taken_inputs, torch_model
from thimble.models._state import load_with_head, read_state

if TYPE_CHECKING:
    from torch import nn

IMAGENET = "imagenet"


class Torchvision:
    """``torchvision:NAME``: the architecture with ``classes`` outputs (1000 where none is said), initialised from the seed.

    ``weights="imagenet"`` loads torchvision's own ImageNet weights through PyTorch's hub cache, any other text a state
    dict from that file; its head then decides the number of outputs where none is said.
    """

    title: ClassVar[str] = "torchvision's models by name"
    form: ClassVar[str] = "torchvision:NAME"
    needs: ClassVar[tuple[str, ...]] = ("torch", "torchvision")
    extra: ClassVar[str | None] = "torch"

    def open(self, spec: ModelSpec, folder: Path) -> Model:
        """The network in evaluation mode. Raises `UnknownName` with near matches for an unknown name."""
        name = known_name(spec)
        if name in _names("detection"):
            raise BadInput(f"{spec.spec} finds objects: its outputs have no fixed number, and there is no metric for them here")
        network, source = _network(name, spec)
        size = spec.size or _published_size(name)
        inputs = taken_inputs(network, spec) or (TensorSpec("input", (None, 3, size, size)),)
        return torch_model(network.eval(), inputs, spec, {"weights": source})

    def names(self) -> list[str]:
        """Every architecture that can be opened: all but the detectors, whose outputs have no fixed number."""
        from thimble.fetch.torchvision_import import import_torchvision

        return sorted(set(import_torchvision().models.list_models()) - set(_names("detection")))

    def check(self, spec: ModelSpec) -> None:
        """Raise `UnknownName` for an unknown name."""
        known_name(spec)

    def preprocess(self, spec: ModelSpec) -> Preprocess | None:
        """The transform published with the ImageNet weights; ``None`` for other weights."""
        return transform_of(_imagenet_weights(known_name(spec))) if spec.weights == IMAGENET else None

    def prepare(self, spec: ModelSpec) -> None:
        """Import torchvision, so that pickles of its networks can be read."""
        from thimble.fetch.torchvision_import import import_torchvision

        import_torchvision()

    def identity(self, spec: ModelSpec) -> tuple[object, ...]:
        """Name, weights and the versions that decide architecture and initialisation."""
        from importlib.metadata import version

        weights: object = spec.weights
        if spec.weights == IMAGENET:
            weights = str(_imagenet_weights(known_name(spec)).url)
        elif spec.weights:
            weights = sha256_of(_existing(spec.weights))
        return (spec.spec, weights, version("torch"), version("torchvision"))


def known_name(spec: ModelSpec) -> str:
    """The architecture's name; raises `UnknownName` where torchvision has none of it."""
    from thimble.fetch.torchvision_import import import_torchvision

    name = spec.spec.partition(":")[2]
    known = import_torchvision().models.list_models()
    if name not in known:
        raise UnknownName("torchvision model", name, known)
    return name


def transform_of(weights: Any) -> Preprocess:
    """The transform published with some weights, as a `Preprocess`."""
    preset = weights.transforms()
    crop = getattr(preset, "crop_size", None)
    resize = (preset.resize_size or [224])[0]
    return Preprocess(
        size=crop[0] if crop else resize,
        resize=resize if crop else None,
        resample=preset.interpolation.value,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )


def _network(name: str, spec: ModelSpec) -> tuple[nn.Module, str]:
    """The network with its weights, and where they came from in words."""
    if spec.weights is None:
        return _built(name, spec, spec.classes), f"initialised from seed {spec.seed}"
    if spec.weights == IMAGENET:
        return _published(name, spec)
    path = _existing(spec.weights)
    return load_with_head(lambda classes: _built(name, spec, classes), spec.classes, read_state(path), path), str(path)


def _published(name: str, spec: ModelSpec) -> tuple[nn.Module, str]:
    """The network with its ImageNet weights, built by torchvision: some take their inputs differently with them."""
    from thimble.fetch.download import fetched

    weights = _imagenet_weights(name)
    head = len(weights.meta["categories"])
    if spec.classes not in (None, head):
        raise BadInput(f"{name}'s published weights have a head of {head} outputs, the model one of {spec.classes}")
    prefix = re.search(r"-([0-9a-f]{8,})\.", weights.url)
    read_state(fetched(weights.url, prefix and prefix[1], f"{name}'s ImageNet weights"))
    return _built(name, spec, None, weights), f"{name}'s published weights {weights.name}"


def _built(name: str, spec: ModelSpec, classes: int | None, weights: Any = None) -> nn.Module:
    import torch

    from thimble.fetch.torchvision_import import import_torchvision

    settings: dict[str, Any] = {"weights": weights}
    if classes is not None:
        settings["num_classes"] = classes
    if name.startswith("vit_") and spec.size:
        settings["image_size"] = spec.size
    if name in _names("segmentation"):
        settings["weights_backbone"] = None
    models = import_torchvision().models
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(spec.seed)
        try:
            network: nn.Module = models.get_model(name, **settings)
        except Exception as error:  # each builder checks its settings in its own way
            said = ", ".join(f"{key}={value}" for key, value in settings.items() if value is not None)
            raise BadInput(f"torchvision can't build {name} with {said or 'its defaults'}: {foreign(error)}") from error
    return network


def _names(module: str) -> list[str]:
    """Names of the models in one of torchvision's modules."""
    from thimble.fetch.torchvision_import import import_torchvision

    models = import_torchvision().models
    return list(models.list_models(module=getattr(models, module)))


def _imagenet_weights(name: str) -> Any:
    """The published ImageNet weights: the recommended ones, or the first trained on ImageNet-1K."""
    from thimble.fetch.torchvision_import import import_torchvision

    published = import_torchvision().models.get_model_weights(name)
    named = [published.DEFAULT, *published] if len(published) else []
    for weights in named:
        if weights.name.startswith("IMAGENET1K"):
            return weights
    raise BadInput(f"torchvision has no ImageNet weights for {name}; it has {', '.join(w.name for w in published) or 'none'}")


def _published_size(name: str) -> int:
    """The image size that the published weights take; 224 where there are none."""
    from thimble.fetch.torchvision_import import import_torchvision

    published = import_torchvision().models.get_model_weights(name)
    try:
        return transform_of(published.DEFAULT).size if len(published) else 224
    except AttributeError:  # video and detection presets have no image size
        return 224


def _existing(weights: str) -> Path:
    path = user_path(weights)
    if not path.is_file():
        raise BadInput(f"there is no weights file at {path}; --weights takes a file, or {IMAGENET}")
    return path
