"""ncnn on the processor: ``model.param`` with ``model.bin``.

This file travels alone: it imports the standard library, NumPy and ncnn, the last one only when it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

HALVES = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage")
"""Switches that let it hold or multiply FP32 numbers in 16 bits."""


class Ncnn:
    """ncnn without Vulkan. Its networks take one sample at a time: a batch is run sample by sample.

    Options are the fields of ``ncnn.Option`` that are switches, with ``0`` or ``1``. ``use_fp16_arithmetic``, ``use_fp16_storage``,
    ``use_fp16_packed`` and ``use_bf16_storage`` are off unless they are given: ncnn would otherwise take FP16 by itself.
    """

    title: ClassVar[str] = "ncnn"
    formats: ClassVar[tuple[str, ...]] = ("ncnn",)
    needs: ClassVar[tuple[str, ...]] = ("ncnn",)
    extra: ClassVar[str | None] = "ncnn"
    distribution: ClassVar[str] = "ncnn"
    pinned: ClassVar[tuple[str, ...]] = ("ncnn==1.0.20261020", "pnnx==20261020", "torch")
    pinned_mb: ClassVar[int] = 1375
    phones: ClassVar[bool] = True

    def load(self, format: str = "ncnn") -> None:
        """Import ncnn."""
        import ncnn  # noqa: F401

    def open(self, path: str, inputs: list[str], outputs: list[str], threads: int, options: dict[str, str]) -> NcnnSession:
        """A session of a ``.param`` file and the ``.bin`` file beside it."""
        import ncnn

        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_vulkan_compute = False
        for name, value in {**dict.fromkeys(HALVES, "0"), **options}.items():
            if not hasattr(net.opt, name) or value not in ("0", "1"):
                raise ValueError(f"ncnn has no switch {name}={value}; it is the name of a field of ncnn.Option, and 0 or 1")
            setattr(net.opt, name, value == "1")
        weights = str(Path(path).with_suffix(".bin"))
        for load, file in ((net.load_param, path), (net.load_model, weights)):
            if load(file) != 0:
                raise ValueError(f"{file} is not a file of ncnn")
        session = NcnnSession(net, inputs, outputs)
        session.precision = _computed(net.opt) if any(getattr(net.opt, name) for name in HALVES) else "float32"
        return session


class NcnnSession:
    """A loaded network. Names that it lacks are taken by position, in the artifact's order.

    ``precision`` is the floating-point type that numbers are held in: measured, since a processor may lack what an option asks for.
    """

    precision = "float32"

    def __init__(self, net: Any, inputs: list[str], outputs: list[str]) -> None:
        self.net = net
        self.inputs = _matched(inputs, list(net.input_names()), "inputs")
        self.outputs = _matched(outputs, list(net.output_names()), "outputs")

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        import numpy as np

        samples = self.bind(inputs)()
        return {name: np.stack([np.array(sample[i]) for sample in samples]) for i, name in enumerate(self.outputs)}

    def bind(self, inputs: Mapping[str, Any]) -> Callable[[], Any]:
        """The inference alone, on inputs that are converted already: what is timed."""
        import ncnn
        import numpy as np

        arrays = {theirs: _as_taken(np.asarray(inputs[ours])) for ours, theirs in self.inputs.items()}
        count = len(next(iter(arrays.values())))
        given = [[(name, ncnn.Mat(array[i])) for name, array in arrays.items()] for i in range(count)]
        return lambda: [self._infer(sample) for sample in given]

    def _infer(self, sample: list[tuple[str, Any]]) -> list[Any]:
        """One sample's outputs."""
        extractor = self.net.create_extractor()
        for name, mat in sample:
            extractor.input(name, mat)
        found = [extractor.extract(name) for name in self.outputs.values()]
        if any(status != 0 for status, _ in found):
            raise ValueError(f"ncnn gives no {', '.join(self.outputs.values())}")
        return [mat for _, mat in found]

    def close(self) -> None:
        """Let go of the network."""
        self.net = None


def _as_taken(array: Any) -> Any:
    """Numbers as ncnn's layers take them: FP32, or integers of 32 bits."""
    import numpy as np

    return np.ascontiguousarray(array, dtype=np.int32 if array.dtype.kind in "iu" else np.float32)


PROBE = "7767517\n2 2\nInput x 0 1 x 0=16\nInnerProduct y 1 1 x y 0=16 1=0 2=256\n"
"""A network that multiplies its 16 inputs by one weight each."""


def _computed(switches: Any) -> str:
    """The type that these options make ncnn hold numbers in on this processor, from what a small network leaves of two of them.

    FP16 keeps 1 + 2^-9 and rounds 1 + 2^-13 off; bfloat16 rounds off both. Weights and activations are looked at.
    """
    import tempfile

    import ncnn
    import numpy as np

    net, fine = ncnn.Net(), (1 + 2**-9, 1 + 2**-13)
    for name in ("num_threads", "use_vulkan_compute", *HALVES):
        setattr(net.opt, name, getattr(switches, name))
    with tempfile.TemporaryDirectory() as folder:
        param, weights = Path(folder, "probe.param"), Path(folder, "probe.bin")
        param.write_text(PROBE)
        weights.write_bytes(bytes(4) + np.diag(np.array([1, 1, *fine, *[1] * 12], np.float32)).tobytes())
        net.load_param(str(param))
        net.load_model(str(weights))
    extractor = net.create_extractor()
    extractor.input("x", ncnn.Mat(np.array([*fine, *[1] * 14], np.float32)))
    left = np.array(extractor.extract("y")[1])
    whole = [left[place] == fine[place % 2] for place in range(4)]  # activations, then weights
    return "float32" if all(whole) else "float16" if whole[0] and whole[2] else "bfloat16"


def _matched(ours: list[str], theirs: list[str], what: str) -> dict[str, str]:
    """The artifact's names to the network's: the same names where it has them, else by position."""
    if set(ours) <= set(theirs):
        return {name: name for name in ours}
    if len(ours) != len(theirs):
        raise ValueError(f"the network's {what} are {', '.join(theirs)}, the artifact names {', '.join(ours)}")
    return dict(zip(ours, theirs, strict=True))
