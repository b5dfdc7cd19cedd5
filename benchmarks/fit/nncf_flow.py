"""What `thimble fit` recommends beside NNCF's own flow, on the same model, data and runtimes, in one interleaved run.

    python benchmarks/fit/nncf_flow.py FIT [FIT ...]          (needs the extra: pip install 'thimble-fit[nncf]')

FIT is the folder of a finished fit of a network in PyTorch. Its FP32 ONNX file is given to ``nncf.quantize`` as NNCF's
documentation does it: the calibration split as the dataset, all settings left alone. The result runs in ONNX Runtime and in
OpenVINO, beside the fit's baseline and its recommended artifact, and all are scored on the test split. Prints a table for each fit
and exits with 1 where NNCF's flow is proven faster than what was recommended and keeps the fit's limit on the drop.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from thimble import Fit, Study, read_config, read_study, summarize
from thimble.api.measure import measure
from thimble.api.request import Measure
from thimble.api.resolve import matched
from thimble.cli._progress import Show
from thimble.core.processor import int8_support, processor_name
from thimble.core.sampling import Sampling
from thimble.stats import speedup_in
from thimble.study.telling import Event

SUBSET = 300
"""NNCF's own default."""


def quantized_by_nncf(onnx_file: Path, data: Iterator[dict[str, Any]], target: Path) -> None:
    """NNCF's own flow; its use is not reported to its makers."""
    os.environ["NNCF_CI"] = "1"
    import nncf
    import onnx

    onnx.save(nncf.quantize(onnx.load(str(onnx_file)), nncf.Dataset(list(data)), subset_size=SUBSET), str(target))


def samples(task: Any, name: str) -> Iterator[dict[str, Any]]:
    """Calibration samples, one at a time, under the file's name for its input."""
    for i, batch in enumerate(task.split("calibration").batches(1)):
        if i == SUBSET:
            break
        yield {name: next(iter(batch.inputs.values()))}


def measured(folder: Path, place: Path, seconds: float) -> tuple[Fit, Study]:
    """The fit's baseline, its recommended artifact, and NNCF's in each runtime, measured together and scored."""
    study, asked = read_study(folder), read_config(folder / "study.toml")
    chosen, exported = summarize(study).chosen, study.candidate("onnx").artifact
    if chosen is None or exported is None:
        sys.exit(f"{folder} recommends nothing, or has no onnx")
    artifacts, theirs = folder / "artifacts", place / "nncf.onnx"
    quantized_by_nncf(artifacts / "onnx" / exported.main, samples(matched(asked, asked.data).task, exported.inputs[0].name), theirs)
    ours = f"{artifacts / chosen}@{study.candidate(chosen).runtime}"
    how = Measure(
        asked.data, None, asked.threads, 1, Sampling(seconds=seconds), size=asked.size, mean=asked.mean, std=asked.std, seed=asked.seed
    )
    specs = [str(artifacts / study.candidates[0].name), ours, f"{theirs}@onnxruntime", f"{theirs}@openvino"]
    with Show() as show:
        return asked, measure(specs, how, lambda done, words: show(Event(done, words)))


def table(asked: Fit, study: Study) -> tuple[list[str], bool]:
    """A line for each artifact, and whether none of NNCF's that keeps the limit is proven faster than the recommended one."""
    rows, run = summarize(study).rows, study.runs[0]
    ours, fine = rows[1].name, True
    lines = [
        "| | runtime | MB | drop, points | times as fast as PyTorch | as the recommended one |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in rows[1:]:
        beside = speedup_in(run, row.name, ours)
        assert beside is not None
        keeps = asked.limits.max_drop is None or (row.drop is not None and row.drop.high <= asked.limits.max_drop)
        fine = fine and not (keeps and beside.low > 1)
        lines.append(f"| {row.name} | {row.runtime} | {row.size_mb:.3f} | {row.drop:.2f} | {row.speedup:.2f} | {beside:.3f} |")
    return lines, fine


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fits", nargs="+", type=Path, metavar="FIT")
    parser.add_argument("--seconds", type=float, default=60.0)
    given, fine = parser.parse_args(), True
    for folder in given.fits:
        with tempfile.TemporaryDirectory(prefix="thimble-nncf-") as place:
            lines, same = table(*measured(folder, Path(place), given.seconds))
        fine = fine and same
        print(f"\n{folder.name}: {processor_name()}, INT8: {int8_support()}\n", *lines, sep="\n")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
