"""Break the tool on purpose, one place at a time, and see that a test fails each time: ``make mutate``.

Each mutation of ``tools/mutations.toml`` is put into a copy of the tree, and the tests that should notice it run there. Nothing
outside of the copy is changed. The exit code is 1 where a mutation survives, or where it can't be tried: its text no longer stands
in the file, or its tests can't run.
"""

from __future__ import annotations

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tools" / "mutations.toml"
PARTS = ("src", "tests", "tools", "benchmarks", "pyproject.toml")
"""What the tests need of the tree."""
PASSED, FAILED = 0, 1
"""Exit codes of pytest; every other code says that the tests did not run."""
CAUGHT, SURVIVED, UNTRIED = "caught", "SURVIVED", "UNTRIED"


@dataclass(frozen=True)
class Mutation:
    """One place to break: in ``file``, ``old`` becomes ``new``; one of the ``tests`` (pytest's node ids) must fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def problem(self, root: Path) -> str:
        """Return why the mutation can't be put into a tree; empty where it can."""
        path = root / self.file
        if not path.is_file():
            return f"there is no {self.file}"
        count = path.read_text(encoding="utf-8").count(self.old)
        if count != 1:
            return f"its text stands {count} times in {self.file}, not once"
        return "" if self.old != self.new else "it changes nothing"


@dataclass(frozen=True)
class Outcome:
    """What became of a mutation, why where there is something to say, and the seconds that it took."""

    mutation: Mutation
    state: str
    why: str
    seconds: float


def mutations(table: Path) -> tuple[Mutation, ...]:
    """Return the mutations of a table; raises ``TypeError`` for an entry of other fields."""
    entries = tomllib.loads(table.read_text(encoding="utf-8"))["mutation"]
    return tuple(Mutation(**{**entry, "tests": tuple(entry["tests"])}) for entry in entries)


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Give a copy of the tree in a temporary folder, without compiled files; it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="thimble-mutate-") as place:
        tree = Path(place) / "tree"
        for part in PARTS:
            source = root / part
            if source.is_dir():
                shutil.copytree(source, tree / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            elif source.exists():
                tree.mkdir(exist_ok=True)
                shutil.copy2(source, tree / part)
        (Path(place) / "tmp").mkdir()
        yield tree


def run(tree: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """Run tests in a copy of the tree; gives pytest's exit code and the end of what it says."""
    own = {"PYTHONPATH": str(tree / "src"), "THIMBLE_STORE": str(tree.parent / "store"), "TMPDIR": str(tree.parent / "tmp")}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-o", "addopts=--strict-markers --import-mode=importlib", *tests]
    done = subprocess.run(command, cwd=tree, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return done.returncode, "; ".join(line for line in lines if line.startswith(("FAILED", "ERROR"))) or "".join(lines[-1:])


def tried(mutation: Mutation, tree: Path) -> Outcome:
    """Put a mutation into a copy of the tree, run its tests, and take it out again."""
    begun = time.monotonic()
    if problem := mutation.problem(tree):
        return Outcome(mutation, UNTRIED, problem, 0.0)
    path = tree / mutation.file
    whole = path.read_text(encoding="utf-8")
    try:
        _put(path, whole.replace(mutation.old, mutation.new))
        code, end = run(tree, mutation.tests)
    finally:
        _put(path, whole)
    state = {PASSED: SURVIVED, FAILED: CAUGHT}.get(code, UNTRIED)
    return Outcome(mutation, state, "" if state != UNTRIED else f"pytest ends with {code}: {end}", time.monotonic() - begun)


def _put(path: Path, text: str) -> None:
    """Write a source file, and forget its compiled form: of two texts of one length in one second, that would stay valid."""
    path.write_text(text, encoding="utf-8")
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def carried_out(chosen: tuple[Mutation, ...], root: Path, jobs: int) -> Iterator[Outcome]:
    """Try mutations, ``jobs`` at once, each job in a copy of its own; first all their tests must pass in an unchanged copy."""
    trees: queue.SimpleQueue[Path] = queue.SimpleQueue()

    def one(mutation: Mutation) -> Outcome:
        tree = trees.get()
        try:
            return tried(mutation, tree)
        finally:
            trees.put(tree)

    def unchanged(tests: tuple[str, ...]) -> tuple[int, str]:
        tree = trees.get()
        try:
            return run(tree, tests) if tests else (PASSED, "")
        finally:
            trees.put(tree)

    with _copies(root, jobs, trees), ThreadPoolExecutor(jobs) as pool:
        tests = sorted({test for mutation in chosen if not mutation.problem(root) for test in mutation.tests})
        for code, end in pool.map(unchanged, [tuple(tests[start::jobs]) for start in range(jobs)]):
            if code != PASSED:
                raise SystemExit(f"the tests fail without any mutation: {end}")
        yield from pool.map(one, chosen)


@contextmanager
def _copies(root: Path, count: int, trees: queue.SimpleQueue[Path]) -> Iterator[None]:
    if count == 0:
        yield
        return
    with copied(root) as tree, _copies(root, count - 1, trees):
        trees.put(tree)
        yield


def main(arguments: list[str] | None = None, root: Path = ROOT, table: Path = TABLE) -> int:
    """Try the mutations whose names hold all the words that are given; gives the exit code."""
    parser = argparse.ArgumentParser(description="Break the tool one place at a time, and see that a test notices.")
    parser.add_argument("words", nargs="*", help="try only the mutations whose name holds these words")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="how many to try at once (default: %(default)s)")
    options = parser.parse_args(arguments)
    chosen = tuple(one for one in mutations(table) if all(word in one.name for word in options.words))
    if not chosen or options.jobs < 1:
        print("no mutation has such a name" if options.jobs > 0 else "--jobs must be 1 or more", file=sys.stderr)
        return 2
    begun, counts = time.monotonic(), dict.fromkeys((CAUGHT, SURVIVED, UNTRIED), 0)
    for outcome in carried_out(chosen, root, options.jobs):
        counts[outcome.state] += 1
        why = f": {outcome.why}" if outcome.why else ""
        print(f"{outcome.state:8} {outcome.seconds:5.1f} s  {outcome.mutation.name}{why}", flush=True)
    said = ", ".join(f"{count} {state.lower()}" for state, count in counts.items() if count)
    print(f"{len(chosen)} mutations in {time.monotonic() - begun:.0f} s: {said}")
    return int(counts[CAUGHT] < len(chosen))


if __name__ == "__main__":
    sys.exit(main())
