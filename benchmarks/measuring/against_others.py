"""Do other honest timers see the same latency? ``python benchmarks/measuring/against_others.py``.

Our worker and the other timer hold the same artifact in a process each, on the same core, and take turns in one run of
rounds: ``torch.utils.benchmark`` for PyTorch, and a bare loop around ``InferenceSession.run`` for ONNX Runtime. The bar:
the interval of the ratio meets [0.95, 1.05].
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from record import record

from models import subjects
from thimble.devices.lock import measuring_lock
from thimble.devices.process import Worker
from thimble.devices.processor import cores_for, wait_until_idle
from thimble.stats import ratio_interval

COUNT = 20
ROUNDS = 60


def serve(kind: str, path: str, threads: int) -> None:
    """The other timer's process: for every line on stdin, one line with the mean ms of ``COUNT`` inferences."""
    os.sched_setaffinity(0, cores_for(threads))
    image = np.load(sys.stdin.buffer.readline().decode().strip())
    measure = torch_timer(path, image, threads) if kind == "torch" else bare_loop(path, image, threads)
    measure()
    print("ready", flush=True)
    for _ in sys.stdin.buffer:
        print(measure(), flush=True)


def torch_timer(path, image, threads):
    import torch
    from torch.utils.benchmark import Timer

    module = torch.export.load(path).module()
    timer = Timer(
        "with torch.inference_mode(): module(x)",
        globals={"torch": torch, "module": module, "x": torch.from_numpy(image)},
        num_threads=threads,
    )
    return lambda: 1000 * timer.timeit(COUNT).mean


def bare_loop(path, image, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def measure():
        began = time.perf_counter()
        for _ in range(COUNT):
            session.run(None, {name: image})
        return 1000 * (time.perf_counter() - began) / COUNT

    return measure


def rounds_of(subject, other, image, count):
    """Means of both in interleaved rounds."""

    def ours():
        with_ms = worker.time(COUNT)
        wait_until_idle(worker.pid)
        return sum(with_ms) / len(with_ms)

    def theirs():
        other.stdin.write("go\n")
        other.stdin.flush()
        found = float(other.stdout.readline())
        wait_until_idle(other.pid)
        return found

    generator, pairs = random.Random(0), []
    with Worker(subject) as worker:
        worker.bind(image)
        for _ in range(3):
            ours(), theirs()
        for _ in range(count):
            turn = {}
            for timer in generator.sample([ours, theirs], 2):
                turn[timer.__name__] = timer()
            pairs.append(turn)
    return pairs


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    found, image = subjects(("baseline", "onnx", "onnx-int8-static"), asked.threads)
    place = Path("/tmp") / f"thimble-image-{os.getpid()}.npy"
    np.save(place, next(iter(image.values())))
    lines = [
        "| artifact | other timer | ours ms | theirs ms | theirs / ours (95 %) |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    figures, bars = {}, []
    for name, subject in found.items():
        kind = "torch" if subject.runtime == "pytorch" else "loop"
        command = [sys.executable, __file__, "--serve", kind, str(subject.folder / subject.artifact.main), str(asked.threads)]
        environment = {**os.environ, "OMP_NUM_THREADS": str(asked.threads)}
        with (
            measuring_lock(),
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as other,
        ):
            other.stdin.write(f"{place}\n")
            other.stdin.flush()
            assert other.stdout.readline() == "ready\n"
            pairs = rounds_of(subject, other, image, asked.rounds)
            other.stdin.close()
        ratio = ratio_interval([[pair["theirs"]] for pair in pairs], [[pair["ours"]] for pair in pairs])
        ours, theirs = (np.median([pair[key] for pair in pairs]) for key in ("ours", "theirs"))
        timer = "torch.utils.benchmark" if kind == "torch" else "a bare loop"
        lines.append(f"| `{name}` | {timer} | {ours:.2f} | {theirs:.2f} | {ratio.value:.3f} ({ratio.low:.3f}-{ratio.high:.3f}) |")
        print(lines[-1], flush=True)
        figures[name] = pairs
        meets = ratio.low <= 1.05 and ratio.high >= 0.95
        bars.append((f"`{name}`: the ratio's interval, {ratio:.3f}, meets the bar (0.95 to 1.05)", meets))
    place.unlink()
    sys.exit(record("against_others", lines, figures, bars, keep=asked.rounds >= ROUNDS))
