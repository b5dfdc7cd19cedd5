"""Bad inputs that are made by the thousand, each with a limit of ten seconds and 2 GB. Run them with ``-m generated``."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

MOST_S = 10.0
LONGEST = 20_000
"""Characters of what a command prints, a page of help at most."""
LONGEST_LINE = 2_000
ADVICE = ("weights_only", "allow_pickle", "safe_globals")

settings.register_profile(
    "generated",
    max_examples=int(os.environ.get("THIMBLE_GENERATED", "150")),
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def _processor_s(pid: int) -> float:
    """Processor time that a process has used, in seconds."""
    words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Doors:
    """Puts inputs to the doors of a child process, which is started again where one ended it."""

    def __init__(self, place: Path) -> None:
        self.place, self.count, self.crashed = place, 0, 0
        self._child: subprocess.Popen[bytes] | None = None

    def put(self, door: str, native: bool = False, **content: Any) -> dict[str, Any]:
        """What came of the input. Fails where it is no answer in one line within the limits.

        Behind a ``native`` door are parsers in C++, which Thimble runs in a process of their own: one may crash.
        """
        self.count += 1
        child = self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps({"door": door, **content}).encode() + b"\n")
        child.stdin.flush()
        if not self._answers(child):
            self.stop()
            raise AssertionError(f"no answer within {MOST_S:g} s")
        line = child.stdout.readline()
        if not line:
            code = child.wait()
            self.stop()
            assert native, f"the process ended with {code}"
            self.crashed += 1
            return {"error": {"type": "crash", "text": str(code), "ours": True}, "printed": "", "seconds": 0.0}
        self._warm = True
        answer: dict[str, Any] = json.loads(line)
        self._check(answer)
        return answer

    _warm = False

    def _answers(self, child: subprocess.Popen[bytes]) -> bool:
        """Whether it answers within the limit, of processor time where the machine is busy: then it has a minute in all."""
        begun, used = time.monotonic(), _processor_s(child.pid)
        most = MOST_S if self._warm else 6 * MOST_S  # libraries are imported at the first one
        while not select.select([child.stdout], [], [], 0.5)[0]:
            spent = time.monotonic() - begun
            if spent > 6 * most or (spent > most and _processor_s(child.pid) - used > most):
                return False
        return True

    @staticmethod
    def _check(answer: dict[str, Any]) -> None:
        error = answer["error"]
        assert "Traceback" not in answer["printed"]
        texts = [answer["printed"]]
        if error is not None:
            assert error["ours"], f"{error['type']}: {error['text'][:500]}"
            assert "\n" not in error["text"]
            texts.append(error["text"])
        for text in texts:
            assert not any(word in text for word in ADVICE)
            assert len(text) < LONGEST
            assert max(map(len, text.split("\n"))) < LONGEST_LINE, text[:500]
        assert not any(ord(char) < 32 and char != "\n" for char in texts[0]), repr(texts[0][:500])

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._warm = False
            command = [sys.executable, str(Path(__file__).parent / "child.py"), str(self.place)]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        return self._child

    def stop(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
        self._child = None


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    made = Doors(tmp_path_factory.mktemp("doors"))
    yield made
    made.stop()
    print(f"\n{made.count} inputs were put to the doors; {made.crashed} crashed a parser in C++, in its own process")
