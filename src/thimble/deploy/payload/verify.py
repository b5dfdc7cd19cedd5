"""Prove that this bundle gives here what it gave where it was made: python verify.py

It checks the SHA-256 of every file, the runtime's version, the golden outputs and the quantized operators, and then measures
latency and memory with the worker that the study used. It writes verification.json and exits with 0; where something differs it
says what in one line and exits with 1. It needs Python 3.9 or newer, NumPy and the runtime of requirements.txt.

It is one file on purpose, though a long one: what proves a bundle must be read as a whole before it is trusted, and its check of
the other files may not depend on importing any of them.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import math
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "manifest.json"
RESULT = "verification.json"
FORMAT = 1
"""Version of the manifest that this script reads."""
QUANTIZED = re.compile(r"QLinear|Integer|QGemm|DynamicQuantize|QAttention|NBits|quantized::")
"""Operators that compute with quantized numbers."""
CODE = (".py", ".pyc", ".so", ".pyd")
ROUNDS, SLICE_MS, WARMUP_MS = 20, 60.0, 500.0
TIMEOUT_S = 600.0


class Differs(Exception):
    """The bundle does not give here what it gave where it was made; the text is one line that says what differs."""


@dataclass(frozen=True)
class Wish:
    """How to verify: ``threads`` None is the study's number; ``any_version`` accepts another version of the runtime.

    ``worker``, ``runtime``, ``processor`` and ``preprocess`` are files that take the place of the bundle's own: then none of its
    code is executed.
    """

    threads: int | None = None
    any_version: bool = False
    timing: bool = True
    worker: Path | None = None
    runtime: Path | None = None
    processor: Path | None = None
    preprocess: Path | None = None


@dataclass
class Bundle:
    """A bundle's folder with its manifest as plain values, and what is known of it so far."""

    folder: Path
    manifest: dict[str, Any]
    wish: Wish
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def artifact(self) -> dict[str, Any]:
        """The artifact's description: main file, inputs, outputs."""
        found: dict[str, Any] = self.manifest["artifact"]
        return found

    @property
    def threads(self) -> int:
        """Threads to measure with: those asked for, else the study's, at most the cores here."""
        return self.wish.threads or max(1, min(int(self.manifest["runtime"]["threads"]), cores()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the bundle that this script lies in; gives the exit code."""
    parser = argparse.ArgumentParser(description="Check this bundle's files and golden outputs, then measure latency and memory here.")
    parser.add_argument("--threads", type=int, metavar="N", help="threads to measure with (default: the study's)")
    parser.add_argument("--any-version", action="store_true", help="accept another version of the runtime")
    parser.add_argument("--no-timing", action="store_true", help="check files and outputs only")
    parser.add_argument("--json", action="store_true", help="print the report as JSON instead")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"where the result is written (default: {RESULT} beside this script)")
    given = parser.parse_args(arguments)
    if given.threads is not None and not 1 <= given.threads <= 1024:
        parser.error(f"--threads must be from 1 to 1024, not {given.threads}")
    sys.dont_write_bytecode = True
    folder = Path(__file__).resolve().parent
    try:
        report = verify(folder, Wish(given.threads, given.any_version, not given.no_timing))
    except Differs as error:
        write_result({"ok": False, "differs": str(error)}, given.out or folder / RESULT)
        print(f"verify: {error}", file=sys.stderr)
        return 1
    write_result(report, given.out or folder / RESULT)
    if given.json:
        print(json.dumps(report))
    for line in told(report) if not given.json else []:
        print(line)
    return 0


def verify(folder: Path, wish: Wish | None = None) -> dict[str, Any]:
    """Check everything in order and return the report; raises `Differs` at the first thing that differs."""
    bundle = Bundle(folder, read_manifest(folder), wish or Wish())
    check_files(folder, bundle.manifest)
    bundle.report |= {"ok": True, "bundle": bundle.manifest["name"], "files": len(bundle.manifest["files"])}
    check_version(bundle)
    check_preprocessing(bundle)
    bundle.report["device"] = device(bundle)
    with Channel(bundle) as channel:
        bundle.report["load_ms"], bundle.report["empty_mb"] = channel.open()
        check_golden(bundle, channel)
        check_operators(bundle, channel)
        if bundle.wish.timing:
            bundle.report["latency"] = latency(bundle, channel)
    return bundle.report


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest as plain values; raises `Differs` where it is absent, damaged, of another version, or names a file outside."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        names = [entry["path"] for entry in manifest["files"]]
        sizes = [int(entry["bytes"]) for entry in manifest["files"]]
        version = manifest["format"]
    except OSError as error:
        raise Differs(f"{folder} is not a bundle: {MANIFEST} can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Differs(f"{MANIFEST} is damaged: {type(error).__name__} {error}") from error
    if version != FORMAT:
        raise Differs(f"{MANIFEST} has format {version}; this verify.py reads format {FORMAT}")
    for name in names:
        if escapes(name) or not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise Differs(f"{MANIFEST} names {name!r}, which lies outside the bundle")
    if min(sizes, default=0) < 0 or len(set(names)) < len(names):
        raise Differs(f"{MANIFEST} is damaged: it lists a file twice, or with a negative size")
    return dict(manifest)


def escapes(name: object) -> bool:
    """Return whether a file's name is no plain relative path below the bundle's folder."""
    if not isinstance(name, str) or not name or "\0" in name or "\\" in name or name[1:2] == ":":
        return True
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or str(path) != name


def check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Raise `Differs` for a file that is missing, changed, or Python code that the manifest doesn't list."""
    listed = set()
    for entry in manifest["files"]:
        path = folder / entry["path"]
        listed.add(entry["path"])
        if path.is_symlink() or not path.is_file():
            raise Differs(f"{entry['path']} is missing")
        if path.stat().st_size != entry["bytes"]:
            raise Differs(f"{entry['path']} has {path.stat().st_size} bytes; the manifest says {entry['bytes']}")
        if sha256(path) != entry["sha256"]:
            raise Differs(f"{entry['path']} is changed: its SHA-256 is not the manifest's")
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in CODE and "__pycache__" not in path.parts and name not in listed:
            raise Differs(f"{name} is not in the manifest; code that is not part of the bundle could take a library's place")


def sha256(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_version(bundle: Bundle) -> None:
    """Raise `Differs` where the runtime or NumPy is absent, or the runtime's version is another one and that is not accepted."""
    runtime = bundle.manifest["runtime"]
    versions = {}
    for name in ("numpy", runtime["distribution"]):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            raise Differs(f"{name} is not installed; install it with: {sys.executable} -m pip install -r requirements.txt") from None
    bundle.report["versions"] = versions
    here, there = versions[runtime["distribution"]], runtime["version"]
    if here != there and not bundle.wish.any_version:
        raise Differs(
            f"{runtime['distribution']} is {here}, and the bundle was tried with {there}: install requirements.txt, "
            "or add --any-version to verify with this version"
        )


def check_golden(bundle: Bundle, channel: Channel) -> None:
    """Run every golden sample; raises `Differs` where an output is farther from the bundle's own than its tolerance."""
    import numpy as np

    golden = bundle.manifest["golden"]
    with np.load(bundle.folder / golden["file"], allow_pickle=False) as archive:
        held = {key: archive[key] for key in archive.files}
    largest: dict[str, float] = {}
    same = 0
    for i in range(golden["samples"]):
        inputs = {name: held[key][i : i + 1] for name, key in golden["inputs"].items()}
        outputs = channel.run(filled(inputs, golden["batch"]))
        for name, key in golden["outputs"].items():
            want, have = held[key][i], of_first(outputs.get(name), held[key][i].shape)
            if have is None:
                raise Differs(f"golden sample {i}: output {name!r} is missing or has another shape")
            off = difference(have, want)
            largest[name] = max(largest.get(name, 0.0), off)
            if not off <= golden["tolerance"][name]["absolute"]:
                limit = golden["tolerance"][name]["absolute"]
                raise Differs(f"golden sample {i}: output {name!r} differs by {off:.3g}; the tolerance is {limit:.3g}{cause(bundle)}")
        first = next(iter(golden["outputs"]))
        if first in golden["baseline"]:
            base = held[golden["baseline"][first]][i]
            mine = of_first(outputs[first], base.shape)
            same += mine is not None and int(np.argmax(mine)) == int(np.argmax(base))
    bundle.report["golden"] = {"samples": golden["samples"], "largest_difference": largest, "tolerance": golden["tolerance"]}
    if golden["baseline"]:
        bundle.report["golden"]["same_answer_as_baseline"] = same


def check_preprocessing(bundle: Bundle) -> None:
    """Preprocess the golden images; raises `Differs` where a value is more than one step of a pixel away from the golden input.

    Without images or without Pillow nothing is checked.
    """
    images, preprocess = bundle.manifest["golden"]["images"], bundle.artifact["preprocess"]
    if not images or not preprocess or importlib.util.find_spec("PIL") is None:
        return
    import numpy as np
    from PIL import Image, __version__

    read = load(bundle.wish.preprocess or bundle.folder / "preprocess.py", "bundle_preprocess").Preprocess(**preprocess)
    key = next(iter(bundle.manifest["golden"]["inputs"].values()))
    with np.load(bundle.folder / bundle.manifest["golden"]["file"], allow_pickle=False) as archive:
        wanted = archive[key]
    step = 1.0 if preprocess["dtype"] == "uint8" else preprocess["scale"] / 255 / min(preprocess["std"])
    largest = 0.0
    for i, name in enumerate(images):
        with Image.open(bundle.folder / name) as image:
            largest = max(largest, difference(read(image), wanted[i]))
        if not largest <= 1.001 * step:
            raise Differs(f"{name}: Pillow {__version__} gives an input that differs by {largest:.3g}; one step of a pixel is {step:.3g}")
    bundle.report["preprocessing"] = {"images": len(images), "largest_difference": largest, "pillow": __version__}


def filled(inputs: dict[str, Any], batch: int | None) -> dict[str, Any]:
    """One sample, repeated where the artifact insists on a larger batch."""
    import numpy as np

    return {name: np.repeat(array, batch, axis=0) for name, array in inputs.items()} if batch and batch > 1 else inputs


def of_first(array: Any, shape: tuple[int, ...]) -> Any:
    """The output that belongs to the first sample of a batch; ``None`` where it hasn't this shape."""
    if array is None:
        return None
    one = array[0] if array.ndim and array.shape[1:] == shape else array
    return one if one.shape == shape else None


def difference(have: Any, want: Any) -> float:
    """The largest absolute difference; infinite where one of the two isn't finite and the other is."""
    import numpy as np

    one, other = have.astype(np.float64), want.astype(np.float64)
    if (np.isfinite(one) != np.isfinite(other)).any():
        return math.inf
    gap = np.abs(one - other)[np.isfinite(one)]
    return float(gap.max()) if gap.size else 0.0


def cause(bundle: Bundle) -> str:
    """The end of a sentence that names a likely cause of other outputs: the processor, or the runtime's version."""
    made, here = bundle.manifest["made_on"], bundle.report["device"]
    if bundle.manifest["int8"] and here["int8"] == "saturating" and made["int8"] != "saturating":
        return f"; this processor ({here['processor']}) adds 8-bit products in 16 bits, which saturates, and the maker's did not"
    runtime = bundle.manifest["runtime"]
    version = bundle.report["versions"][runtime["distribution"]]
    if version != runtime["version"]:
        return f"; {runtime['distribution']} is {version} here, and was {runtime['version']}"
    return f"; made on {made['processor']}, run on {here['processor']}"


def check_operators(bundle: Bundle, channel: Channel) -> None:
    """Raise `Differs` where quantized operators of the maker's machine don't run here: the runtime fell back in silence."""
    wanted = [name for name in bundle.manifest["operators"] if QUANTIZED.search(name)]
    if not wanted:
        return
    here = channel.operators()
    if here is None:
        return
    bundle.report["operators"] = sorted(here)
    if not any(QUANTIZED.search(name) for name in here):
        raise Differs(f"no quantized operator runs here ({', '.join(sorted(here))}); the maker's machine ran {', '.join(wanted)}")


def latency(bundle: Bundle, channel: Channel) -> dict[str, Any]:
    """Rounds of inferences of the first golden sample, in ms, after a warm-up; their p50 and p95, and peak memory in MB."""
    channel.ask({"do": "bind"}, channel.sample)
    before = heat()
    first = channel.ask({"do": "time", "count": 3, "settle_ms": WARMUP_MS})["samples_ms"]
    count = max(1, min(200, round(SLICE_MS / max(1e-3, sorted(first)[1]))))
    rounds = [channel.ask({"do": "time", "count": count, "settle_ms": 5.0})["samples_ms"] for _ in range(ROUNDS)]
    times = sorted(ms for turn in rounds for ms in turn)
    memory = channel.ask({"do": "memory"})
    return {
        "p50_ms": times[len(times) // 2],
        "p95_ms": times[min(len(times) - 1, math.ceil(0.95 * len(times)) - 1)],
        "inferences": len(times),
        "threads": bundle.threads,
        "peak_mb": memory["peak_mb"],
        "before": before,
        "after": heat(),
        "rounds_ms": rounds,
    }


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def device(bundle: Bundle) -> dict[str, Any]:
    """What this machine is: processor, its instruction sets, cores, system, Python."""
    read = load(bundle.wish.processor or bundle.folder / "processor.py", "bundle_processor")
    return {
        "machine": platform.node() or "unknown",
        "processor": read.processor_name(),
        "features": list(read.features()),
        "int8": read.int8_support(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "emulated": emulated(),
    }


def emulated() -> bool:
    """Return whether a user-mode emulator runs this process: then times say nothing about a processor."""
    try:
        return b"qemu" in Path("/proc/self/maps").read_bytes()[:200_000] or "qemu" in os.environ.get("THIMBLE_EMULATED", "")
    except OSError:
        return False


def heat() -> dict[str, float]:
    """The hottest thermal zone in degrees Celsius and the highest clock in MHz, where the system tells them."""
    zones = [number(path) / 1000 for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    clocks = [number(path) / 1000 for path in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    found = {"celsius": max(zones, default=0.0), "mhz": max(clocks, default=0.0), "at_s": round(time.time(), 1)}
    return {name: value for name, value in found.items() if value > 0}


def number(path: Path) -> float:
    """The number in a small file of the system; 0 where there is none."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0


def load(file: Path, name: str) -> Any:
    """A Python file as a module."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise Differs(f"{file.name} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Channel:
    """The worker's process and its requests; ends with the block. Raises `Differs` where the worker answers an error or ends."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, folder = bundle, bundle.folder
        runtime = bundle.manifest["runtime"]
        file = bundle.wish.worker or folder / "worker.py"
        self.worker = load(file, "bundle_worker")
        setup = {"runtime": str(bundle.wish.runtime or folder / runtime["file"]), "class": runtime["class_name"], "threads": bundle.threads}
        command = [sys.executable, "-B", str(file), json.dumps(setup)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.sample: dict[str, Any] = {}

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()

    def open(self) -> tuple[float, float]:
        """Import the runtime and open the artifact; gives the milliseconds of opening and the empty runtime's MB."""
        artifact, runtime = self.bundle.artifact, self.bundle.manifest["runtime"]
        empty = self.ask({"do": "load", "format": artifact["format"]})["rss_mb"]
        request = {
            "do": "open",
            "path": str(self.bundle.folder / "model" / artifact["main"]),
            "inputs": [one["name"] for one in artifact["inputs"]],
            "outputs": artifact["outputs"],
            "threads": self.bundle.threads,
            "options": runtime["options"],
        }
        return float(self.ask(request)["ms"]), float(empty or 0.0)

    def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs by name for inputs by name."""
        self.sample = self.sample or inputs
        outputs: dict[str, Any] = self.ask({"do": "run"}, inputs)["outputs"]
        return outputs

    def operators(self) -> dict[str, float] | None:
        """Milliseconds by operator type of the first golden sample; ``None`` where the runtime doesn't tell."""
        found: dict[str, float] | None = self.ask({"do": "operators"}, self.sample)["ms"]
        return found

    def ask(self, request: dict[str, Any], tensors: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send one request and return its answer, tensors as ``outputs``."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            for part in self.worker.encoded({**request, "timeout_s": TIMEOUT_S}, tensors or {}):
                self.process.stdin.write(part)
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            answer: dict[str, Any] = json.loads(line)
            answer["outputs"] = self.worker.read_tensors(self.process.stdout, answer.pop("tensors", []))
        except (OSError, EOFError, ValueError):
            raise Differs(f"the worker ended with status {self.process.wait()} at {request['do']!r}") from None
        if "error" in answer:
            title, main = self.bundle.manifest["runtime"]["title"], self.bundle.artifact["main"]
            raise Differs(f"{title} can't {request['do']} {main}: {answer['error']}")
        return answer


def write_result(report: Mapping[str, Any], path: Path) -> None:
    """Write the report as JSON; a folder that can't be written is said on standard error."""
    try:
        path.write_text(json.dumps(report, indent=1) + "\n")
    except OSError as error:
        print(f"verify: can't write {path}: {error.strerror}", file=sys.stderr)


def told(report: Mapping[str, Any]) -> list[str]:
    """The report in a few lines for people."""
    golden = report["golden"]
    off = ", ".join(
        f"{name} {value:.2g} of {golden['tolerance'][name]['absolute']:.2g}" for name, value in golden["largest_difference"].items()
    )
    lines = [f"{report['bundle']}: {report['files']} files unchanged, {golden['samples']} golden samples hold"]
    lines.append(f"largest difference, of what is tolerated: {off}")
    if "latency" in report and not report["device"]["emulated"]:
        had = report["latency"]
        memory = f", {had['peak_mb'] - report['empty_mb']:.1f} MB above the empty runtime" if had["peak_mb"] else ""
        lines.append(
            f"p50 {had['p50_ms']:.3g} ms, p95 {had['p95_ms']:.3g} ms, {had['threads']} threads, {had['inferences']} inferences{memory}"
        )
    elif "latency" in report:
        lines.append("this processor is emulated: its times say nothing about a device")
    return lines


if __name__ == "__main__":
    sys.exit(main())
