"""What `thimble fit` recommends beside every other tool's own flow, on the same model, data and machine, in one interleaved run.

    python benchmarks/peers/run.py FIT [FIT ...] [--place DIR] [--only NAME ...] [--seconds 60] [--here]

FIT is the folder of a finished fit of a network in PyTorch. Its FP32 ONNX file and 300 samples of its calibration split go to each
flow of ``flows/``, which runs in an environment of its own (made below DIR; ``--here`` uses this one). All files are then measured in one
run, beside the fit's baseline, its FP32 ONNX file and its recommended artifact, and scored on the test split. Prints a table, writes
``results/NAME.json`` and ``results/NAME.png`` beside this file, and exits with 1 where a peer's file that keeps the fit's limit on the
drop is proven faster, or is smaller and proven no slower.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from thimble import Fit, Study, read_config, read_study, summarize
from thimble.api.measure import measure
from thimble.api.request import Measure
from thimble.api.resolve import matched
from thimble.cli._progress import Show
from thimble.core.processor import int8_support, processor_name
from thimble.core.sampling import Sampling
from thimble.core.summary import Interval
from thimble.stats import speedup_in
from thimble.study.telling import Event

HERE = Path(__file__).parent
SUBSET = 300
"""NNCF's own default, given to all."""


@dataclass(frozen=True)
class Line:
    """One artifact as it came out; ratios are to the baseline and to what was recommended."""

    name: str
    tool: str
    runtime: str
    size_mb: float | None
    faster: Interval | None
    beside: Interval | None
    drop: Interval | None


def constants(flow: Path) -> dict[str, Any]:
    """What a flow says of itself, read without running it."""
    tree = ast.parse(flow.read_text())
    return {node.targets[0].id: ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)}  # type: ignore[attr-defined]


def interpreter(flow: Path, place: Path, here: bool) -> Path:
    """The Python of a flow's own environment, which is made the first time."""
    if here:
        return Path(sys.executable)
    folder = place / "environments" / flow.stem
    python, done = folder / "bin" / "python", folder / "ready"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *constants(flow)["PACKAGES"]], check=True)
        done.touch()
    return python


def calibration(asked: Fit, name: str, target: Path) -> None:
    """Write samples of the calibration split under the file's name for its input."""
    import numpy as np

    split = matched(asked, asked.data).task.split("calibration")
    batch = next(iter(split.batches(min(SUBSET, len(split)))))
    np.savez(target, **{name: next(iter(batch.inputs.values()))})


def peers(folder: Path, asked: Fit, given: argparse.Namespace, place: Path) -> list[str]:
    """Have each flow write its files, and return them with the runtimes that they are run in; a flow that fails is told."""
    exported = read_study(folder).candidate("onnx").artifact
    assert exported is not None
    source, data = folder / "artifacts" / "onnx" / exported.main, place / "calibration.npz"
    calibration(asked, exported.inputs[0].name, data)
    found = []
    for flow in sorted((HERE / "flows").glob("*.py")):
        if given.only and flow.stem not in given.only:
            continue
        out = place / flow.stem
        out.mkdir(exist_ok=True)
        made = subprocess.run(
            [str(interpreter(flow, given.place, given.here)), str(flow), str(source), str(data), str(out)], capture_output=True, text=True
        )
        if made.returncode:
            print(f"{flow.stem} failed: {made.stderr.strip().splitlines()[-1]}")
        for runtime in constants(flow).get("RUNTIMES", ("onnxruntime",)):
            found += [f"{file}@{runtime}" for file in sorted(out.glob("*.onnx"))]
    return found


def measured(folder: Path, asked: Fit, others: list[str], seconds: float) -> Study:
    """The fit's baseline, its FP32 in ONNX Runtime, its recommended artifact, and the others, measured together and scored."""
    study, artifacts = read_study(folder), folder / "artifacts"
    chosen = study.candidate(summarize(study).chosen or sys.exit(f"{folder} recommends nothing"))
    options = ",".join(f"{name}={value}" for name, value in chosen.options.items())
    ours = f"{artifacts / chosen.name}@{chosen.runtime}" + (f":{options}" if options else "")
    how = Measure(
        data=asked.data,
        threads=asked.threads,
        sampling=Sampling(seconds=seconds),
        seed=asked.seed,
        size=asked.size,
        mean=asked.mean,
        std=asked.std,
    )
    with Show() as show:
        specs = [str(artifacts / study.candidates[0].name), ours, f"{artifacts / 'onnx'}@onnxruntime", *others]
        return measure(specs, how, lambda done, words: show(Event(done, words)))


