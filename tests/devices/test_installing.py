"""A virtual environment on a board, made by its own venv and pip over a real OpenSSH server, without a network."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from thimble.api.verify import PINNED
from thimble.cli import thimble
from thimble.core.errors import BadInput
from thimble.devices import environment_of
from thimble.devices.installing import installed
from thimble.devices.kinds.ssh import Ssh, close_connections

sys.path.append(str(Path(__file__).parent))
from server import USABLE, WHY, Server

pytestmark = pytest.mark.skipif(not USABLE, reason=WHY)


def wheel(folder: Path, version: str) -> None:
    """A package of one module."""
    head = f"Metadata-Version: 2.1\nName: thimble-probe\nVersion: {version}\n"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"thimble_probe-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("thimble_probe.py", "")
        archive.writestr(f"thimble_probe-{version}.dist-info/METADATA", head)
        archive.writestr(f"thimble_probe-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"thimble_probe-{version}.dist-info/RECORD", "")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("install")
    wheel(folder / "wheels", "1.0")
    (folder / "path").mkdir()
    server = Server(
        folder,
        XDG_CACHE_HOME=str(folder / "cache"),
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(folder / "wheels"),
        PYTHONPATH=str(folder / "path"),
    )
    yield server
    server.close()


@pytest.fixture
def board(running: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("PATH", f"{running.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    yield running
    close_connections()


def test_it_is_made_once_completed_and_reused(board: Server) -> None:
    said: list[str] = []
    address = installed(board.address, ["thimble-probe==1.0"], said.append)
    place = board.folder / "cache" / "thimble" / "device" / "venv"
    assert address == f"ssh://127.0.0.1:{board.port}{place}/bin/python"
    assert [line.removeprefix(f"{board.address}: ").split()[0] for line in said] == ["making", "installing"]
    assert str(place) in said[0]
    assert environment_of(["thimble-probe"], address).versions["thimble-probe"] == "1.0"
    assert installed(board.address, ["thimble-probe==1.0"], said.append) == address
    assert "using the virtual environment in" in said[-1]
    assert installed(address, ["thimble-probe==1.0"], said.append) == address  # it is there: nothing is said or done
    assert len(said) == 3
    wheel(board.folder / "wheels", "1.1")
    assert installed(board.address, ["thimble-probe==1.1"], said.append) == address
    assert "installing thimble-probe==1.1" in said[-1]


def test_what_pip_cannot_get_is_one_line(board: Server) -> None:
    with pytest.raises(
        BadInput, match=r"--install on ssh://.*: pip can't install thimble-absent==1\.0 there: .*Is there a network"
    ) as caught:
        installed(board.address, ["thimble-absent==1.0"], lambda words: None)
    assert "\n" not in str(caught.value)


def test_a_python_without_venv_is_one_line(board: Server) -> None:
    kept = board.folder / "cache" / "thimble" / "device" / "venv"
    kept.rename(kept.with_name("away")) if kept.exists() else None
    (board.folder / "path" / "venv.py").write_text("raise SystemExit('ensurepip is not available')")
    try:
        with pytest.raises(BadInput, match=r"make a virtual environment \(ensurepip is not available\).*apt-get install python3-venv"):
            installed(board.address, ["thimble-probe==1.0"], lambda words: None)
    finally:
        (board.folder / "path" / "venv.py").unlink()
        kept.with_name("away").rename(kept) if kept.with_name("away").exists() else None


def test_a_folder_of_others_stays(board: Server) -> None:
    note = board.folder / "cache" / "thimble" / "device" / "made-by-thimble.txt"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    with pytest.raises(BadInput, match="was not made by Thimble: move it away"):
        installed(board.address, ["thimble-probe==1.0"], lambda words: None)
    note.write_text("")


def test_only_boards_over_ssh_are_installed_on() -> None:
    with pytest.raises(BadInput, match="--install makes a virtual environment on a board over ssh, and local is none"):
        installed("local", ["numpy==1"], lambda words: None)
    done = CliRunner().invoke(thimble, ["measure", "x.onnx", "--install", "--on", "browser"])
    assert done.exit_code
    assert "--install makes a virtual environment on a board over ssh" in str(done.exception)
    assert Ssh("pi@board:2222/old").at("/home/a b/bin/python") == "ssh://pi@board:2222/home/a%20b/bin/python"


@pytest.mark.parametrize("line", ["-r", "--index-url=http://x", "git+https://x", "numpy", "numpy>=1", "x@file:///y", "../x==1"])
def test_a_strangers_requirements_name_pinned_packages_only(line: str) -> None:
    assert PINNED.fullmatch("numpy==2.4.6")
    assert not PINNED.fullmatch(line)
