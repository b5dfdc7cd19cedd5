"""A bundle's page in a real browser: it recognises digits, proves itself, measures, and works without a network."""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from chromium import MISSING, Browser
from thimble.api._choice import reference_of
from thimble.api.bundle import bundle
from thimble.api.measure import imported, measure
from thimble.api.request import Bundle, Measure
from thimble.api.serve import Serving, is_browser, serving, serving_at
from thimble.api.verify import verify
from thimble.cli import thimble
from thimble.core.errors import BadInput
from thimble.core.preprocess import Preprocess
from thimble.core.serving import LOCAL, Access, Server
from thimble.core.study import StepRecord, read_study
from thimble.core.task import TaskSpec
from thimble.data import open_task
from thimble.deploy.manifest import read_manifest
from thimble.deploy.targets.web import INSTALL, RUNTIME_FILES

ORT_WEB = Path(os.environ.get("THIMBLE_ORT_WEB", "node_modules/onnxruntime-web")).resolve()
HERE = urllib.request.build_opener(urllib.request.ProxyHandler({}))
NO_BROWSER = MISSING or (
    None if (ORT_WEB / "package.json").is_file() else f"onnxruntime-web is not in node_modules, nor in THIMBLE_ORT_WEB ({INSTALL})"
)
browsing = pytest.mark.skipif(NO_BROWSER is not None, reason=NO_BROWSER or "")


def package(folder: Path, version: str = "1.30.0") -> Path:
    """An npm package with the names of ONNX Runtime Web's files, for what needs no browser."""
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "onnxruntime-web", "version": version, "license": "MIT"}))
    for name in RUNTIME_FILES:
        (folder / "dist" / name).write_bytes(name.encode())
    return folder


