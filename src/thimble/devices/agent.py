"""The script that serves a device which is reached over a connection: it keeps a folder there, and tells what the machine does.

It needs the standard library only, and is sent through the connection itself. Its first line is JSON ``{modules}``: sources of
files that travel with it, by name. It answers ``{folder, python}`` and then requests, one line of JSON each, the bytes of a
``put`` behind it:

``put {path, bytes}``       a file in the folder
``describe {names}``        processor, cores, memory, system, Python, governor, temperature, versions of packages
``call {name, args}``       a function of ``cores`` (`thimble.devices.processor`)
``load {pids, cores}``      processor seconds of all programs on these cores, and of these processes
``reserve {wait_s}``        hold this machine's measuring lock; ``{busy}`` names who holds it after so long
``release {}``              give it back

Any of them may answer ``{error}``. However the connection ends, the folder is removed and the lock is given back.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
import types
from pathlib import Path
from typing import Any, BinaryIO

PREFIX = "thimble-device-"
CALLS = ("available_cores", "cores_for", "neighbours", "clock_mhz", "available_memory_mb", "wait_until_idle", "celsius")


class Agent:
    """What is held on the device: a folder, the modules that came with the agent, and perhaps the lock."""

    def __init__(self, folder: Path, modules: dict[str, str]) -> None:
        self.folder, self.lock = folder, -1
        self.modules = {name: module_of(name, source) for name, source in modules.items()}

    def answer(self, request: dict[str, Any], stream: BinaryIO) -> dict[str, Any]:
        """The answer to one request."""
        found: dict[str, Any] = getattr(self, "_" + request.pop("do"))(stream, **request)
        return found

    def _put(self, stream: BinaryIO, path: str, bytes: int) -> dict[str, Any]:
        content = stream.read(bytes)  # read first, so that a refusal leaves no bytes in the stream
        place = (self.folder / path).resolve()
        if not place.is_relative_to(self.folder.resolve()):
            raise ValueError(f"{path} lies outside the folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return {"path": str(place)}

    def _describe(self, stream: BinaryIO, names: list[str]) -> dict[str, Any]:
        features, cores = self.modules["features"], self.modules["cores"]
        memory = 0
        with contextlib.suppress(OSError, ValueError):
            memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1_000_000
        return {
            "machine": platform.node() or "unknown",
            "processor": features.processor_name(),
            "features": list(features.features()),
            "cores": len(cores.available_cores()),
            "memory_mb": memory,
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "governor": cores.governor(),
            "versions": {name: found for name in sorted({*names, "numpy"}) if (found := version(name))},
        }

    def _call(self, stream: BinaryIO, name: str, args: list[Any]) -> dict[str, Any]:
        if name not in CALLS:
            raise ValueError(f"no function {name}")
        found = getattr(self.modules["cores"], name)(*args)
        return {"value": sorted(found) if isinstance(found, set) else found}

    def _load(self, stream: BinaryIO, pids: list[int], cores: list[int]) -> dict[str, Any]:
        told = self.modules["cores"]
        ours = sum(map(told.process_seconds, (*pids, os.getpid())))
        return {"busy": told.busy_seconds(cores), "ours": ours, "stolen": told.stolen_seconds(), "all_cores": os.cpu_count() or 1}

    def _reserve(self, stream: BinaryIO, wait_s: float) -> dict[str, Any]:
        locks = self.modules["lockfile"]
        file = locks.opened(locks.lock_path())
        if holder := locks.held_by_another(file, wait_s):
            os.close(file)
            return {"busy": holder}
        self.lock = file
        return {}

    def _release(self, stream: BinaryIO) -> dict[str, Any]:
        if self.lock >= 0:
            os.close(self.lock)
        self.lock = -1
        return {}


def module_of(name: str, source: str) -> types.ModuleType:
    """A module from its source."""
    module = types.ModuleType(f"thimble_{name}")
    sys.modules[module.__name__] = module
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def version(distribution: str) -> str | None:
    """The version of an installed package; ``None`` where it is absent."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    """Serve requests until the connection ends; then leave nothing behind."""
    stream, replies = sys.stdin.buffer, sys.stdout.buffer

    def reply(answer: dict[str, Any]) -> None:
        replies.write(json.dumps(answer).encode() + b"\n")
        replies.flush()

    modules = json.loads(stream.readline())["modules"]
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        agent = Agent(folder, modules)
        reply({"folder": str(folder), "python": sys.executable, "version": list(sys.version_info[:2])})
        while line := stream.readline():
            try:
                reply(agent.answer(json.loads(line), stream))
            except Exception as error:  # whatever a request raises is its answer; the next one may be fine
                words = error.strerror if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
                reply({"error": words})
    except OSError:
        pass
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
