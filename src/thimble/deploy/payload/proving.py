"""Compute with a bundle's artifact: golden samples, preprocessing, operators, latency and memory on this machine.

`verify.py` loads this file once every file of the bundle has the manifest's SHA-256. It needs Python 3.9 or newer, NumPy and the runtime.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thimble.deploy.payload.verify import Bundle

QUANTIZED = re.compile(r"QLinear|Integer|QGemm|DynamicQuantize|QAttention|NBits|quantized::")
"""Operators that compute with quantized numbers."""
ROUNDS, SLICE_MS, WARMUP_MS = 20, 60.0, 500.0
TIMEOUT_S = 600.0


class Fails(Exception):
    """Something computed here differs from what the manifest says; the text is one line that says what."""


def prove(bundle: Bundle) -> None:
    """Make every check that computes, and put what was found into the bundle's report; raises `Fails` at the first thing that differs."""
    check_preprocessing(bundle)
    bundle.report["device"] = device(bundle)
    with Channel(bundle) as channel:
        bundle.report["load_ms"], bundle.report["empty_mb"] = channel.open()
        check_golden(bundle, channel)
        check_operators(bundle, channel)
        if bundle.wish.timing:
            bundle.report["latency"] = latency(bundle, channel)


def check_golden(bundle: Bundle, channel: Channel) -> None:
    """Run every golden sample; raises `Fails` where an output is farther from the bundle's own than its tolerance."""
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
                raise Fails(f"golden sample {i}: output {name!r} is missing or has another shape")
            off = difference(have, want)
            largest[name] = max(largest.get(name, 0.0), off)
            if not off <= golden["tolerance"][name]["absolute"]:
                limit = golden["tolerance"][name]["absolute"]
                raise Fails(f"golden sample {i}: output {name!r} differs by {off:.3g}; the tolerance is {limit:.3g}{cause(bundle)}")
        first = next(iter(golden["outputs"]))
        if first in golden["baseline"]:
            base = held[golden["baseline"][first]][i]
            mine = of_first(outputs[first], base.shape)
            same += mine is not None and int(np.argmax(mine)) == int(np.argmax(base))
    bundle.report["golden"] = {"samples": golden["samples"], "largest_difference": largest, "tolerance": golden["tolerance"]}
    if golden["baseline"]:
        bundle.report["golden"]["same_answer_as_baseline"] = same


def check_preprocessing(bundle: Bundle) -> None:
    """Preprocess the golden images; raises `Fails` where a value is more than one step of a pixel away from the golden input.

    Without images or without Pillow nothing is checked.
    """
    images, preprocess = bundle.manifest["golden"]["images"], bundle.artifact["preprocess"]
    if not images or not preprocess or importlib.util.find_spec("PIL") is None:
        return
    import numpy as np
    from PIL import Image, __version__

    read = bundle.module("preprocess").Preprocess(**preprocess)
    key = next(iter(bundle.manifest["golden"]["inputs"].values()))
    with np.load(bundle.folder / bundle.manifest["golden"]["file"], allow_pickle=False) as archive:
        wanted = archive[key]
    step = 1.0 if preprocess["dtype"] == "uint8" else preprocess["scale"] / 255 / min(preprocess["std"])
    largest = 0.0
    for i, name in enumerate(images):
        with Image.open(bundle.folder / name) as image:
            largest = max(largest, difference(read(image), wanted[i]))
        if not largest <= 1.001 * step:
            raise Fails(f"{name}: Pillow {__version__} gives an input that differs by {largest:.3g}; one step of a pixel is {step:.3g}")
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
    """Raise `Fails` where quantized operators of the maker's machine don't run here: the runtime fell back in silence."""
    wanted = [name for name in bundle.manifest["operators"] if QUANTIZED.search(name)]
    if not wanted:
        return
    here = channel.operators()
    if here is None:
        return
    bundle.report["operators"] = sorted(here)
    if not any(QUANTIZED.search(name) for name in here):
        raise Fails(f"no quantized operator runs here ({', '.join(sorted(here))}); the maker's machine ran {', '.join(wanted)}")


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


def device(bundle: Bundle) -> dict[str, Any]:
    """What this machine is: processor, its instruction sets, cores, system, Python."""
    read = bundle.module("processor")
    return {
        "machine": platform.node() or "unknown",
        "processor": read.processor_name(),
        "features": list(read.features()),
        "int8": read.int8_support(),
        "cores": bundle.cores,
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


class Channel:
    """The worker's process and its requests; ends with the block. Raises `Fails` where the worker answers an error or ends."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle, folder = bundle, bundle.folder
        runtime = bundle.manifest["runtime"]
        self.worker = bundle.module("worker")
        setup = {"runtime": str(bundle.wish.runtime or folder / runtime["file"]), "class": runtime["class_name"], "threads": bundle.threads}
        command = [sys.executable, "-B", str(self.worker.__file__), json.dumps(setup)]
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
            raise Fails(f"the worker ended with status {self.process.wait()} at {request['do']!r}") from None
        if "error" in answer:
            title, main = self.bundle.manifest["runtime"]["title"], self.bundle.artifact["main"]
            raise Fails(f"{title} can't {request['do']} {main}: {answer['error']}")
        return answer