def lines(study: Study, others: list[str]) -> list[Line]:
    """A line for each artifact but the baseline, what was recommended first."""
    rows, run = summarize(study).rows, study.runs[0]
    tools = ["Thimble", "Thimble's export", *(Path(spec).parent.name.replace("_tools", "") for spec in others)]
    return [
        Line(row.name, tool, row.runtime, row.size_mb, row.speedup, speedup_in(run, row.name, rows[1].name), row.drop)
        for tool, row in zip(tools, rows[1:], strict=True)
    ]


def beaten(ours: Line, other: Line, most: float | None) -> bool:
    """Whether a peer's file that keeps the limit is proven faster, or is smaller and proven no slower."""
    if other.beside is None or (most is not None and (other.drop is None or other.drop.high > most)):
        return False
    return other.beside.low > 1 or (other.beside.low >= 1 and (other.size_mb or 0) < (ours.size_mb or 0))


def table(found: list[Line]) -> list[str]:
    """Markdown, the fastest first."""
    head = [
        "| tool | file | runtime | MB | drop, points | times as fast as PyTorch | as Thimble's |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    ranked = sorted(found, key=lambda line: -(line.faster.value if line.faster else 0))
    return head + [
        f"| {line.tool} | {line.name} | {line.runtime} | {line.size_mb:.3f} | {_told(line.drop, '.2f')} | {_told(line.faster, '.2f')} "
        f"| {_told(line.beside, '.3f')} |"
        for line in ranked
    ]


def _told(figure: Interval | None, spec: str) -> str:
    return "not measured" if figure is None else f"{figure:{spec}}"


def picture(name: str, found: list[Line], most: float | None) -> None:
    """Speed and drop with their intervals side by side, the fastest at the top."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = sorted((line for line in found if line.faster and line.drop), key=lambda line: line.faster.value if line.faster else 0)
    figure, (left, right) = pyplot.subplots(1, 2, sharey=True, figsize=(9, 0.6 + 0.35 * len(shown)))
    for axes, figures in ((left, [line.faster for line in shown]), (right, [line.drop for line in shown])):
        for place, (line, value) in enumerate(zip(shown, figures, strict=True)):
            assert value is not None
            colour = "tab:orange" if line.tool == "Thimble" else "tab:blue"
            axes.errorbar(value.value, place, xerr=[[value.value - value.low], [value.high - value.value]], fmt="o", color=colour)
        axes.grid(axis="x", linewidth=0.4)
    left.set_yticks(range(len(shown)), [f"{line.tool}: {line.name.removesuffix('@onnxruntime')}" for line in shown], fontsize=8)
    left.set_xlim(left=0)
    left.set_xlabel("times as fast as PyTorch FP32")
    right.set_xlabel("drop on the test split, points" + (f"; the limit is {most:g}" if most is not None else ""))
    if most is not None:
        right.axvline(most, color="black", linestyle=":", linewidth=1)
    figure.suptitle(f"{name}, 95 % intervals", fontsize=9)
    figure.tight_layout()
    figure.savefig(HERE / "results" / f"{name}.png", dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fits", nargs="+", type=Path, metavar="FIT")
    parser.add_argument("--place", type=Path, default=Path("peers"), help="environments and files")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--here", action="store_true", help="run the flows with this Python")
    given, fine = parser.parse_args(), True
    for folder in given.fits:
        asked, place = read_config(folder / "study.toml"), given.place / folder.name
        place.mkdir(parents=True, exist_ok=True)
        others = peers(folder, asked, given, place)
        found, most = lines(measured(folder, asked, others, given.seconds), others), asked.limits.max_drop
        better = [line.name for line in found[2:] if beaten(found[0], line, most)]
        fine = fine and not better
        machine = f"{processor_name()}, INT8: {int8_support()}"
        print(f"\n{folder.name}: {machine}\n", *table(found), sep="\n")
        print(f"better than Thimble's: {', '.join(better)}" if better else "no peer's file is proven better")
        result = {"machine": machine, "limit": most, "seconds": given.seconds, "lines": [asdict(line) for line in found]}
        (HERE / "results" / f"{folder.name}.json").write_text(json.dumps(result, indent=1) + "\n")
        picture(folder.name, found, most)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
