"""Causes of a size that does not shrink."""

from __future__ import annotations

from thimble.core.boards import APPLICATION_FLASH_KIB, APPLICATION_RAM_KIB, BOARDS, holding
from thimble.core.study import Candidate, Finding, Study
from thimble.core.summary import Row
from thimble.core.values import MB
from thimble.decide import _words as words
from thimble.decide._family import does, untouched, uses
from thimble.decide.pairs import speedup_over

FLOATS = ("float64", "float32")
GIVEN_ZEROS = 20.0
"""Percent of zeros from which a network that is given counts as pruned: rounding to 8 bits alone leaves less."""


def float_weights(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find a quantized candidate whose bytes are mostly float."""
    size = candidate.size
    if size is None or not does(candidate, "quantize") or not size.bytes_by_type:
        return None
    floats = sum(size.bytes_by_type.get(dtype, 0) for dtype in FLOATS)
    if 2 * floats <= sum(size.bytes_by_type.values()):
        return None
    left = f"{words.figure(floats / MB)} of its {words.figure(size.bytes / MB)} MB are still float32"
    if uses(candidate, "torch_quantize_dynamic"):
        text = f"{left}: dynamic quantization in PyTorch converts linear and recurrent layers and leaves convolutions as they are"
        layers: dict[str, int] | list[str] = next(
            (step.notes["float_layers"] for step in candidate.steps if "float_layers" in step.notes), {}
        )
        kept = [f"{count} {kind}" for kind, count in layers.items() if count] if isinstance(layers, dict) else layers
        stayed = f" ({words.joined(kept)} stayed in float)" if kept else ""
        return Finding("dynamic-left-convolutions", f"{text}{stayed}{_no_smaller(row)}.", {"bytes_by_type": size.bytes_by_type})
    return Finding("weights-still-float", f"{left}: most of its weights are not quantized{_no_smaller(row)}.", {
        "bytes_by_type": size.bytes_by_type
    })  # fmt: skip


def fake_quantized(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find weights stored in float with quantization around them."""
    held = candidate.probes.get("graph", {}).get("fake_quantized", 0)
    if not held or candidate.size is None:
        return None
    return Finding(
        "fake-quantized",
        f"{words.figure(held / MB)} of its {words.figure(candidate.size.bytes / MB)} MB are weights that are stored in float32 and "
        "quantized only when the file is opened (a quantizer's simulation, exported unchanged). Store the integers instead: they need "
        "a quarter of that.",
        {"bytes": held},
    )


def _no_smaller(row: Row) -> str:
    if row.compression is None:
        return ""
    return "; it is no smaller" if row.compression < 1.05 else f"; it is only {words.figure(row.compression)}x smaller"


def zeros_stored(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find zeroed weights that are shipped and multiplied like any others."""
    before = study.candidates[0].size
    size = candidate.size
    if candidate is study.candidates[0]:
        return _zeros_given(candidate, row)
    zeroed = does(candidate, "prune") or candidate.recipe == "as given"
    if not zeroed or size is None or before is None or row.sparsity is None or row.compression is None:
        return None
    dense = 100 * (1 - (before.nonzero_parameters or 0) / before.parameters) if before.parameters else 0.0
    if row.sparsity < dense + 5 or row.compression > 1.05:
        return None
    megabytes = words.figure(size.bytes / MB)
    text = f"{words.figure(row.sparsity)} % of its weights are zero, but zeros are stored like any other number: {megabytes} MB"
    if size.deflated_bytes < 0.98 * before.deflated_bytes:
        deflated, dense_mb = words.figure(size.deflated_bytes / MB), words.figure(before.deflated_bytes / MB)
        text += f". It shrinks only when deflated, to {deflated} MB against {dense_mb} MB"
    return Finding("zeros-stored", f"{text}{_no_faster(study, candidate)}.", {"zeros": {"percent": row.sparsity}})


def _zeros_given(candidate: Candidate, row: Row) -> Finding | None:
    """Find the same in a network that came with zeros."""
    size = candidate.size
    if size is None or row.sparsity is None or row.sparsity < GIVEN_ZEROS or size.bytes < 2 * (size.nonzero_parameters or 0):
        return None
    return Finding(
        "zeros-stored",
        f"{words.figure(row.sparsity)} % of its weights are zero, but zeros are stored and multiplied like any other number: "
        f"{words.figure(size.bytes / MB)} MB. It shrinks only when deflated, to {words.figure(size.deflated_bytes / MB)} MB.",
        {"zeros": {"percent": row.sparsity}},
    )


def _no_faster(study: Study, candidate: Candidate) -> str:
    other = untouched(study, candidate)
    ratio = speedup_over(study, candidate.name, other.name) if other else None
    if other is None or ratio is None or ratio.low > 1:
        return ""
    return f". Zeros are multiplied too: it is {words.speed(ratio, other.name)}"


def external_data(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find a tiny ``model.onnx`` whose weights lie in a second file."""
    artifact = candidate.artifact
    if artifact is None or artifact.format != "onnx":
        return None
    main = next((file for file in artifact.files if file.path == artifact.main), None)
    rest = [file for file in artifact.files if file.path != artifact.main]
    if main is None or not rest or 10 * main.bytes > artifact.bytes:
        return None
    largest = max(rest, key=lambda file: file.bytes)
    return Finding(
        "external-data",
        f"{main.path} has only {words.figure(main.bytes / MB)} MB; {words.figure(largest.bytes / MB)} MB of weights lie beside it in "
        f"{largest.path}. Ship both files: {words.figure(artifact.bytes / MB)} MB in all.",
        {"files": {file.path: file.bytes for file in artifact.files}},
    )


def on_boards(study: Study, candidate: Candidate, row: Row) -> Finding | None:
    """Find which usual boards hold a candidate for microcontrollers."""
    if row.flash_kib is None or row.ram_kib is None:
        return None
    held = [board.name for board in holding(row.flash_kib, row.ram_kib)]
    beside = f"{APPLICATION_FLASH_KIB} KiB of flash and {APPLICATION_RAM_KIB} KiB of RAM (an estimate)"
    which = f"{len(held)} of {len(BOARDS)} usual boards hold it" + (f": {words.joined(held)}" if held else "")
    text = (
        f"The file takes {words.figure(row.flash_kib)} KiB of flash and its arena {words.figure(row.ram_kib)} KiB of RAM; with {beside} "
        f"for the interpreter and the application, {which}."
    )
    return Finding("boards", text, {"flash_kib": row.flash_kib, "ram_kib": row.ram_kib, "boards": held})
