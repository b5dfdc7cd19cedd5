"""Makes the golden studies beside this file, from code and a seed: ``python tests/stored/make.py``.

They are made up: their figures stand for nothing but their shape. Every report is tested on each of them, and on
``measured-lab.json``, which is what a run of the lab left.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from thimble.core.artifact import Artifact
from thimble.core.study import (
    Advice,
    Candidate,
    Cold,
    Environment,
    Finding,
    Limits,
    Quality,
    Round,
    Run,
    Size,
    SplitInfo,
    StepRecord,
    Study,
    TaskInfo,
)
from thimble.core.values import File, TensorSpec, digest_of

FOLDER = Path(__file__).parent
SAMPLES, ROUNDS = 600, 24
ENVIRONMENT = Environment(
    machine="golden",
    processor="AMD EPYC-Milan",
    features=("avx", "avx2", "fma"),
    cores=2,
    memory_mb=25_000,
    system="Linux 6.1 x86_64",
    python="3.11.2",
    governor="unknown",
    versions={"numpy": "2.4.6", "onnxruntime": "1.32.0", "torch": "2.13.0"},
)
LABELS = tuple(str(digit) for digit in range(10))
TASK = TaskInfo(
    "digits", "digits", "accuracy", "%", True, LABELS,
    {
        "train": SplitInfo(837, "a" * 24), "calibration": SplitInfo(120, "b" * 24),
        "validation": SplitInfo(240, "c" * 24), "test": SplitInfo(SAMPLES, "d" * 24),
    },
    notes=("stratified split with seed 0",),
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """What a made-up candidate shall look like: MB, milliseconds and fraction right; ``None`` is not measured."""

    name: str
    recipe: str = "as given"
    runtime: str = "pytorch"
    title: str = ""
    mb: float | None = None
    ms: float | None = None
    right: float | None = None
    parameters: int = 11_181_642
    nonzero: float = 1.0
    macs: int = 148_000_000
    int8: float = 0.0
    status: str = "ok"
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)


CONV_INTEGER = Finding(
    "dynamic-convolutions",
    "20 convolutions run as ConvInteger, which ONNX Runtime executes without its fast kernels.",
    {"convolutions": 20, "share_of_time": 0.93},
)
OBSERVED = {
    "operators_ms": {"QLinearConv": 2.71, "QLinearAdd": 0.31, "MaxPool": 0.12, "QuantizeLinear": 0.08, "QLinearGlobalAveragePool": 0.03},
    "sensitivity_db": {"/conv1/Conv": 24.1, "/layer4/layer4.1/conv2/Conv": 27.9, "/layer1/layer1.0/conv1/Conv": 33.2, "/fc/Gemm": 38.5},
    "throughput": {"1": 294.0, "8": 402.5, "32": 431.0},
    "probes": {
        "energy": {"not available": "this system shows no energy counters"},
        "subnormals": {"weights": 12, "weights_share": 1.07e-06},
    },
}
"""What only a closer look gives."""
LAB = (
    Made("baseline", title="FP32 in PyTorch", mb=44.79, ms=14.2, right=0.988),
    Made("int8-dynamic", "torch_quantize_dynamic()", title="Dynamic INT8", mb=44.77, ms=14.3, right=0.988, int8=0.0005),
    Made("int8-static", "fx_quantize_static()", title="Static INT8", mb=11.33, ms=6.1, right=0.987, int8=0.99),
    Made("int8-static-noise", "fx_quantize_static(calibration='noise')", title="Static INT8, calibrated on noise", mb=11.33, ms=6.1,
         right=0.871, int8=0.99),
    Made("prune30-weights", "prune_weights(0.3)", title="30 % of weights zeroed", mb=44.79, ms=14.2, right=0.988, nonzero=0.7),
    Made("prune50-weights", "prune_weights(0.5)", title="50 % of weights zeroed", mb=44.79, ms=14.1, right=0.985, nonzero=0.5),
    Made("prune30-channels", "prune_channels(0.3)", title="30 % of channels removed", mb=22.1, ms=9.1, right=0.402, parameters=5_500_000,
         macs=75_000_000),
    Made("prune30-channels-finetuned", "prune_channels(0.3) + finetune(2)", title="30 % of channels removed, fine-tuned", mb=22.1, ms=9.2,
         right=0.983, parameters=5_500_000, macs=75_000_000),
    Made("distilled-mobilenet_v2", "distill('mobilenet_v2')", title="MobileNetV2 taught by the baseline", mb=9.2, ms=12.9, right=0.972,
         parameters=2_236_682, macs=26_000_000),
    Made("onnx", "to_onnx()", "onnxruntime", "FP32 in ONNX Runtime", mb=44.73, ms=6.9, right=0.988),
    Made("onnx-int8-dynamic", "to_onnx() + onnx_quantize_dynamic()", "onnxruntime", "Dynamic INT8", mb=11.25, ms=33.0, right=0.987,
         int8=0.99, findings=(CONV_INTEGER,)),
    Made("onnx-int8-static", "to_onnx() + onnx_quantize_static()", "onnxruntime", "Static INT8", mb=11.28, ms=3.4, right=0.987, int8=0.99,
         extra=OBSERVED),
    Made("prune30-onnx-int8", "prune_channels(0.3) + finetune(2) + to_onnx() + onnx_quantize_static()", "onnxruntime",
         "30 % of channels removed, static INT8", mb=5.6, ms=2.3, right=0.982, int8=0.98, parameters=5_500_000, macs=75_000_000),
    Made("distilled-onnx-int8", "distill('mobilenet_v2') + to_onnx() + onnx_quantize_static()", "onnxruntime", "MobileNetV2, static INT8",
         mb=2.41, ms=1.9, right=0.962, int8=0.97, parameters=2_236_682, macs=26_000_000),
)  # fmt: skip


def _seed(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


def quality(made: Made, split: str, samples: int, unit_scores: bool = True) -> Quality | None:
    """Scores whose mean is ``made.right``; the hard samples are hard for every candidate, as in life."""
    if made.right is None:
        return None
    hardness = np.random.default_rng(_seed(split, samples)).permutation(samples)
    own = np.random.default_rng(_seed(made.name, split)).normal(0, 2, samples)
    wrong = np.argsort(-(hardness + own))[: round((1 - made.right) * samples)]
    scores = np.ones(samples)
    scores[wrong] = 0
    agreement = tuple(scores.tolist())
    return Quality(
        split, TASK.splits[split].fingerprint, TASK.metric if unit_scores else "agreement", agreement, agreement, 26.4, 0.998, 1.5
    )


def artifact(made: Made) -> Artifact:
    """The manifest of a made-up artifact."""
    main = "model.onnx" if made.runtime == "onnxruntime" else "model.pt2"
    files = (File(main, round((made.mb or 0) * 1e6), "0" * 64),)
    return Artifact(main.removeprefix("model."), main, files, (TensorSpec("input", (None, 3, 64, 64)),), ("output",), labels=LABELS)


def steps(made: Made) -> tuple[StepRecord, ...]:
    """A record for each step: the training before, the recipe's own, and PyTorch's export where nothing else is one."""
    texts = ["train(5)", *([] if made.recipe == "as given" else made.recipe.split(" + "))]
    if made.runtime == "pytorch":
        texts.append("to_pt2()")
    return tuple(
        StepRecord(
            text.partition("(")[0],
            text,
            {},
            1,
            2.5,
            i == 0,
            "onnx" if "onnx" in text else "pt2" if "pt2" in text else "torch",
            digest_of(texts[: i + 1]),
            {"quantized_operators": 21} if "static" in text else {},
            made.parameters,
            made.macs,
        )
        for i, text in enumerate(texts)
    )


def candidate(made: Made, folder: str = "") -> Candidate:
    """A candidate with everything that ``made`` says was measured."""
    common = Candidate(made.name, made.recipe, made.runtime, made.title, status=made.status, reason=made.reason, findings=made.findings)
    if made.status != "ok" or made.mb is None:
        return common
    int8 = round(made.mb * 1e6 * made.int8)
    size = Size(
        round(made.mb * 1e6), round(made.mb * 1e6 * (0.93 * made.nonzero + 0.02)),
        {"int8": int8, "float32": round(made.mb * 1e6) - int8} if int8 else {"float32": round(made.mb * 1e6)},
        made.parameters, round(made.parameters * made.nonzero), made.macs,
    )  # fmt: skip
    scored = {split: quality(made, split, samples) for split, samples in (("validation", 240), ("test", SAMPLES))}
    cold = None if made.ms is None else Cold(round(20 + made.mb * 2, 1), round(made.ms * 1.8, 2), 180.0, round(182 + made.mb * 1.6, 1))
    return replace(
        common, steps=steps(made), folder=f"artifacts/{folder or made.name}", artifact=artifact(made), size=size, cold=cold,
        quality={split: scores for split, scores in scored.items() if scores}, **made.extra,
    )  # fmt: skip


def run(all_made: tuple[Made, ...], seed: int = 0) -> Run | None:
    """One joint run of everything that has a latency: every round a little faster or slower for all, and noise of its own."""
    members = tuple(made for made in all_made if made.status == "ok" and made.ms is not None)
    if not members:
        return None
    rng = np.random.default_rng(seed)
    rounds = []
    for i in range(ROUNDS):
        drift = 1 + 0.04 * np.sin(i / 4) + rng.normal(0, 0.01)
        samples = {made.name: tuple((made.ms * drift * rng.lognormal(0, 0.02, 5)).round(3).tolist()) for made in members}
        order = tuple(members[j].name for j in rng.permutation(len(members)))
        rounds.append(Round(order, samples, round(i * 1.7, 2), round(float(rng.uniform(0, 0.04)), 3)))
    names = tuple(made.name for made in members)
    wide = "the interval of the latency is wider than asked: measure for longer, or on a quieter machine"
    warnings = (Advice("busy", "other processes used 12 % of the cores"), *(Advice("wide-interval", wide, name) for name in names[-3:]))
    return Run(
        "joint", names, names[0], seed, 2, 1, tuple(rounds), ENVIRONMENT, warnings if len(names) > 5 else (), started="2026-11-23T10:00:00Z"
    )


def study(name: str, all_made: tuple[Made, ...], **changes: Any) -> Study:
    """A study of these candidates."""
    joint = run(all_made)
    made = Study(
        name, "torchvision:resnet18", TASK, ENVIRONMENT, 2, 0, Limits(), tuple(candidate(made) for made in all_made),
        (joint,) if joint else (), joint.id if joint else None,
        started="2026-11-23T09:55:00Z", seconds=262.0, complete=True, thimble="0.1.0",
    )  # fmt: skip
    return replace(made, **changes)


def forty() -> tuple[Made, ...]:
    """Forty candidates: eight techniques in five runtimes."""
    techniques = (
        ("fp32", "as given", 44.7, 1.0, 0.988, 0.0), ("fp16", "to_half()", 22.4, 1.05, 0.988, 0.0),
        ("int8-dynamic", "quantize_dynamic()", 11.3, 1.4, 0.987, 0.99), ("int8-static", "quantize_static()", 11.3, 0.45, 0.985, 0.99),
        ("pruned30", "prune_channels(0.3) + finetune(2)", 22.1, 0.62, 0.981, 0.0),
        ("pruned50", "prune_channels(0.5) + finetune(2)", 11.6, 0.4, 0.974, 0.0),
        ("pruned50-int8", "prune_channels(0.5) + finetune(2) + quantize_static()", 3.0, 0.22, 0.969, 0.98),
        ("student", "distill('mobilenet_v2')", 9.1, 0.55, 0.966, 0.0),
    )  # fmt: skip
    runtimes = (("pytorch", 14.2), ("onnxruntime", 6.9), ("openvino", 6.1), ("litert", 7.7), ("ncnn", 6.5))
    return tuple(
        Made("baseline" if name == "fp32" and runtime == "pytorch" else f"{runtime}-{name}", recipe, runtime,
             mb=round(mb * (1 + 0.01 * i), 2), ms=round(base * ratio, 2), right=right - 0.001 * (i % 3), int8=int8)
        for i, (runtime, base) in enumerate(runtimes) for name, recipe, mb, ratio, right, int8 in techniques
    )  # fmt: skip


LONG = "a_model_with_a_name_that_somebody_generated_from_every_setting_it_was_trained_with_"
NAUGHTY = "<script>alert(1)</script>"


def goldens() -> dict[str, Study]:
    """Every golden study by file name."""
    failed = Made("baseline", status="failed", reason="the model gives NaN for the first sample; check the weights")
    others = tuple(
        Made(name, recipe, status=status, reason=reason)
        for name, recipe, status, reason in (
            ("int8-static", "fx_quantize_static()", "failed", "the converter ended with signal 11"),
            ("onnx", "to_onnx()", "not applicable", "data-dependent control flow at line 12"),
            ("onnx-int8-static", "to_onnx() + onnx_quantize_static()", "not tried", "the step before it failed"),
        )
    )
    long = tuple(
        replace(
            made,
            name=f"{LONG}{i}_{made.name}" if i % 2 else f"{made.name} {NAUGHTY} | `x` *y* $z$ \\ [red]",
            title=NAUGHTY,
            reason=made.reason,
        )
        for i, made in enumerate(LAB[:8])
    )
    bad = Made(f"broken {NAUGHTY}", "to_onnx()", "onnxruntime", status="failed", reason=f"expected {NAUGHTY}\nbut got\x1b[31m | `nothing`")
    unlabelled = replace(
        TASK, metric="agreement", labels=(), spec="npz:x.npz", name="x", notes=("no labels: quality is agreement with the baseline",)
    )
    return {
        "lab": study("lab", LAB, chosen="prune30-onnx-int8"),
        "failures": study("failures", (failed, *others)),
        "one": study("one", LAB[:1]),
        "forty": study("fit", forty(), chosen="openvino-int8-static", limits=Limits(max_drop=2.0, max_size=12.0, max_latency=5.0)),
        "long-names": study(
            f"{NAUGHTY} study", (*long, bad), chosen=long[2].name,
            model=f"{NAUGHTY}:{LONG}", task=replace(TASK, labels=(NAUGHTY, *LABELS[1:])),
        ),
        "no-accuracy": study("no-accuracy", tuple(replace(made, right=None) for made in LAB), task=unlabelled),
        "no-latency": study("no-latency", tuple(replace(made, ms=None) for made in LAB[:6])),
    }  # fmt: skip


def main() -> None:
    """Write them all."""
    for name, made in goldens().items():
        path = FOLDER / f"{name}.json"
        path.write_bytes(msgspec.json.encode(made) + b"\n")
        sys.stdout.write(f"{path.name} {path.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
