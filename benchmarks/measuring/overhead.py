"""How much of a core does the parent use while a worker measures? ``python benchmarks/measuring/overhead.py``.

The bar is 2 %: a parent that spins is measured with what it measures. The whole run is looked at (opening aside), and
the time inside one long request, in which the parent has nothing to do but wait.
"""

from __future__ import annotations

import sys
import time

from record import record

from models import subjects
from thimble.core.sampling import Sampling
from thimble.devices.process import Worker
from thimble.measure.latency import measure_latency

if __name__ == "__main__":
    found, image = subjects(("baseline", "onnx", "onnx-int8-static"))
    lines = ["| what | seconds | processor time of the parent, seconds | share of a core % |", "| --- | ---: | ---: | ---: |"]
    figures = {}

    def tell(what: str, seconds: float, used: float) -> None:
        figures[what] = {"seconds": seconds, "used": used}
        lines.append(f"| {what} | {seconds:.1f} | {used:.3f} | {100 * used / seconds:.2f} |")

    with Worker(found["onnx"]) as worker:
        worker.bind(image)
        one_ms = worker.time(20)[-1]
        began, used = time.perf_counter(), time.process_time()
        worker.time(int(5000 / one_ms), keep=100)
        tell("waiting for one worker", time.perf_counter() - began, time.process_time() - used)
    marks: list[tuple[float, float]] = []
    measure_latency(
        list(found.values()), image, Sampling(rounds=40), lambda done, words: marks.append((time.perf_counter(), time.process_time()))
    )
    rounds = marks[len(found) :]  # after the warm-ups
    tell("40 rounds of three artifacts", rounds[-1][0] - rounds[0][0], rounds[-1][1] - rounds[0][1])
    share = max(100 * each["used"] / each["seconds"] for each in figures.values())
    sys.exit(record("overhead", lines, figures, [(f"the parent uses {share:.2f} % of a core (bar: less than 2)", share < 2)], keep=True))
