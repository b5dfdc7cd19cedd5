"""Stores are trusted only where nobody else can write, changed only where they are marked, and kept within their bounds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

import thimble
from thimble.cli.store import command
from thimble.core.errors import BadInput, Busy, CannotWrite
from thimble.core.model import Model
from thimble.core.values import TensorSpec
from thimble.engine.store import Store
from thimble.engine.tidy import DAYS, bytes_of, limit_of, set_limit
from thimble.fetch.cache import MARK, cache_folder, check_sealed, store_root

SPECS = ((TensorSpec("x", (None, 4)),), ("output",))


def of_bytes(count: int) -> object:
    def written(output: Path, scratch: Path) -> Model:
        (output / "model.onnx").write_bytes(bytes(count))
        return Model("onnx", output, *SPECS)

    return written


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_store_is_private_and_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THIMBLE_STORE", str(tmp_path / "below" / "store"))
    assert cache_folder("data").parent == tmp_path / "below" / "store"
    assert (mode(tmp_path / "below" / "store"), (tmp_path / "below" / "store" / MARK).is_file()) == (0o700, True)


@pytest.mark.parametrize("given", [0o777, 0o770, 0o1777, 0o702])
def test_a_store_that_others_can_write_is_refused_and_stays_as_it_is(tmp_path: Path, given: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(given)
    with pytest.raises(CannotWrite, match=r"can be written by others \(mode") as caught:
        Store(folder)
    assert "\n" not in str(caught.value)
    assert (folder.stat().st_mode & 0o7777, list(folder.iterdir())) == (given, [])
    marked = tmp_path / "marked"
    store_root(marked)
    marked.chmod(given)
    with pytest.raises(CannotWrite):
        Store(marked)


def test_another_users_store_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store_root(tmp_path / "store")
    monkeypatch.setattr(os, "getuid", lambda: 4242)
    with pytest.raises(CannotWrite, match="belongs to user"):
        Store(tmp_path / "store")


def test_a_folder_of_other_things_is_neither_used_nor_changed(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    (folder / "steps").mkdir(parents=True)
    (folder / "steps" / "mine.txt").write_text("precious")
    folder.chmod(0o755)
    with pytest.raises(CannotWrite, match=r"is not a store of Thimble, and not empty .*work/thimble"):
        Store(folder)
    done = CliRunner().invoke(command, ["--prune", "--days", "0"], env={"THIMBLE_STORE": str(folder)})
    assert isinstance(done.exception, CannotWrite)
    assert (mode(folder), (folder / "steps" / "mine.txt").read_text(), (folder / MARK).exists()) == (0o755, "precious", False)


def test_an_empty_folder_becomes_a_store_and_keeps_its_permissions(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    folder.chmod(0o755)
    Store(folder)
    assert (mode(folder), (folder / MARK).is_file()) == (0o755, True)


def test_a_store_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    (folder / "steps" / "key").mkdir(parents=True)
    folder.chmod(0o700)
    assert store_root(folder) == folder
    assert (folder / MARK).is_file()
    (folder / MARK).unlink()
    (folder / "thesis.tex").touch()
    with pytest.raises(CannotWrite, match="not a store of Thimble"):
        store_root(folder)


def test_the_limit_holds_now_and_later(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for age, key in enumerate(("new", "middle", "old")):
        store.make(key, of_bytes(1_000_000))  # type: ignore[arg-type]
        os.utime(store.root / "steps" / key, (time.time() - 100 * age,) * 2)
    assert store.keep_within(2_500_000)[0] == 1
    assert [store.has(key) for key in ("new", "middle", "old")] == [True, True, False]
    store.make("newer", of_bytes(1_000_000))  # type: ignore[arg-type]
    del store
    again = Store(tmp_path / "store")
    assert [again.has(key) for key in ("newer", "new", "middle")] == [True, True, False]
    assert limit_of(again.root) == 2_500_000
    again.keep_within(None)
    assert limit_of(again.root) is None


def test_what_is_used_counts_as_new(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for key in ("used", "other"):
        store.make(key, of_bytes(1_000))  # type: ignore[arg-type]
        os.utime(store.root / "steps" / key, (1, 1))
    store.describe("used")
    store.keep_within(1_200)
    assert (store.has("used"), store.has("other")) == (True, False)


def test_a_clock_that_was_set_back_keeps_nothing_for_ever(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.make("future", of_bytes(1_000))  # type: ignore[arg-type]
    os.utime(store.root / "steps" / "future", (time.time() + 10 * 3_600,) * 2)
    assert store.prune(older_than_days=0.1)[0] == 0
    assert store.prune()[0] == 1


def used_on(root: Path, *days_ago: int) -> None:
    """Note that the store was used so many days ago."""
    today = int(time.time() // 86_400)
    (root / DAYS).write_text(str([today - ago for ago in sorted(days_ago, reverse=True)]))


def test_a_clock_that_jumps_forward_takes_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Store(tmp_path / "store").root
    (root / "scratch" / "going-on").mkdir(parents=True)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 400 * 86_400)
    assert [entry.key for entry in Store(root).entries()] == ["going-on"]
    for day in (401, 402):  # a clock that goes on from there is right
        monkeypatch.setattr(time, "time", lambda day=day: now + day * 86_400)
        kept = [entry.key for entry in Store(root).entries()]
    assert kept == []
    (root / DAYS).write_text("[damaged")
    Store(root)
    assert (root / DAYS).read_text() == f"[{int(time.time() // 86_400)}]"


def test_no_duration_is_read_off_the_clock_that_jumps() -> None:
    source = Path(thimble.__file__).parent
    users = {path.relative_to(source).as_posix() for path in source.rglob("*.py") if "time.time()" in path.read_text(encoding="utf-8")}
    assert users == {"deploy/payload/proving.py", "engine/store.py", "engine/tidy.py"}, "durations are time.monotonic()'s"


WORKING = """
import sys
from pathlib import Path
from thimble.engine.store import Store
store = Store(Path(sys.argv[1]))
store.has("theirs")
print("held", flush=True)
input()
"""


def test_the_limit_is_looked_at_during_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path / "store")
    store.make("old", of_bytes(1_000_000))  # type: ignore[arg-type]
    del store
    store = Store(tmp_path / "store")
    store.has("needed")
    set_limit(store.root, 1_500_000)
    monkeypatch.setattr("thimble.engine.store.RELIEF_S", 0.0)
    command = [sys.executable, "-c", WORKING.replace("theirs", "other"), str(store.root)]
    store.make("needed", of_bytes(1_000_000))  # type: ignore[arg-type]
    store.make("more", of_bytes(1_000_000))  # type: ignore[arg-type]
    assert [store.has(key) for key in ("old", "needed", "more")] == [False, True, True], "what this process made stays"
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert [store.has(key) for key in ("needed", "more")] == [True, True], "nor does another one take it"
        other.kill()


@pytest.mark.parametrize("changed", ["steps", "steps/key", "steps/key/network.pickle"])
def test_no_network_is_loaded_that_others_could_have_written(tmp_path: Path, changed: str) -> None:
    root = tmp_path / "store"
    root.mkdir(mode=0o755)
    root.chmod(0o755)
    (root / "steps" / "key").mkdir(parents=True)
    path = root / "steps" / "key" / "network.pickle"
    path.touch()
    check_sealed(root, path)
    (root / changed).chmod(0o777)
    with pytest.raises(CannotWrite, match="can be written by others"):
        check_sealed(root, path)
    root.chmod(0o700)
    check_sealed(root, path)


def test_leftovers_of_dead_processes_go_at_the_next_start(tmp_path: Path) -> None:
    root = Store(tmp_path / "store").root
    for kind in ("steps", "outputs"):
        (root / kind / ".key.123").mkdir(parents=True)
    (root / "values").mkdir()
    (root / "values" / "key.4567").touch()
    for name, age_days in (("going-on", 1), ("given-up", 40)):
        (root / "scratch" / name).mkdir(parents=True)
        os.utime(root / "scratch" / name, (time.time() - age_days * 86_400,) * 2)
    used_on(root, 5, 4, 3)
    store = Store(root)
    assert [(entry.kind, entry.key) for entry in store.entries()] == [("scratch", "going-on")]


HOLDING = """
import sys
from pathlib import Path
from thimble.engine.store import Store
held = Store(Path(sys.argv[1]))
print("held", flush=True)
input()
"""


def test_nothing_disappears_while_another_process_uses_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.make("key", of_bytes(10))  # type: ignore[arg-type]
    command = [sys.executable, "-c", HOLDING, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        for writer in (1, other.pid):
            (store.root / "steps" / f".half.{writer}").mkdir()
        for attempt in (store.prune, lambda: store.keep_within(0)):
            with pytest.raises(Busy, match="another process uses the store"):
                attempt()
        assert Store(store.root).has("key")
        assert not (store.root / "steps" / ".half.1").exists(), "no living process writes it"
        assert (store.root / "steps" / f".half.{other.pid}").exists()
        other.stdin.write("\n")
        other.stdin.close()
    assert store.prune()[0] == 2


@pytest.mark.parametrize(("text", "count"), [("5GB", 5 * 10**9), ("800 mb", 8 * 10**8), ("2.5g", 25 * 10**8), ("1000", 1000), ("0", 0)])
def test_sizes_are_read(text: str, count: int) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "nan", "inf", "5 PB", "1e300GB", "five"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--max must be a size"):
        bytes_of(text)


def test_the_command_says_the_limit(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--max", "5GB"], env={"THIMBLE_STORE": str(tmp_path / "store")})
    assert "0 entries, 0.0 MB of at most 5,000.0" in done.output
    assert "of at most" not in CliRunner().invoke(command, ["--max", "none"], env={"THIMBLE_STORE": str(tmp_path / "store")}).output


def test_two_that_make_the_same_result_take_turns_and_keep_the_first(tmp_path: Path) -> None:
    at_once: list[int] = []
    most: list[int] = []

    def work(output: Path, scratch: Path) -> Model:
        at_once.append(1)
        most.append(len(at_once))
        (scratch / "checkpoint").write_text("state")
        time.sleep(0.3)
        assert (scratch / "checkpoint").exists()
        (output / "model.onnx").write_bytes(b"bytes")
        at_once.pop()
        return Model("onnx", output, *SPECS)

    Store(tmp_path / "store")
    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(lambda _: Store(tmp_path / "store").make("key", work), range(2)))
    assert max(most) == 1
    assert made[0] == made[1]
    file = made[0].folder / "model.onnx"
    inode = file.stat().st_ino
    Store(tmp_path / "store").make("key", of_bytes(3))  # type: ignore[arg-type]
    assert (file.stat().st_ino, file.read_bytes()) == (inode, b"bytes")
