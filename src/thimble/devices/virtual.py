"""The script that makes a virtual environment on a device, in a folder of its own: python virtual.py SETUP

SETUP is JSON ``{"requirements": ["numpy==2.4.6", ...]}``. It needs the standard library only. It prints lines of JSON: ``{say}`` what
it does now, at last ``{python}`` the Python that has everything, or ``{error}``. The end of its input ends it, and what it started.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

NOTE = "made-by-thimble.txt"
CHECK = "import importlib.metadata as m, json, sys; print(json.dumps([m.version(name) for name in json.loads(sys.argv[1])]))"
PIP = (
    *("--disable-pip-version-check", "--no-input", "--no-cache-dir", "--progress-bar=off"),
    *("--only-binary=:all:", "--retries=1", "--timeout=20"),
)
"""Nothing is compiled there, which takes hours on a board, and a missing network is noticed soon."""


class Fails(Exception):
    """The environment can't be made; the text is one line."""


def main(requirements: list[str]) -> str:
    """Return the Python that has all requirements: this one, or that of the virtual environment, made or completed where needed."""
    if has(sys.executable, requirements):
        return sys.executable
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "thimble" / "device"
    python = base / "venv" / "bin" / "python"
    if base.exists() and not (base / NOTE).is_file():
        raise Fails(f"{base} was not made by Thimble: move it away")
    base.mkdir(parents=True, exist_ok=True)
    (base / NOTE).write_text("Thimble made this folder with --install. It can be deleted.\n")
    with alone(base / "lock"):
        if not has(str(python), []):
            say(f"making a virtual environment in {base / 'venv'}")
            shutil.rmtree(base / "venv", ignore_errors=True)
            made = run([sys.executable, "-m", "venv", str(base / "venv")])
            if made.returncode or not has(str(python), []):
                hint = "install it there, on Debian with: apt-get install python3-venv"
                raise Fails(f"Python there can't make a virtual environment ({last(made)}); {hint}")
        if has(str(python), requirements):
            say(f"using the virtual environment in {base / 'venv'}")
        else:
            say(f"installing {' '.join(requirements)} in {base / 'venv'}")
            done = run([str(python), "-m", "pip", "install", *PIP, *requirements])
            if done.returncode:
                raise Fails(
                    f"pip can't install {' '.join(requirements)} there: {last(done)}. Is there a network, and a wheel for its processor?"
                )
    return str(python)


def has(python: str, requirements: list[str]) -> bool:
    """Whether a Python runs, and has these distributions in these versions."""
    names = [one.partition("==")[0] for one in requirements]
    try:
        done = subprocess.run([python, "-c", CHECK, json.dumps(names)], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and json.loads(done.stdout) == [one.partition("==")[2] for one in requirements]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """A command's end; it has no input, and ends with this process."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        STARTED.append(process.pid)
        words = process.communicate()[0]
        STARTED.clear()
    return subprocess.CompletedProcess(command, process.returncode, words)


STARTED: list[int] = []


def last(done: subprocess.CompletedProcess[str]) -> str:
    """What a command said of its failure: its first error, else its last line."""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line.partition("ERROR:")[2].strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines[-1:] or [f"status {done.returncode}"])[0][:300].rstrip(".")


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock that the system gives back however this process ends."""
    import fcntl

    with path.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def say(words: str) -> None:
    """Tell what is done now."""
    print(json.dumps({"say": words}), flush=True)


def end_with_input() -> None:
    """End this process and what it started when the other end of its input is gone."""

    def wait() -> None:
        sys.stdin.buffer.read()
        for pid in STARTED:
            with contextlib.suppress(OSError):
                os.killpg(pid, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    end_with_input()
    try:
        print(json.dumps({"python": main(json.loads(sys.argv[1])["requirements"])}), flush=True)
    except (Fails, OSError) as error:
        print(json.dumps({"error": str(error)}), flush=True)