@pytest.fixture(scope="module")
def web(handmade: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study's INT8 candidate as a bundle for browsers; with a runtime that runs where there is one."""
    folder = tmp_path_factory.mktemp("web")
    bundle(handmade, folder / "bundle", Bundle(target="web", runtime_files=ORT_WEB if NO_BROWSER is None else package(folder / "npm")))
    return folder / "bundle"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    started = Browser(online=True)
    yield started
    started.close()


def waited(browser: Browser, script: str, seconds: float = 60) -> Any:
    """What a script returns, once that is true."""
    until = time.monotonic() + seconds
    while not (found := browser.run(script)):
        problem = browser.run("const p = document.getElementById('problem'); return p && !p.hidden ? p.textContent : ''")
        assert not problem, problem
        assert time.monotonic() < until, browser.run("return document.body.innerText") + str(browser.console())
        time.sleep(0.1)
    return found


class Served:
    """A bundle's page, served in a thread; what it sends is kept."""

    def __init__(self, place: Path) -> None:
        self.results: list[bytes] = []
        self.context = serving(place, Serving(threads=2), self.results.append)

    def __enter__(self) -> Served:
        self.server = self.context.__enter__()
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.shutdown()
        self.thread.join()
        self.context.__exit__(*error)


def test_it_holds_the_page_the_models_and_the_runtime_and_no_python(web: Path) -> None:
    manifest = read_manifest(web)
    names = {file.path for file in manifest.files}
    assert {"index.html", "page.js", "sw.js", "model/model.onnx", "reference/model.onnx", "golden/golden.npz"} <= names
    assert {f"runtime/{name}" for name in RUNTIME_FILES} <= names
    assert not [name for name in names if name.endswith(".py")]
    assert manifest.target == "web"
    assert manifest.ships == {"onnxruntime-web": "1.30.0"}
    assert manifest.licences["onnxruntime-web"] == "MIT"
    assert manifest.reference is not None
    assert verify(web, timing=False)["golden"]["samples"] == 16


def test_the_reference_is_the_unchanged_network_however_the_baseline_was_made(handmade: Path) -> None:
    study = read_study(handmade)
    trained = StepRecord("train", "train(12)", {}, 1, 1.0, False, "torch", "k")
    study = replace(study, candidates=tuple(replace(one, steps=(trained, *one.steps)) for one in study.candidates))
    found = reference_of(study, "web", "int8")
    assert found is not None
    assert found.name == "onnx"
    assert reference_of(study, "web", "onnx") is None
    assert reference_of(study, "linux", "int8") is None


def test_a_missing_runtime_is_said_with_the_command(handmade: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match=r"Run `npm install onnxruntime-web@1\.30\.0`"):
        bundle(handmade, tmp_path / "b", Bundle(target="web"))
    other = package(tmp_path / "npm")
    (other / "dist" / RUNTIME_FILES[2]).unlink()
    with pytest.raises(BadInput, match=r"has no ort-wasm-simd-threaded\.wasm"):
        bundle(handmade, tmp_path / "b", Bundle(target="web", runtime_files=other))
    (other / "package.json").write_text("[1]")
    with pytest.raises(BadInput, match=r"package\.json can't be read"):
        bundle(handmade, tmp_path / "b", Bundle(target="web", runtime_files=other))
    assert not (tmp_path / "b").exists()
    with pytest.raises(BadInput, match=r"unknown target 'wbe'.*linux, micro, web"):
        bundle(handmade, tmp_path / "b", Bundle(target="wbe"))


@browsing
def test_a_digit_is_recognised_and_the_bundle_proves_itself_and_measures(web: Path, browser: Browser, tmp_path: Path) -> None:
    with Served(web) as served:
        browser.open(served.server.address, 390, touch=True)
        waited(browser, "return document.body.dataset.state === 'ready'")
        assert browser.run("return crossOriginIsolated")
        assert browser.run("return document.documentElement.scrollWidth") <= 390
        test = open_task(TaskSpec("digits", preprocess=Preprocess(size=8), weights_given=True)).split("test")
        wanted = str(next(iter(test.batches(len(test)))).targets[3 * len(test) // 16])
        browser.run("document.getElementById('file').style.opacity = 1")
        browser.type("#file", str(web / "golden" / "image_3.png"))
        assert waited(browser, "return document.querySelector('#answer li span')?.textContent") == wanted
        browser.click("#measure")
        waited(browser, "return document.body.dataset.state === 'measured'", 120)
        assert "golden answers: 16 hold" in browser.text("#checks")
        assert "largest difference 0" in browser.text("#checks")
        waited(browser, "return document.body.dataset.offline === 'ready'")
        browser.shoot(tmp_path / "page.png")
    study = imported_bytes(served.results[0], tmp_path)
    assert [candidate.name for candidate in study.candidates] == ["fp32", "int8"]
    run = study.run(study.joint_run or "")
    assert len(run.rounds) == 25
    assert run.threads == 2
    assert all(set(turn.samples_ms) == {"fp32", "int8"} for turn in run.rounds)
    assert study.device == "browser"
    # the server is gone: the page opens from what the device kept, threads included
    browser.run("location.reload()")
    waited(browser, "return document.body.dataset.state === 'ready' && crossOriginIsolated")


def imported_bytes(content: bytes, folder: Path) -> Any:
    (folder / "result.json").write_bytes(content)
    return imported(folder / "result.json", folder / "study")


@browsing
def test_a_page_feeds_pixels_where_the_graph_normalises(handmade: Path, browser: Browser, tmp_path: Path) -> None:
    bundle(handmade, tmp_path / "b", Bundle(target="web", runtime_files=ORT_WEB, bake_preprocessing=True))
    with Served(tmp_path / "b") as served:
        browser.open(served.server.address, 390)
        waited(browser, "return document.body.dataset.state === 'ready'")
        script = """
            const { checkGolden, checkPreprocessing, sample } = await import("./check.js"), { Member } = await import("./member.js");
            const { npz } = await import("./npz.js"), { preprocessed, decoded } = await import("./preprocess.js");
            const manifest = await (await fetch("manifest.json")).json(), get = async (path) => (await fetch(path)).arrayBuffer();
            const held = await npz(await get(manifest.golden.file)), image = new Blob([await get("golden/image_0.png")]);
            const model = new Member("int8", manifest.artifact, "model"), fp32 = new Member("fp32", manifest.reference, "reference");
            await model.open(1);
            await fp32.open(1);
            const one = preprocessed(await decoded(image), manifest.artifact.preprocess);
            const outputs = await fp32.run(sample(manifest, held, 0));
            const checks = [await checkGolden(manifest, model, () => 0), await checkPreprocessing(manifest)];
            return [...checks, one.type, one.dims, outputs.output.data.length];"""
        golden, preprocessing, kind, dims, length = browser.run(f"return (async () => {{{script}}})()")
    assert golden["samples"] == 16
    assert preprocessing == {"images": 16, "largest_difference": 0}
    assert (kind, dims, length) == ("uint8", [8, 8, 3], 10)


@browsing
def test_measuring_on_a_browser_ends_with_the_study(web: Path, browser: Browser) -> None:
    study = measure(
        [str(web)],
        Measure(on="browser", threads=1),
        tell=lambda address: threading.Thread(target=browser.open, args=(address, 390)).start(),
    )
    assert [candidate.name for candidate in study.candidates] == ["fp32", "int8"]
    assert study.run(study.joint_run or "").threads == 1


@browsing
def test_changed_files_and_answers_are_found(web: Path, browser: Browser, tmp_path: Path) -> None:
    shutil.copytree(web, tmp_path / "b")
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_bytes())
    manifest["golden"]["tolerance"]["output"]["absolute"] = -1.0
    (tmp_path / "b" / "manifest.json").write_text(json.dumps(manifest))
    with Served(tmp_path / "b") as served:
        for problem in ("golden sample 0: output 'output' differs by", "page.css is changed"):
            browser.open(served.server.address, 390)
            waited(browser, "return document.body.dataset.state === 'ready'")
            browser.click("#measure")
            found = ""
            until = time.monotonic() + 60
            while not found and time.monotonic() < until:
                found = browser.run("return document.getElementById('problem').textContent")
            assert problem in found
            browser.run("navigator.serviceWorker.getRegistrations().then(all => all.forEach(one => one.unregister()))")
            (tmp_path / "b" / "page.css").write_bytes(b"body {}")


FILTERS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


@browsing
def test_preprocessing_is_the_same_to_the_last_bit(web: Path, browser: Browser, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    specs = [
        Preprocess(size=9, resize=resize, resample=name, width=width) for name in FILTERS for resize, width in ((None, 12), (11, None))
    ]
    specs += [
        Preprocess(size=24, channels="grey", mean=(0.3,), std=(0.2,), layout="hwc"),
        Preprocess(size=7, channels="bgr", scale=255.0, mean=(1.0, 2.0, 3.0)),
        Preprocess(size=5, dtype="uint8"),
        Preprocess(size=40, resize=20),
        Preprocess(size=25, resize=None, width=33, pad=114),
        Preprocess(size=12, resize=None, channels="grey", mean=(0.0,), std=(1.0,), pad=0),
    ]
    with Served(web) as served:
        browser.open(served.server.address, 390)
        for i, (width, height) in enumerate(((31, 17), (8, 23))):
            image = Image.fromarray(draw.integers(0, 256, (height, width, 3), np.uint8))
            image.save(web / "page.css.png")
            served.server.pages[f"/{i}.png"] = (web / "page.css.png").read_bytes()
            (web / "page.css.png").unlink()
            for spec in specs:
                script = """
                    const { preprocessed, decoded } = await import("./preprocess.js");
                    return [...preprocessed(await decoded(await (await fetch(arguments[0])).blob()), arguments[1]).data];"""
                told = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(spec).items()}
                found = browser.run(f"return (async (...a) => {{{script.replace('arguments', 'a')}}})(...arguments)", f"{i}.png", told)
                np.testing.assert_array_equal(np.asarray(found, np.float32), spec(image).astype(np.float32).ravel(), str(spec))


def asked(address: str, **headers: str) -> tuple[int, Any]:
    try:
        with HERE.open(urllib.request.Request(address, headers=headers), timeout=10) as answer:
            return answer.status, answer
    except urllib.error.HTTPError as error:
        return error.code, error


def sent(address: str, content: bytes, **headers: str) -> int:
    request = urllib.request.Request(address, content, {"Content-Type": "application/json", **headers}, method="POST")
    try:
        with HERE.open(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def run_server() -> Iterator[Callable[[Server], str]]:
    running: list[Server] = []

    def run(server: Server) -> str:
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://{LOCAL}:{server.server_port}"

    yield run
    for server in running:
        server.shutdown()
        server.server_close()


def test_a_token_lets_one_browser_in_once(run_server: Callable[[Server], str]) -> None:
    server = Server({"/": b"page"}, access=Access(token="secret"))
    root = run_server(server)
    assert server.address == f"{root}/?token=secret"
    assert asked(root)[0] == 403
    assert asked(f"{root}/?token=guess")[0] == 403
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor())
    with opener.open(server.address, timeout=10) as answer:
        assert answer.read() == b"page"
        assert answer.headers["Content-Type"] == "text/html"  # any other is downloaded, not shown
        assert "token" not in answer.url
    with opener.open(root, timeout=10) as answer:
        assert answer.read() == b"page"
    assert asked(server.address)[0] == 403
    assert asked(root, Cookie="thimble=guess")[0] == 403
    assert asked(root, Host="evil.example")[0] == 403


def test_only_its_own_pages_may_send(run_server: Callable[[Server], str]) -> None:
    taken: list[bytes] = []

    def take(content: bytes) -> None:
        taken.append(content)
        if content == b"bad":
            raise BadInput("no")

    root = run_server(Server({}, access=Access(posts={"/results": take})))
    assert sent(f"{root}/results", b"{}", Origin=root) == 200
    assert sent(f"{root}/results", b"bad", Origin=root) == 400
    assert sent(f"{root}/results", b"{}", Origin="http://evil.example") == 403
    assert sent(f"{root}/results", b"{}") == 403
    assert sent(f"{root}/elsewhere", b"{}", Origin=root) == 404
    assert taken == [b"{}", b"bad"]


def result() -> dict[str, Any]:
    file = {"path": "model.onnx", "bytes": 10, "sha256": "0" * 64}
    artifact = {"format": "onnx", "main": "model.onnx", "files": [file], "inputs": [], "outputs": ["y"]}
    members = [
        {"name": name, "artifact": artifact, "load_ms": 5.0, "first_inference_ms": 1.0, "deflated_bytes": 9, "bundled": name == "int8"}
        for name in ("fp32", "int8")
    ]
    rounds = [
        {"order": ["fp32", "int8"], "samples_ms": {"fp32": [2.0, 2.0 + i / 1e3], "int8": [1.0, 1.0 + i / 1e3]}, "at_s": i}
        for i in range(25)
    ]
    where = dict.fromkeys(("machine", "processor", "system", "python", "governor"), "")
    environment = {**where, "features": [], "cores": 8, "memory_mb": 0}
    run = {"id": "r", "members": ["fp32", "int8"], "reference": "fp32", "seed": 0, "threads": 1, "batch": 1, "rounds": rounds}
    return {"kind": "thimble-measurement", "format": 1, "bundle": "b", "members": members, "run": {**run, "environment": environment}}


def test_a_saved_result_is_shown_like_any_measurement(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(json.dumps(result()))
    found = CliRunner().invoke(thimble, ["measure", "--import", str(tmp_path / "r.json"), "--out", str(tmp_path / "study")])
    assert found.exit_code == 0, found.output
    assert "int8: faster than fp32: 1.99 times as fast" in found.output.replace("\n", " ")
    assert "onnxruntime-web" in found.output
    assert (tmp_path / "study" / "study.json").is_file()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told.update(format=2), "has format 2; this version reads format 1"),
        (lambda told: told.update(kind="x"), "is not a valid result of a page"),
        (lambda told: told["members"].pop(), "its models are not those"),
        (lambda told: told["run"].update(rounds=[]), "has no rounds"),
        (lambda told: told["run"]["rounds"][0]["samples_ms"].update(fp32=[-1.0]), "is not a valid result of a page"),
        (lambda told: told["run"].update(reference="x"), "reference"),
    ],
)
def test_a_result_that_does_not_hold_together_is_refused(change: Callable[[Any], Any], said: str, tmp_path: Path) -> None:
    told = result()
    change(told)
    (tmp_path / "r.json").write_text(json.dumps(told))
    with pytest.raises(BadInput, match=said):
        imported(tmp_path / "r.json")


def test_addresses_of_browsers(web: Path, tmp_path: Path, handmade: Path) -> None:
    at = serving_at("browser:192.168.1.7:8000", print)
    assert (at.host, at.port, at.at_once) == ("192.168.1.7", 8000, True)
    assert [is_browser(device) for device in ("browser", "browser:192.168.1.7", "local", "ssh://browser:22")] == [True, True, False, False]
    for address in ("browser:1.2.3.4:70000", "browser:a/b"):
        with pytest.raises(BadInput, match="is no address"):
            serving_at(address, print)
    for host in ("example.org", "::1"):
        with pytest.raises(BadInput, match="--host"), serving(web, Serving(host), print):
            pass
    with pytest.raises(BadInput, match="leave out --data"):
        measure([str(web)], Measure(on="browser", data="digits"))
    with pytest.raises(BadInput, match="one bundle"):
        measure([str(web), str(web)], Measure(on="browser"))
    bundle(handmade, tmp_path / "linux")
    with pytest.raises(BadInput, match="thimble bundle --target web"):
        measure([str(tmp_path / "linux")], Measure(on="browser"))
