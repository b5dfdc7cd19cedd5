"""A limit stands once: one field of `Limits` more, in a copy of the package, is an option, a verdict, and a word in every report."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import thimble
from thimble.core.limit import Limits, set_limits, table

STORED = Path(__file__).parents[1] / "stored"

FIELD = """    max_joules: (
        Annotated[
            float,
            Meta(ge=1e-6, le=LARGEST),
            Limit(
                "Largest energy of one inference.",
                "0.5",
                metavar="J",
                figure=lambda row: row.probes.get("energy.joules"),
                unit=" J",
                says="needs {} for an inference",
                asks="at most {} for an inference",
                lacks="energy",
                early=" at a first look",
            ),
        ]
        | None
    ) = None
"""

USED = """
import sys
from dataclasses import replace
from pathlib import Path

from thimble import Fit, Limits, config_text, read_config, read_study, summarize
from thimble.cli import thimble
from thimble.core.study import write_study
from thimble.decide.choose import choose
from thimble.decide.limits import hopeless, nearest
from thimble.report.html import Html
from thimble.report.markdown import Markdown

stored, folder = map(Path, sys.argv[1:])

def joules(study, used, limits):
    energy = {c.name: {"joules": used.get(c.name, 0.02), "joules_above_idle": 0.01} for c in study.candidates}
    probed = [replace(c, probes={**c.probes, "energy": energy[c.name]}) for c in study.candidates]
    return replace(study, limits=limits, candidates=tuple(probed))

asked = Fit("/m.onnx", "digits", Limits(max_joules=0.25))
(folder / "study.toml").write_text(config_text(asked))
assert "# Largest energy of one inference.\\nmax_joules = 0.25\\n" in (folder / "study.toml").read_text()
assert read_config(folder / "study.toml") == asked

lab = read_study(stored / "lab.json")
first = lab.chosen
thirsty = joules(lab, {first: 0.5}, Limits(max_joules=0.25))
assert hopeless(thirsty, first) == "needs 0.500 J for an inference at a first look; the limit is 0.25 J"
assert hopeless(thirsty, "baseline") is None
assert choose(thirsty) != first
assert nearest(thirsty) == [(first, "joules 0.500 J, 0.250 over the limit of 0.25 J")]
told = summarize(thirsty)
assert told.row(first).limits == {"joules": "broken"}
assert "but needs 0.500 J for an inference, 0.250 over the limit of 0.25 J" in told.recommendation

frugal = joules(lab, {}, Limits(max_joules=0.25))
assert summarize(frugal).recommendation.endswith("; proven: at most 0.25 J for an inference.")
unknown = summarize(replace(lab, limits=Limits(max_joules=0.25)))
assert "has no measured energy, so the limit on joules is not proven" in unknown.recommendation
for report in (Markdown(), Html()):
    written = "".join(path.read_text() for path in report.write(frugal, summarize(frugal), folder))
    assert "at most 0.25 J for an inference" in written, report
write_study(frugal, folder)
assert read_study(folder).limits == Limits(max_joules=0.25)

try:
    thimble.main(["fit", "--help"], standalone_mode=False)
    thimble.main(["fit", "/m.onnx", "--data", "digits", "--max-joules", "0"], standalone_mode=False)
except Exception as error:
    print(error)
"""


def test_another_limit_is_one_more_field(tmp_path: Path) -> None:
    package = tmp_path / "src" / "thimble"
    shutil.copytree(Path(thimble.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    source = (package / "core" / "limit.py").read_text(encoding="utf-8")
    assert source.count("    minimize: ") == 1
    (package / "core" / "limit.py").write_text(source.replace("    minimize: ", FIELD + "    minimize: "), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", USED, str(STORED), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--max-joules J" in done.stdout
    assert "--max-joules must be a number from 1e-06 to 1000000000, not 0" in done.stdout


def test_the_table_names_each_limit_after_its_field() -> None:
    assert list(table()) == ["drop", "size", "latency", "memory", "sqnr", "flash", "ram"]
    assert [(name, most) for name, _, most in set_limits(Limits(max_size=2.0, max_drop=0.0))] == [("drop", 0.0), ("size", 2.0)]
    assert set_limits(Limits()) == []


@pytest.mark.parametrize("name", table())
def test_a_limit_says_everything_that_is_asked_of_it(name: str) -> None:
    limit = table()[name]
    assert "{}" in limit.says
    assert "{}" in limit.asks
    assert limit.unit or limit.samples
    assert limit.help.endswith(".")
