"""A ``torch.export`` archive: looked through before it is opened, and turned back into modules where that works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from thimble.core.errors import BadInput
from thimble.core.model import Model, example_inputs, named_outputs
from thimble.core.paths import user_path
from thimble.core.preprocess import Preprocess
from thimble.core.task import ModelSpec
from thimble.core.values import TensorSpec, sha256_of
from thimble.fetch.user_file import foreign
from thimble.models._inputs import agreed_inputs, torch_model
from thimble.models._pt2_check import check_pt2

if TYPE_CHECKING:
    from torch import nn
    from torch.export import ExportedProgram


class Pt2:
    """``model.pt2``: an archive that ``torch.export.save`` wrote. Format ``torch``.

    Convolutions, linear layers and batch normalisations become modules again, so that techniques for networks in
    memory apply to them. A batch size that was fixed when exporting stays fixed.
    """

    title: ClassVar[str] = "a torch.export archive"
    form: ClassVar[str] = "MODEL.pt2"
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    extra: ClassVar[str | None] = "torch"

    def open(self, spec: ModelSpec, folder: Path) -> Model:
        """The network; a note says where it could not be turned back into modules."""
        from thimble.models._pt2_graph import rebuilt

        path = _path(spec)
        check_pt2(path)
        program, declared, plain = _loaded(path)
        model = torch_model(plain, agreed_inputs(declared, spec, spec.spec), spec)
        try:
            network = rebuilt(program)
            if _agree(model, network):
                return model.becoming(network)
        except Exception as error:  # an unusual graph: the plain one is still right
            return model.becoming(plain, operators=f"kept as operators: {foreign(error)}")
        return model.becoming(plain, operators="kept as operators: as modules it gave other outputs")

    def look_through(self, path: Path) -> None:
        """Raise `BadInput` where opening it would run code."""
        check_pt2(path)

    def preprocess(self, spec: ModelSpec) -> Preprocess | None:
        """Unknown: the archive doesn't say."""
        return None

    def prepare(self, spec: ModelSpec) -> None:
        """Nothing: the network is made of PyTorch's own classes."""

    def identity(self, spec: ModelSpec) -> tuple[object, ...]:
        """The archive's contents."""
        from importlib.metadata import version

        return (sha256_of(_path(spec)), version("torch"))


def _path(spec: ModelSpec) -> Path:
    if spec.weights:
        raise BadInput(f"{spec.spec} brings its own weights; leave out --weights")
    path = user_path(spec.spec)
    if not path.is_file():
        raise BadInput(f"there is no model at {path}")
    return path


def _loaded(path: Path) -> tuple[ExportedProgram, tuple[TensorSpec, ...], nn.Module]:
    """The exported program, what it takes, and its network as operators.

    Raises `BadInput` for whatever goes wrong: a damaged program fails in as many ways as it has fields, and some of
    them are looked at only when it is used.
    """
    import logging
    import warnings

    import torch

    from thimble.models._pt2_graph import as_operators

    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(path)
            return program, _inputs(program, path), as_operators(program)
    except BadInput:
        raise
    except Exception as error:
        raise BadInput(f"{path} can't be opened by this PyTorch; it is damaged or of another version ({foreign(error)})") from error
    finally:
        logging.disable(logging.NOTSET)


def _inputs(program: ExportedProgram, path: Path) -> tuple[TensorSpec, ...]:
    """What the exported program takes, in order; free sizes are those it was exported with."""
    import torch

    wanted = program.graph_signature.user_inputs
    made = []
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in wanted:
            value = node.meta.get("val")
            if not isinstance(value, torch.Tensor):
                raise BadInput(f"{path} takes {node.name} as a {type(value).__name__}; it must take tensors only")
            shape = tuple(size if isinstance(size, int) else None for size in value.shape)
            made.append(TensorSpec(node.name, shape, str(value.dtype).removeprefix("torch.")))
    if not made:
        raise BadInput(f"{path} takes no input")
    return tuple(made)


def _agree(model: Model, network: nn.Module) -> bool:
    """Return whether a network gives the model's outputs on noise, to float rounding."""
    import torch

    example = example_inputs(model, 2)
    with torch.no_grad():
        ours, theirs = named_outputs(model.payload(*example)), named_outputs(network(*example))
    return ours.keys() == theirs.keys() and all(torch.allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-5) for key in ours)
