"""Bring what a device lacks: a virtual environment with pinned packages, in a folder there that Thimble owns."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from thimble.core.errors import BadInput
from thimble.devices import device, virtual
from thimble.devices.process import last_line
from thimble.devices.remote import Connection, quoted

OPTION = "--install"


def installed(name: str, requirements: Sequence[str], tell: Callable[[str], None]) -> str:
    """Return the address of a Python on the device that has ``requirements`` (``numpy==2.4.6``), installed there where they are missing.

    A Python that has them is taken as it is. Else a virtual environment is made there, or the one from an earlier time is completed.
    ``tell`` gets a line for each thing that is done. Raises `BadInput` in one line: a device that is not reached over ssh, no module
    venv there, no network.
    """
    there = device(name)
    connection = getattr(there, "connection", None)
    if not isinstance(connection, Connection):
        raise BadInput(f"{OPTION} makes a virtual environment on a board over ssh, and {name} is none: leave it out")
    script = connection.put_file(Path(virtual.__file__), "virtual.py")
    command = connection.launch(f"-B {quoted(script)} {quoted(json.dumps({'requirements': list(requirements)}))}")
    answer: dict[str, Any] = {}
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words)
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            for line in process.stdout:
                answer = json.loads(line)
                if "say" in answer:
                    tell(f"{name}: {answer['say']}")
        except ValueError as error:
            raise BadInput(f"{name}: {line.decode(errors='replace')[:200]!r} is no answer to {OPTION}") from error
        finally:
            process.stdin.close()  # ends the script, and what it started
            process.stdout.close()
            status = process.wait()
        if "error" in answer:
            raise BadInput(f"{OPTION} on {name}: {answer['error']}")
        if "python" not in answer:
            raise connection.explain(status, last_line(words))
    address: str = there.at(answer["python"])  # type: ignore[attr-defined]
    return name if answer["python"] == connection.python else address
