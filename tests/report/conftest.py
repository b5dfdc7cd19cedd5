"""Golden studies, and a headless Chromium with the network off."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import pytest

from chromium import MISSING, Browser
from thimble.core.study import Study, read_study
from thimble.core.summary import Summary
from thimble.decide.summarize import summarize
from thimble.report.html import html_text

DATA = Path(__file__).parent.parent / "stored"
# ---- studies -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Golden:
    """A golden study with its summary."""

    name: str
    study: Study
    summary: Summary


GOLDENS = sorted(path.stem for path in DATA.glob("*.json"))


@lru_cache
def golden_of(name: str) -> Golden:
    """A golden study with the summary that was kept of it: reports are tested by themselves."""
    study, path = read_study(DATA / f"{name}.json"), DATA / "summaries" / f"{name}.json"
    if os.environ.get("THIMBLE_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(msgspec.json.encode(summarize(study)) + b"\n")
    return Golden(name, study, msgspec.json.decode(path.read_bytes(), type=Summary))


@pytest.fixture(params=GOLDENS)
def golden(request: pytest.FixtureRequest) -> Golden:
    """Each golden study in turn."""
    return golden_of(request.param)


@pytest.fixture
def golden_named() -> Callable[[str], Golden]:
    """A golden study by name."""
    return golden_of


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``NAME.html``, the page of every golden study."""
    folder = tmp_path_factory.mktemp("pages")
    for name in GOLDENS:
        one = golden_of(name)
        (folder / f"{name}.html").write_text(html_text(one.study, one.summary), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def browsers() -> Iterator[list[Browser]]:
    """The browser that all tests share; skips them where none is installed. One that can't start fails them all at once."""
    if MISSING:
        pytest.skip(MISSING)
    started = [Browser()]
    yield started
    for one in started:
        one.close()


@pytest.fixture
def browser(browsers: list[Browser]) -> Browser:
    """The shared browser, or a fresh one in the place of one that died."""
    if not browsers[0].alive():
        browsers[0].close()
        browsers[0] = Browser()
    return browsers[0]
