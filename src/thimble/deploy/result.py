"""What a page measured in a browser, as a study: its rounds become a measuring run like any other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from thimble.core.artifact import Artifact
from thimble.core.bounds import Amount, Count
from thimble.core.errors import BadInput
from thimble.core.reading import converted, decoded
from thimble.core.study import Candidate, Limits, Run, Size, Study, TaskInfo
from thimble.core.study_check import checked
from thimble.core.verdict import Status
from thimble.stats import diagnose

DEVICE, RUNTIME = "browser", "onnxruntime-web"
FORMAT = 1


@dataclass(frozen=True)
class Measured:
    """One model as the page measured it. ``bundled`` is the one that the bundle hands over, else it is the reference."""

    name: str
    artifact: Artifact
    load_ms: Amount
    first_inference_ms: Amount
    deflated_bytes: Count
    bundled: bool


@dataclass(frozen=True)
class Result:
    """A page's result: what was checked, and one measuring run.

    ``files`` is how many files had the manifest's SHA-256, ``None`` where the browser computes none. ``golden`` and
    ``preprocessing`` are as in ``verification.json``.
    """

    kind: Literal["thimble-measurement"]
    format: Count
    bundle: str
    members: tuple[Measured, ...]
    run: Run
    golden: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""
    manifest_sha256: str = ""
    files: Count | None = None
    preprocessing: dict[str, Any] | None = None


def read_result(content: bytes, file: Path) -> Result:
    """A page's result from its JSON; raises `BadInput` in one line for anything else. ``file`` is named in messages."""
    told = decoded(content, file, "result of a page")
    if isinstance(told, dict) and told.get("kind") == "thimble-measurement" and told.get("format") != FORMAT:
        raise BadInput(f"{file} has format {str(told.get('format'))[:20]}; this version reads format {FORMAT}")
    result = converted(told, Result, file, "result of a page")
    if {one.name for one in result.members} != set(result.run.members) or len(result.members) != len(result.run.members):
        raise BadInput(f"{file} is not a valid result of a page: its models are not those of its measuring run")
    if not result.run.rounds:
        raise BadInput(f"{file} is not a valid result of a page: it has no rounds")
    return result


def study_of(result: Result, file: Path) -> Study:
    """The result as a study of one measuring run, whose reference comes first. Raises `BadInput` where its parts don't fit.

    What a browser doesn't tell stays unknown: memory, other programs' load, the processor's name.
    """
    members = sorted(result.members, key=lambda one: one.name != result.run.reference)
    series = {one.name: [turn.samples_ms[one.name] for turn in result.run.rounds if one.name in turn.samples_ms] for one in members}
    odd = tuple(advice for name, rounds in series.items() if len(rounds) > 1 for advice in diagnose(rounds, name))
    run = replace(result.run, warnings=(*result.run.warnings, *odd))
    study = Study(
        name="measure",
        model=", ".join(one.name for one in members),
        task=TaskInfo("", "", "agreement", "%", True, (), {}),
        environment=run.environment,
        threads=run.threads,
        seed=run.seed,
        limits=Limits(),
        candidates=tuple(_candidate(one, result) for one in members),
        runs=(run,),
        joint_run=run.id,
        started=run.started,
        complete=True,
        opened=True,
        device=DEVICE,
    )
    return checked(study, file)


def _candidate(one: Measured, result: Result) -> Candidate:
    size = Size(one.artifact.bytes, one.deflated_bytes)
    probes = {"browser": {"load_ms": one.load_ms, "first_inference_ms": one.first_inference_ms}}
    recipe = result.recipe if one.bundled else "to_onnx()"
    return Candidate(one.name, recipe, RUNTIME, status=Status.OK, artifact=one.artifact, size=size, probes=probes)
