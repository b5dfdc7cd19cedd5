"""Do structured pruning and INT8 multiply? ``python benchmarks/fit/pruned_int8.py [--threads N] [--rounds N]``.

ResNet-18 at 224 pixels with random weights and sane batch-norm statistics, pruned to half its multiply-accumulates or
fewer, quantized to static INT8, and both, in one interleaved run with PyTorch's eager FP32. The bar: pruned to counts of
channels that suit the vector width, as `thimble fit` does, and quantized, it takes at most 0.18 of PyTorch's latency. The last
row shows what other counts cost.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
from pathlib import Path

from zoo_weights import written

from thimble.core.artifact import write_manifest
from thimble.core.processor import features, int8_support, processor_name
from thimble.core.recipe import Recipe, recipe
from thimble.core.sampling import Sampling
from thimble.core.subject import Subject
from thimble.core.task import ModelSpec, TaskSpec, one_sample
from thimble.data import open_task, split_info
from thimble.engine.build import Builder
from thimble.engine.keys import Source
from thimble.engine.process import StepsProcess
from thimble.engine.store import Store
from thimble.formats import describe
from thimble.measure.latency import measure_latency
from thimble.models import fingerprint
from thimble.stats import speedup_in

HERE = Path(__file__).parent
BAR = 0.18
RECIPES = (
    recipe("PyTorch FP32", "", "pytorch"),
    recipe("ONNX Runtime FP32", "to_onnx()"),
    recipe("INT8", "to_onnx() + onnx_quantize_static()"),
    recipe("pruned 30 % to 16s, FP32", "prune_channels(0.3, round_to=16) + to_onnx()"),
    recipe("pruned 30 % to 16s, INT8", "prune_channels(0.3, round_to=16) + to_onnx() + onnx_quantize_static()"),
    recipe("pruned 30 % to 32s, INT8", "prune_channels(0.3, round_to=32) + to_onnx() + onnx_quantize_static()"),
    recipe("pruned 30 %, any count, INT8", "prune_channels(0.3) + to_onnx() + onnx_quantize_static()"),
)


def built(recipes: tuple[Recipe, ...], place: Path, threads: int) -> tuple[list[Subject], list[dict[str, object]], object]:
    """The artifacts, what is known of each, and one input."""
    weights = place / "weights.pt"
    written("resnet18", weights, (224,))
    task_spec = TaskSpec(f"{HERE / 'zoo_data.py'}:images224", 224)
    task = open_task(task_spec)
    model = ModelSpec("torchvision:resnet18", str(weights), size=224)
    facts = {name: info.fingerprint for name, info in split_info(task).items() if name != "test"}
    subjects, rows = [], []
    with StepsProcess() as process:
        builder = Builder(Store(place / "store"), process, Source(model, task_spec, fingerprint(model), facts, features(), threads=threads))
        for one in recipes:
            made = builder.build(one)
            artifact = describe(made.model, None, ())
            write_manifest(artifact, made.model.folder)
            subjects.append(Subject(one.name, made.model.folder, artifact, one.runtime, threads))
            macs = builder.weigh(made.model.folder).macs
            notes = {
                key: made.model.notes[key] for key in ("quantized_operators", "float_operators", "reduce_range") if key in made.model.notes
            }
            rows.append({"name": one.name, "recipe": one.text, "mb": round(artifact.bytes / 1e6, 2), "macs": macs, **notes})
    return subjects, rows, one_sample(task)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="thimble-pruned-") as place:
        subjects, rows, inputs = built(RECIPES, Path(place), options.threads)
        run = measure_latency(subjects, inputs, Sampling(rounds=options.rounds))
    rounds = {name: [round_.samples_ms[name] for round_ in run.rounds] for name in run.members}
    print(f"{processor_name()}, INT8: {int8_support()}, {options.threads} thread(s), {len(run.rounds)} rounds")
    for row in rows:
        name, share = row["name"], row["macs"] / rows[0]["macs"]
        faster = speedup_in(run, name)
        assert faster is not None
        row["ms"] = round(statistics.median(statistics.median(samples) for samples in rounds[name]), 2)
        row["of_pytorch"] = {"value": round(1 / faster.value, 4), "low": round(1 / faster.high, 4), "high": round(1 / faster.low, 4)}
        row["macs_share"] = round(share, 3)
        of = row["of_pytorch"]
        print(f"{name:30} {row['mb']:6} MB {share:5.2f} of MACs {row['ms']:7} ms {of['value']:.3f} ({of['low']:.3f}-{of['high']:.3f})")
    figures = {"processor": processor_name(), "int8": int8_support(), "features": features(), "threads": options.threads}
    figures |= {"python": platform.python_version(), "rounds": options.rounds, "bar": BAR, "rows": rows}
    (HERE / "results" / f"pruned_int8-{int8_support()}.json").write_text(json.dumps(figures, indent=1) + "\n")
    worst = max(row["of_pytorch"]["value"] for row in rows if row["name"].endswith("s, INT8"))
    print(f"bar {BAR}: {'met' if worst <= BAR else 'missed'} with {worst:.3f} at most")


if __name__ == "__main__":
    main()
