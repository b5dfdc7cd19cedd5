"""A board over ssh, tested against a real OpenSSH server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thimble.core.errors import BadInput, Busy, CannotWrite, RuntimeFailed, ThimbleError
from thimble.core.sampling import Sampling
from thimble.core.subject import Subject
from thimble.devices import device, environment_of, machine_of, names, remote, reserve, start
from thimble.devices.kinds.ssh import Ssh, close_connections
from thimble.measure import rounds
from thimble.measure.latency import measure_latency

sys.path.append(str(Path(__file__).parent))
from server import USABLE, WHY, Server

pytestmark = pytest.mark.skipif(not USABLE, reason=WHY)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("ssh"))
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _whatever_else_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every sample: these tests look at no times that a busy machine would change."""
    monkeypatch.setattr(rounds, "undisturbed", lambda taken, *_: tuple(taken.samples_ms))


@pytest.fixture
def board(running: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("PATH", f"{running.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    running.configure()
    yield running
    close_connections()


def gone(ask: Callable[[], object], seconds: float = 10) -> bool:
    """Whether what is asked for is nothing before long."""
    until = time.monotonic() + seconds
    while ask() and time.monotonic() < until:
        time.sleep(0.1)
    return not ask()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_it_describes_itself_places_runs_and_leaves_nothing(board: Server, onnx_subject: Subject, image: dict[str, Any]) -> None:
    conditions = environment_of(["onnxruntime"], board.address)
    assert conditions.cores >= 1
    assert conditions.versions["onnxruntime"]
    assert conditions.comparable == environment_of(["onnxruntime"]).comparable
    placed = device(board.address).start(replace(onnx_subject, device=board.address))
    with placed as worker, start(onnx_subject) as here:
        there, ours = worker.run(image), here.run(image)
        for name in ours:
            np.testing.assert_allclose(there[name], ours[name], rtol=1e-5)
        assert alive(worker.pid)
        pid = worker.pid
        assert board.left()
    assert gone(lambda: alive(pid))
    close_connections()
    assert gone(board.left)


def test_members_are_interleaved_on_the_board(board: Server, scripted: Callable[..., Subject], image: dict[str, Any]) -> None:
    subjects = [replace(scripted(name, ms=ms), device=board.address) for name, ms in (("fast", 1), ("slow", 3))]
    run = measure_latency(subjects, image, Sampling(rounds=5))
    assert len(run.rounds) == 5
    assert all(set(turn.samples_ms) == {"fast", "slow"} for turn in run.rounds)
    assert len({turn.order for turn in run.rounds}) > 1
    assert all(turn.others_load is not None for turn in run.rounds)
    for name, least in (("fast", 1), ("slow", 3)):
        assert min(ms for turn in run.rounds for ms in turn.samples_ms[name]) >= least
    assert run.environment.processor


def test_types_are_chosen_for_the_boards_machine(board: Server) -> None:
    machine = machine_of(board.address)
    assert not machine.local
    assert machine.cores() >= 1
    assert machine.available_memory_mb()
    cores = machine.watched(1)
    assert cores
    assert machine.load([], cores).busy


@pytest.mark.parametrize(
    ("key", "host", "said"), [("user", "other", "Host key verification failed"), ("other", "host", "Permission denied")]
)
def test_a_wrong_key_is_one_line(board: Server, key: str, host: str, said: str) -> None:
    board.configure(key, host)
    with pytest.raises(BadInput, match=f"ssh can't reach ssh://127.0.0.1:{board.port}.*{said}") as caught:
        environment_of(name=board.address)
    assert "\n" not in str(caught.value)


def test_nobody_listens(board: Server) -> None:
    from server import free_port

    with pytest.raises(BadInput, match="Connection refused"):
        environment_of(name=f"ssh://127.0.0.1:{free_port()}")


def test_no_python(board: Server) -> None:
    with pytest.raises(BadInput, match=r"there is no /nowhere/bin/python on ssh://.*: install python3 there"):
        environment_of(name=f"ssh://127.0.0.1:{board.port}/nowhere")


def test_no_runtime(board: Server, scripted: Callable[..., Subject]) -> None:
    made = replace(scripted(), runtime="absent", device=board.address)
    with (
        pytest.raises(BadInput, match=r"is not installed on ssh://.*; install it there with: .*python.* -m pip install numpy"),
        start(made),
    ):
        pass


def test_no_space(board: Server) -> None:
    small = board.folder / "python-small"
    small.write_text(f'#!/bin/sh\nulimit -f 100\nexec {sys.executable} "$@"\n')  # the system then refuses to write more, as on a full disk
    small.chmod(0o755)
    connection = Ssh(f"127.0.0.1:{board.port}{small}").connection
    with pytest.raises(CannotWrite, match=r"ssh://.* can't put large: (File too large|No space left on device)"):
        connection.put("large", b"1" * 1_000_000)
    assert connection.ask("describe", names=[])["cores"]  # what was refused leaves the connection usable


def test_another_measuring_run_there(board: Server) -> None:
    lock = board.folder / "there" / "thimble-measuring.lock"
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
    code += "f.write('4711'); f.flush(); print(); sys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout
    assert other.stdin
    other.stdout.readline()
    with pytest.raises(Busy, match=r"process 4711\) holds ssh://"), Ssh(board.address.removeprefix("ssh://")).connection.reserved(0.5):
        pass
    other.stdin.close()
    other.wait()
    other.stdout.close()
    with reserve(board.address), reserve(board.address):
        pass


def test_a_cut_connection_is_one_line_and_leaves_nothing_there(
    board: Server, scripted: Callable[..., Subject], image: dict[str, Any]
) -> None:
    subject = replace(scripted(ms=300), device=board.address)
    worker = start(subject)
    worker.open()
    pid = worker.pid
    assert board.left()
    for session in board.sessions():
        os.kill(session, signal.SIGKILL)
    with pytest.raises(ThimbleError, match=r"the connection to ssh://.* was lost|Connection .*closed|can't reach"):
        worker.run(image)
    assert gone(lambda: alive(pid))
    assert gone(board.left)
    assert environment_of(name=board.address).cores  # the next use connects anew


def test_a_client_that_is_killed_leaves_nothing_there(board: Server, onnx_subject: Subject) -> None:
    worker = start(replace(onnx_subject, device=board.address))
    worker.open()
    pid, connection = worker.pid, Ssh(board.address.removeprefix("ssh://")).connection
    connection._process.kill()
    worker._running.kill()
    assert gone(lambda: alive(pid))
    assert gone(board.left)
    with pytest.raises(RuntimeFailed, match="was lost"):
        connection.ask("describe", names=[])


@pytest.mark.parametrize("address", ["", "-oProxyCommand=x", "a b", "user:secret@host", "host:port", "host?x=1", "-x@host"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(BadInput, match=r"is not an address|needs"):
        Ssh(address)


def test_addresses_as_commands() -> None:
    words = Ssh("pi@board:2222/home/pi/venv").command("-c 'x'")
    assert words[-7:] == ["-p", "2222", "-l", "pi", "--", "board", "exec /home/pi/venv/bin/python -c 'x'"]
    assert Ssh("board/usr/bin/python3.11").python == "/usr/bin/python3.11"


def test_devices_have_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert names() == {}
    (tmp_path / "thimble").mkdir()
    file = tmp_path / "thimble" / "devices.toml"
    file.write_text('pi4 = "ssh://pi@192.168.1.7"\n')
    found = device("pi4")
    assert isinstance(found, Ssh)
    assert found.host == "192.168.1.7"
    with pytest.raises(BadInput, match=r"unknown device 'pi5'; did you mean 'pi4'\? Known: local, pi4, ssh"):
        device("pi5")
    file.write_text("pi4 = 3\n")
    with pytest.raises(BadInput, match="pi4 must be an address"):
        device("pi4")


def test_the_agent_keeps_to_its_folder(board: Server) -> None:
    connection = Ssh(board.address.removeprefix("ssh://")).connection
    with pytest.raises(CannotWrite, match="lies outside the folder"):
        connection.put("../escaped", b"x")
    assert remote.quoted("a b") == "'a b'"


def test_a_bundle_verifies_itself_on_the_board(board: Server, tmp_path: Path, onnx_subject: Subject) -> None:
    from thimble.api.bundle import Bundle, bundle
    from thimble.api.verify import verify_on
    from thimble.core.artifact import write_manifest

    write_manifest(onnx_subject.artifact, onnx_subject.folder)
    samples = np.random.default_rng(0).random((40, 3, 8, 8), dtype=np.float32)
    np.savez(tmp_path / "data.npz", x_image=samples, y=np.arange(40) % 4)
    bundle(onnx_subject.folder, tmp_path / "b.zip", Bundle(data=f"npz:{tmp_path / 'data.npz'}"))
    report = verify_on(board.address, tmp_path / "b.zip")
    assert report["ok"]
    assert report["latency"]["p50_ms"] > 0
    with pytest.raises(BadInput, match=r"is not reached over a connection"):
        verify_on("local", tmp_path / "b.zip")
    close_connections()
    assert gone(board.left)


def test_measure_on_the_board(board: Server, onnx_subject: Subject, tmp_path: Path) -> None:
    from thimble.api.measure import Measure, measure
    from thimble.core.study import read_study

    file = str(onnx_subject.folder / onnx_subject.artifact.main)
    study = measure([file, file], Measure(on=board.address, sampling=Sampling(rounds=5), threads=1, out=tmp_path / "out"))
    assert study.device == read_study(tmp_path / "out").device == board.address
    assert len(study.runs[0].rounds) == 5
    assert [candidate.status for candidate in study.candidates] == ["ok", "ok"]
    with pytest.raises(BadInput, match="--energy reads this machine's counters"):
        measure([file], Measure(on=board.address, probes=("energy",)))


def test_devices_are_listed_with_what_they_are(board: Server) -> None:
    from click.testing import CliRunner

    from thimble.cli import thimble

    told = CliRunner().invoke(thimble, ["devices", "local", board.address, f"ssh://127.0.0.1:{board.port}/nowhere"]).output
    assert f"{board.address}: " in told
    assert told.count("8-bit products") == 2
    assert "there is no /nowhere/bin/python" in told
