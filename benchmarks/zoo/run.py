"""Take models that people ship through measure, doctor, static and dynamic INT8 and fit, beside the plain tools, and record what came.

::

    python benchmarks/zoo/run.py                      # go on with what is not recorded yet
    python benchmarks/zoo/run.py --only magika        # files whose name holds this, again
    python benchmarks/zoo/run.py --without fit        # leave parts out
    python benchmarks/zoo/run.py --again measure      # what a busy machine gave no speeds for
    python benchmarks/zoo/run.py --table              # print the table of what is recorded

Every part is a command in a process of its own, with a limit of time, so that nothing is kept that a user would not get.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from feeds import written
from fetch import CACHE, fetched
from files import FILES, Shipped
from table import printed

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PARTS = ("doctor", "static", "dynamic", "plain", "nncf", "alike", "measure", "fit")
MADE = ("static", "dynamic", "plain", "nncf")
LIMIT_S = 600
FIT = "2m"
THREADS = "1"


class Run:
    """One file's way through the parts; ``done`` is what is recorded."""

    def __init__(self, one: Shipped, done: dict[str, Any]) -> None:
        self.one, self.done = one, done
        self.place = CACHE / "work" / one.name
        self.place.mkdir(parents=True, exist_ok=True)
        self.source = fetched(one)
        self.data = self.place / "data.npz"
        self.numbers = [word for name, value in one.values.items() for word in ("--set", f"{name}={value:g}")]
        self.shapes = [w for name, shape in one.sizes.items() for w in ("--input-shape", f"{name}={','.join(map(str, shape))}")]

    def all(self, parts: list[str]) -> None:
        """Carry out the parts that are not recorded."""
        if not self.data.is_file():
            written(self.one, inputs_of(self.source, self.one), self.data)
        onnx = self.one.suffix == ".onnx"
        for part in parts:
            if part not in self.done and (onnx or part in ("doctor", "measure", "fit")):
                began = time.monotonic()
                self.done[part] = {**getattr(self, part)(), "seconds": round(time.monotonic() - began, 1)}
                print(self.one.name, part, self.done[part].get("error", "ok"), f"{self.done[part]['seconds']} s", flush=True)
        self.done["bytes"] = self.source.stat().st_size
        self.done["sha256"] = sha256(self.source)

    def doctor(self) -> dict[str, Any]:
        return outcome(self._thimble("doctor", str(self.source), "--data", f"npz:{self.data}", *self.numbers, "--json"))

    def static(self) -> dict[str, Any]:
        recurrent = " + onnx_quantize_recurrent()" if "LSTM" in self.one.kind else ""
        return self._applied("static", "onnx_quantize_static()" + recurrent)

    def dynamic(self) -> dict[str, Any]:
        return self._applied("dynamic", "onnx_quantize_dynamic()")

    def plain(self) -> dict[str, Any]:
        return self._by("onnxruntime", "plain.onnx")

    def nncf(self) -> dict[str, Any]:
        return self._by("nncf", "nncf.onnx")

    def alike(self) -> dict[str, Any]:
        """Bytes of everything that was made, and its SQNR on samples that no tool has seen; no time is taken."""
        made = {name: path for name in MADE if (path := self._made(name)).exists()}
        ran = run([str(HERE / "alike.py"), str(self.source), str(self.data), json.dumps(self.one.values), *map(str, made.values())])
        if ran.returncode:
            return outcome(ran)
        found = json.loads(ran.stdout)
        return {"rc": 0, "files": {name: found[str(path)] for name, path in made.items()}}

    def _made(self, name: str) -> Path:
        """The file that a part leaves."""
        return self.place / (f"{name}/model.onnx" if name in ("static", "dynamic") else f"{name}.onnx")

    def measure(self) -> dict[str, Any]:
        """Everything that was made beside the source, in one interleaved run, on the samples of the test split."""
        made = [self.place / name for name in ("static", "dynamic", "plain.onnx", "nncf.onnx")]
        opened = [str(path) for path in made if path.exists()]
        ran = self._thimble(
            "measure",
            str(self.source),
            *opened,
            "--data",
            f"npz:{self.data}",
            *self.numbers,
            "--threads",
            THREADS,
            "--seconds",
            "5s",
            "--json=raw",
        )
        return {**outcome(ran), "figures": figures(json.loads(ran.stdout)) if ran.returncode == 0 else {}}

    def fit(self) -> dict[str, Any]:
        out = self.place / "fit"
        shutil.rmtree(out, ignore_errors=True)
        ran = self._thimble(
            "fit", str(self.source), "--data", f"npz:{self.data}", *self.numbers, "--budget", FIT, "--threads", THREADS,
            "--max-drop", "5", "--out", str(out), "--json",
        )  # fmt: skip
        if ran.returncode not in (0, 3):
            return outcome(ran)
        study = json.loads((out / "study.json").read_text())
        from thimble.core.study import read_study
        from thimble.decide.summarize import summarize

        summary = summarize(read_study(out))
        row = next((row for row in summary.rows if row.name == study["chosen"]), None)
        speed = row.speedup.value if row and row.speedup else None
        return {"rc": ran.returncode, "chosen": study["chosen"], "mb": row.size_mb if row else None, "faster": speed,
                "tried": sum(c["status"] != "not tried" for c in study["candidates"])}  # fmt: skip

    def _applied(self, name: str, recipe: str) -> dict[str, Any]:
        command = [
            "apply",
            recipe,
            str(self.source),
            "--data",
            f"npz:{self.data}",
            *self.numbers,
            "--out",
            str(self.place / name),
            "--json",
        ]
        ran = self._thimble(*command, "--threads", THREADS)
        found = outcome(ran)
        if ran.returncode == 0:
            notes = json.loads(ran.stdout)["changes"][-1]["notes"]
            kept = ("quantized_operators", "float_operators", "float_operators_in_subgraphs", "left_in_float", "left_reason", "normalised")
            found["notes"] = {key: notes[key] for key in kept if key in notes}
        return found

    def _by(self, tool: str, name: str) -> dict[str, Any]:
        """The plain tool's file, kept only where ONNX Runtime opens it."""
        out = self.place / name
        ran = run([str(HERE / "plain.py"), tool, str(self.source), str(self.data), str(out), json.dumps(self.one.values)])
        found = outcome(ran)
        if ran.returncode == 0:
            opened = run(["-c", f"import onnxruntime; onnxruntime.InferenceSession({str(out)!r}, providers=['CPUExecutionProvider'])"])
            if opened.returncode:
                found = {"error": f"does not open: {last(opened.stderr)}"}
        if "error" in found:
            out.unlink(missing_ok=True)
        return found

    def _thimble(self, *words: str) -> subprocess.CompletedProcess[str]:
        return run(["-m", "thimble", *words])


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, its output as text; ended after `LIMIT_S`."""
    try:
        return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"took more than {LIMIT_S} s")


def outcome(ran: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Nothing where the command succeeded; else its last line, and whether it ended in a trace."""
    if ran.returncode == 0:
        return {"rc": 0}
    return {"rc": ran.returncode, "error": last(ran.stderr), "trace": "Traceback (most recent call last)" in ran.stderr}


