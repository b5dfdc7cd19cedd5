"""A runtime that does what its artifact says: takes a given time, fails, prints, hangs. It opens ``model.json``."""

import json
import os
import signal
import sys
import time
from pathlib import Path


class Scripted:
    title = "Scripted"
    formats = ("scripted",)
    needs = ("json",)
    extra = None
    distribution = "thimble"

    def load(self, format):
        pass

    def open(self, path, inputs, outputs, threads, options):
        return ScriptedSession(json.loads(Path(path).read_text()), inputs, outputs, threads)


class ScriptedSession:
    """``ms`` an inference takes, ``grow`` times as long each time; ``after`` so many inferences, ``do`` what is named."""

    def __init__(self, script, inputs, outputs, threads):
        self.script, self.inputs, self.outputs, self.threads = script, inputs, outputs, threads
        self.count = 0
        print("a library greets")
        os.write(1, b"from its native part too\n")
        if "open_error" in script:
            raise ValueError(script["open_error"])

    def run(self, inputs):
        import numpy as np

        self._work()
        first = inputs[self.inputs[0]].astype("float32")
        if self.script.get("nan"):
            first = first * float("nan")
        told = {
            "threads": os.environ["OMP_NUM_THREADS"],
            "cores": len(os.sched_getaffinity(0)),
            "thimble": "thimble" in sys.modules,
        }
        scaled = first * self.script.get("gain", 1)
        return {name: np.asarray([told[name]], "float32") if name in told else scaled for name in self.outputs}

    def _work(self):
        self.count += 1
        until = time.perf_counter_ns() + 1e6 * (self.script.get("ms", 0.1) * self.script.get("grow", 1) ** self.count)
        if self.count > self.script.get("after", 0) and (do := self.script.get("do")):
            getattr(self, do)()
        while time.perf_counter_ns() < until:
            pass

    def crash(self):
        print("last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)

    def hang(self):
        time.sleep(1000)

    def fail(self):
        raise RuntimeError("\n  it broke\nand this is the rest")

    def close(self):
        pass
