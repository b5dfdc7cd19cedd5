"""Whatever ends the process, the command ends in one line and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CODE = """
import ctypes
import os
import time


def crash():
    ctypes.string_at(0)


def leave():
    os._exit(3)


def wait():
    print("waiting", flush=True)
    time.sleep(60)


def stubborn():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass
"""
COMMAND = [sys.executable, "-m", "thimble"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "net.py").write_text(CODE)
    return {**os.environ, "THIMBLE_STORE": str(tmp_path / "store"), "TMPDIR": str(tmp_path)}


def run(*words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, env=environment, check=False, timeout=120)


@pytest.mark.parametrize(("name", "code", "said"), [("crash", 139, "was ended by SIGSEGV"), ("leave", 3, "with exit code 3 before")])
def test_a_model_that_ends_the_process_is_told_as_that(
    name: str, code: int, said: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    done = run("measure", f"{tmp_path / 'net.py'}:{name}", environment=environment)
    lines = [line for line in done.stderr.splitlines() if "%" not in line]
    assert (done.returncode, len(lines)) == (code, 1)
    assert said in lines[0]


def test_a_model_that_catches_everything_is_ended(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run(
        "fit",
        f"{tmp_path / 'net.py'}:stubborn",
        "--data",
        "digits",
        "--budget",
        "4s",
        "--out",
        str(tmp_path / "s"),
        environment=environment,
    )
    assert done.returncode == 128 + signal.SIGALRM
    assert "caught every attempt to end it" in done.stderr.splitlines()[-1]


def test_exit_codes_come_through(environment: dict[str, str]) -> None:
    assert run("--version", environment=environment).returncode == 0
    done = run("measure", "nothing", environment=environment)
    assert (done.returncode, "is not an artifact" in done.stderr) == (2, True)


def _hang_up_counts() -> None:
    """Tests that were started by nohup hand an ignored SIGHUP down."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGKILL])
def test_signals_end_the_command_and_its_children(number: signal.Signals, tmp_path: Path, environment: dict[str, str]) -> None:
    command = [*COMMAND, "measure", f"{tmp_path / 'net.py'}:wait"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, preexec_fn=_hang_up_counts
    )
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    assert process.wait(20) == (128 + number if number != signal.SIGKILL else -number)
    begun = time.monotonic()
    assert process.stdout.read() == ""  # no child holds the pipe any more
    assert time.monotonic() - begun < 10
    said = process.stderr.read()
    assert ("interrupted" in said, "Traceback" in said) == (number != signal.SIGKILL, False)
    assert number == signal.SIGKILL or not list(tmp_path.glob("*thimble-*/"))


def test_what_nohup_ignores_stays_ignored(tmp_path: Path, environment: dict[str, str]) -> None:
    command = ["nohup", *COMMAND, "measure", f"{tmp_path / 'net.py'}:wait"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM


def test_a_reader_that_leaves_is_no_error() -> None:
    done = subprocess.run(f"{sys.executable} -m thimble list steps | head -1", shell=True, capture_output=True, text=True, check=False)
    assert "before the command was done" not in done.stderr
