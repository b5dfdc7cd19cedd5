"""A headless Chromium driven by its own driver over the W3C WebDriver protocol, with nothing but this machine in reach."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CHROMIUM = next((path for name in ("chromium", "google-chrome", "chromium-browser") if (path := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
MISSING = None if CHROMIUM and DRIVER else "no Chromium with its driver is installed (Debian: apt-get install chromium chromium-driver)"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--disable-quic",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
PATIENCE_S = 30
"""For the driver to start, and for each command."""
LOCAL = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""The driver is on this machine: no proxy that the environment names stands between."""


class Browser:
    """One session; a page is opened at a given width, in a given scheme: from disk, or ``online`` from a server on this machine."""

    def __init__(self, online: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="thimble-browser-"))
        self.log = self.folder / "driver.log"
        with self.log.open("wb") as log:
            self.driver = subprocess.Popen([DRIVER, "--port=0"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        if hasattr(os, "sched_setaffinity"):  # a browser counts cores, and pytest's processes have one each
            os.sched_setaffinity(self.driver.pid, range(os.cpu_count() or 1))
        try:
            self.root = self._address()
            self.session = self._new_session()
            self.devtools("Network.enable", {})
            if not online:
                self.go_offline()
        except BaseException:
            self.close()
            raise

    def go_offline(self) -> None:
        """Take the network away."""
        self.devtools("Network.emulateNetworkConditions", OFFLINE)

    def close(self) -> None:
        """End the browser, then its driver, whatever state they are in."""
        with contextlib.suppress(OSError, RuntimeError, AttributeError):
            self._send("DELETE", f"/session/{self.session}")
        self.driver.terminate()
        try:
            self.driver.wait(10)
        except subprocess.TimeoutExpired:
            self.driver.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.driver.pid, signal.SIGKILL)  # a browser that outlived its driver
        shutil.rmtree(self.folder, ignore_errors=True)

    def alive(self) -> bool:
        """Whether the browser still answers."""
        try:
            return bool(self.run("return 1") == 1)
        except (OSError, RuntimeError):
            return False

    def _address(self) -> str:
        """Where the driver listens, once it says that it is ready."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and self.driver.poll() is None:
            if found := re.search(r"started successfully on port (\d+)", self.log.read_text(errors="replace")):
                self.root = f"http://127.0.0.1:{found[1]}"
                with contextlib.suppress(OSError):
                    if self._send("GET", "/status")["ready"]:
                        return self.root
            time.sleep(0.02)
        raise RuntimeError(f"chromedriver did not start ({self.driver.poll()}): {self.log.read_text(errors='replace')[-2000:]}")

    def _new_session(self) -> str:
        """A browser of its own; where a busy machine lets the first one die at its start, a second is tried."""
        options = {"binary": CHROMIUM, "args": [*SWITCHES, f"--user-data-dir={self.folder / 'profile'}"]}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        body = {"capabilities": {"alwaysMatch": capabilities}}
        try:
            return str(self._send("POST", "/session", body)["sessionId"])
        except (OSError, RuntimeError):
            shutil.rmtree(self.folder / "profile", ignore_errors=True)
            return str(self._send("POST", "/session", body)["sessionId"])

    def open(self, place: Path | str, width: int, height: int = 900, dark: bool = False, touch: bool = False) -> None:
        """Load a file, or an address, anew with this viewport."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.devtools("Emulation.setDeviceMetricsOverride", size)
        self.devtools("Emulation.setTouchEmulationEnabled", {"enabled": touch})
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.devtools("Emulation.setEmulatedMedia", {"features": features})
        self._post("url", {"url": place if isinstance(place, str) else place.resolve().as_uri()})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns (``arguments`` are its)."""
        return self._post("execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        """The visible text of one element."""
        return str(self.run("return document.querySelector(arguments[0]).innerText", selector))

    def texts(self, selector: str) -> list[str]:
        """The visible texts of all visible elements."""
        return list(
            self.run("return [...document.querySelectorAll(arguments[0])].filter(e => e.checkVisibility()).map(e => e.innerText)", selector)
        )

    def click(self, selector: str) -> None:
        """Scroll an element into view and click it with the mouse."""
        self._post(f"element/{self._find(selector)}/click", {})

    def type(self, selector: str, text: str) -> None:
        """Type into an element; keys are written as in the protocol (``\\ue014`` is the right arrow)."""
        self._post(f"element/{self._find(selector)}/value", {"text": text})

    def hover(self, selector: str) -> None:
        """Move the mouse over an element's middle."""
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center', behavior: 'instant'})", selector)
        time.sleep(0.1)
        target = {"type": "pointerMove", "duration": 50, "x": 0, "y": 0, "origin": {ELEMENT: self._find(selector)}}
        self._post(
            "actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [target]}]}
        )

    def devtools(self, command: str, parameters: dict[str, Any]) -> Any:
        """A command of the DevTools protocol."""
        return self._post("goog/cdp/execute", {"cmd": command, "params": parameters})

    def console(self) -> list[str]:
        """Every message of the console since it was last asked for."""
        return [f"{entry['level']} {entry['message']}" for entry in self._post("se/log", {"type": "browser"})]

    def shoot(self, path: Path, whole: bool = True) -> Path:
        """A picture of the whole page, or of what is in view."""
        path.parent.mkdir(parents=True, exist_ok=True)
        how = {"captureBeyondViewport": whole, "format": "png", "optimizeForSpeed": True}
        path.write_bytes(base64.b64decode(self.devtools("Page.captureScreenshot", how)["data"]))
        return path

    def _find(self, selector: str) -> str:
        return str(self._post("element", {"using": "css selector", "value": selector})[ELEMENT])

    def _post(self, command: str, body: dict[str, Any]) -> Any:
        return self._send("POST", f"/session/{self.session}/{command}", body)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self.root + path, None if body is None else json.dumps(body).encode(), method=method)
        try:
            with LOCAL.open(request, timeout=PATIENCE_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"].splitlines()[0]) from error
