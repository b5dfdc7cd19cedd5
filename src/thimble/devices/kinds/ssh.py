"""A board over ssh: ``ssh://user@host:port``, with ssh's own configuration, keys and agent."""

from __future__ import annotations

import atexit
import re
import shutil
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from thimble.core.artifact import read_manifest
from thimble.core.errors import BadInput, RuntimeFailed, ThimbleError
from thimble.core.study import Environment
from thimble.core.subject import Subject
from thimble.core.text import brief
from thimble.devices.process import Worker
from thimble.devices.remote import Connection, RemoteMachine, RemoteWorker, describe, quoted

OPTIONS = ("BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=5", "ServerAliveCountMax=3")
"""No questions, and a connection that is cut is noticed after 15 s."""
LOST = 255
"""The status of ssh itself, where what it started didn't give one."""
_connections: dict[str, Connection] = {}


class Ssh:
    """A machine with Python that ssh reaches. ``ssh://pi@board:2222/home/pi/venv`` names a virtual environment, or a Python, there.

    One connection keeps a temporary folder on the board as long as this process uses it; however the connection ends, the folder
    goes, and so do the workers: each of them ends with its standard input. Raises `BadInput` for what ssh can't reach.
    """

    def __init__(self, address: str = "") -> None:
        self.name = f"ssh://{address}"
        try:
            parts = urlsplit(self.name)
            self.host, self.user, self.port = parts.hostname or "", unquote(parts.username or ""), parts.port
        except ValueError as error:
            raise BadInput(f"{self.name} is not an address: {error}; write ssh://user@host:port") from error
        odd = (
            parts.password
            or parts.query
            or parts.fragment
            or self.user.startswith("-")
            or re.search(r"[\s\0-\x1f\x7f]", address + self.user)
        )
        if odd or not re.fullmatch(r"[\w.:%][\w.:%-]*", self.host):
            raise BadInput(
                f"{brief(repr(self.name))} is not an address; write ssh://user@host:port, and leave passwords to ssh's keys and agent"
            )
        self.netloc = parts.netloc
        self.python = unquote(parts.path).rstrip("/") or "python3"
        if self.python != "python3" and not PurePosixPath(self.python).name.startswith("python"):
            self.python += "/bin/python"

    def at(self, python: str) -> str:
        """Return the address of another Python on the same board."""
        return f"ssh://{self.netloc}{quote(python)}"

    def describe(self, distributions: Iterable[str] = ()) -> Environment:
        """The conditions on the board."""
        return describe(self.connection, distributions)

    def reserve(self) -> AbstractContextManager[None]:
        """Hold the board's measuring lock."""
        return self.connection.reserved()

    def place(self, folder: Path) -> Path:
        """Copy an artifact's folder to the board, once; return its path there."""
        return Path(self.connection.place(folder, read_manifest(folder)))

    def start(self, subject: Subject) -> Worker:
        """A worker on the board, not open yet."""
        return RemoteWorker(subject, self.connection)

    def machine(self) -> RemoteMachine:
        """What a measuring run asks of the board."""
        return RemoteMachine(self.connection)

    @property
    def connection(self) -> Connection:
        """The connection to the board, opened when it is first needed and shared from then on."""
        known = _connections.get(self.name)
        if known is None or not known.alive:
            if shutil.which("ssh") is None:
                raise BadInput(f"{self.name} needs the program ssh, which is not installed here; install OpenSSH's client")
            _connections[self.name] = known = Connection(self.name, self.command, self.explained)
        return known

    def command(self, arguments: str) -> list[str]:
        """The command here that runs Python there."""
        words = ["ssh", "-T", *(f"-o{option}" for option in OPTIONS)]
        words += ["-p", str(self.port)] if self.port else []
        words += ["-l", self.user] if self.user else []
        return [*words, "--", self.host, f"exec {quoted(self.python)} {arguments}"]

    def explained(self, status: int, words: str) -> ThimbleError:
        """What a connection that ended means, from ssh's status and its last words."""
        if status == 127 or (status == 126 and "exec" in words):
            hint = "install python3 there, or name another one: ssh://host/path/to/venv"
            return BadInput(f"there is no {self.python} on {self.name}: {hint}")
        if status == LOST and words:
            return BadInput(f"ssh can't reach {self.name}: {words}")
        if status in (LOST, 0) or status < 0:
            return RuntimeFailed(f"the connection to {self.name} was lost; run the command again")
        return RuntimeFailed(f"Python on {self.name} ended with status {status}: {words}")


@atexit.register
def close_connections() -> None:
    """End every connection; the folders on the boards go with them."""
    while _connections:
        _connections.popitem()[1].close()
