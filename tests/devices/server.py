"""An OpenSSH server of the tests' own on a loopback port, with keys of its own; the client's settings are in a file of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

SSHD = shutil.which("sshd") or next((p for p in ("/usr/sbin/sshd", "/usr/local/sbin/sshd") if Path(p).exists()), None)
WHY = "needs OpenSSH's server and client (Debian: openssh-server), run as root"
USABLE = SSHD is not None and shutil.which("ssh") is not None and hasattr(os, "geteuid") and os.geteuid() == 0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Server:
    """The server; ``address`` is what a user would write. ``bin`` comes first on the PATH: its `ssh` takes the tests' own settings."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.port = folder, free_port()
        for name in ("host", "user", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
        shutil.copy(folder / "user.pub", folder / "authorized")
        (folder / "bin").mkdir()
        (folder / "bin" / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
        (folder / "bin" / "ssh").chmod(0o755)
        (folder / "there").mkdir()
        self.configure()
        Path("/run/sshd").mkdir(parents=True, exist_ok=True)
        options = {
            "AuthorizedKeysFile": folder / "authorized",
            "StrictModes": "no",
            "UsePAM": "no",
            "ListenAddress": "127.0.0.1",
            "PasswordAuthentication": "no",
            "PidFile": "none",
            "MaxStartups": 50,
            "SetEnv": " ".join(f"{name}={value}" for name, value in {"TMPDIR": str(folder / "there"), **environment}.items()),
        }
        words = [f"-o{name}={value}" for name, value in options.items()]
        command = [str(SSHD), "-D", "-e", "-f", os.devnull, "-p", str(self.port), "-h", str(folder / "host"), *words]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        for _ in range(100):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.05)

    @property
    def address(self) -> str:
        """The address of a device, with this Python."""
        return f"ssh://127.0.0.1:{self.port}{sys.executable}"

    def configure(self, key: str = "user", host: str = "host") -> None:
        """Write the client's settings: which key it has, and which host key it expects."""
        text = (self.folder / f"{host}.pub").read_text()
        (self.folder / "known").write_text(f"[127.0.0.1]:{self.port} {text}")
        settings = {
            "UserKnownHostsFile": self.folder / "known",
            "GlobalKnownHostsFile": os.devnull,
            "StrictHostKeyChecking": "yes",
            "IdentitiesOnly": "yes",
            "IdentityAgent": "none",
            "IdentityFile": self.folder / key,
        }
        (self.folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))

    def left(self) -> list[str]:
        """What lies in the folder for temporary files there."""
        return sorted(path.name for path in (self.folder / "there").iterdir() if path.name.startswith("thimble-device-"))

    def sessions(self) -> list[int]:
        """Process ids of the server's sessions."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                found.append(int(path.parent.name))
        return found

    def close(self) -> None:
        """End the server and its sessions."""
        self.process.terminate()
        self.process.wait()
        self.log.close()