def last(text: str) -> str:
    """The last line that says something, without this machine's folders."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1].replace(f"{CACHE}/", "").replace(str(Path.home()), "~")[:300] if lines else ""


def figures(study: dict[str, Any]) -> dict[str, Any]:
    """Of each member of a measurement: bytes, SQNR and agreement with the source, and the ratio of the times."""
    import msgspec

    from thimble.core.study import Study
    from thimble.decide.summarize import summarize

    made = msgspec.convert(study, Study)
    found = {}
    for row in summarize(made).rows:
        candidate = made.candidate(row.name)
        quality = candidate.quality.get("test")
        speed = row.speedup
        found[row.name] = {
            "bytes": candidate.size.bytes if candidate.size else None,
            "db": quality.sqnr_db if quality else None,
            "agreement": sum(quality.agreement) / len(quality.agreement) if quality and quality.agreement else None,
            "faster": [speed.value, speed.low, speed.high] if speed else None,
            "ms": row.latency_p50_ms.value if row.latency_p50_ms else None,
            "reason": candidate.reason,
        }
    return found


def inputs_of(path: Path, one: Shipped) -> list[tuple[str, tuple[int | None, ...], str]]:
    """Names, shapes and types of a file's inputs."""
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        places = Interpreter(model_path=str(path)).get_input_details()
        return [(place["name"], tuple(map(int, place["shape"])), place["dtype"].__name__) for place in places]
    if path.suffix != ".onnx":
        return [(name, shape, "float32") for name, shape in one.sizes.items()]
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    stored = {tensor.name for tensor in graph.initializer}
    found = []
    for value in graph.input:
        if value.name not in stored:
            tensor = value.type.tensor_type
            sizes = tuple(size.dim_value if size.dim_value > 0 else None for size in tensor.shape.dim)
            found.append((value.name, sizes, str(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))))
    return found


def sha256(path: Path) -> str:
    """The file's SHA-256, by which a reader knows that it is the same one."""
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help="Files whose name holds this, done again.")
    parser.add_argument("--without", action="append", default=[], choices=PARTS, help="A part to leave out.")
    parser.add_argument("--again", action="append", default=[], choices=PARTS, help="A part to do again, such as measure.")
    parser.add_argument("--table", action="store_true", help="Print the table of what is recorded, and do nothing else.")
    given = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    if given.table:
        print(printed({one.name: recorded(one) for one in FILES}, FILES))
        return
    os.environ.setdefault("THIMBLE_STORE", str(CACHE / "store"))
    for one in FILES:
        if given.only and not any(text in one.name for text in given.only):
            continue
        done = {} if given.only and not given.again else recorded(one)
        done = {part: found for part, found in done.items() if part not in given.again}
        try:
            Run(one, done).all([part for part in PARTS if part not in given.without])
        except (OSError, subprocess.CalledProcessError) as error:
            print(one.name, f"can't be fetched: {error}", flush=True)
            continue
        done["versions"] = {name: importlib.metadata.version(name) for name in ("onnxruntime", "onnx", "numpy")}
        (RESULTS / f"{one.name}.json").write_text(json.dumps(done, indent=1) + "\n")


def recorded(one: Shipped) -> dict[str, Any]:
    """The record of one file."""
    path = RESULTS / f"{one.name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


if __name__ == "__main__":
    main()
