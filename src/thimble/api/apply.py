"""Build one recipe on a model, and leave the artifact in a folder that can be taken away."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thimble.api._beside import Beside, beside
from thimble.api.options import check
from thimble.api.request import Apply
from thimble.core.artifact import MANIFEST, Artifact, read_manifest, write_manifest
from thimble.core.aside import new_folder, writing
from thimble.core.errors import BadInput, CannotWrite, NotWritten, UnknownName
from thimble.core.paths import check_writable
from thimble.core.processor import features
from thimble.core.recipe import Recipe, parse_recipe, recipe
from thimble.core.registry import RUNTIMES, STEPS
from thimble.core.seen import SEEN, digests_of, read_seen, write_seen
from thimble.core.step import Progress, Step, step_name, step_text
from thimble.core.study import Size, StepRecord
from thimble.core.subject import Subject
from thimble.core.task import SPLITS
from thimble.core.temporary import temporary_folder
from thimble.core.values import first_line
from thimble.devices.processor import available_cores
from thimble.formats import describe

if TYPE_CHECKING:
    from thimble.api.resolve import Matched
    from thimble.core.task import Task
    from thimble.engine.build import Builder, Built
    from thimble.engine.keys import Source
    from thimble.engine.store import Store
    from thimble.search.candidates import Situation
    from thimble.study.telling import Listen

_BARE = re.compile(r"[\w-]+")


@dataclass(frozen=True)
class Change:
    """What one step, or opening the model, left: its format, counts where it is a network in memory, else bytes.

    ``inserted`` says that the recipe does not name the step: it is the exporter between two formats.
    """

    text: str
    format: str
    parameters: int | None = None
    macs: int | None = None
    bytes: int | None = None
    seconds: float = 0.0
    cached: bool = False
    inserted: bool = False
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Applied:
    """The artifact in ``folder``, what opens it, what must be shipped, how it came about, the model as given first, and what it is
    beside the file that was quantized."""

    folder: Path
    recipe: str
    runtime: str
    artifact: Artifact
    size: Size
    changes: tuple[Change, ...]
    beside: Beside | None = None


def apply(options: Apply, out: Path | str, listen: Listen | None = None, store: Store | None = None) -> Applied:
    """Carry out the recipe and leave the artifact in ``out``, which can be copied away and still runs.

    ``out`` may hold an artifact and nothing else: it is replaced as a whole, when the new one is complete. Finished
    steps come from the store. Raises `BadInput` for what can't be, before anything long begins, and what the steps raise. Whether
    ``out`` can be written is tried first; where it can't be any more at the end, `NotWritten` holds the figures.
    """
    from thimble.engine.process import StepsProcess
    from thimble.engine.store import Store

    out = Path(out)
    check(options)
    check_replaceable(out)
    check_writable(out)
    source, task, wanted = _prepared(options)
    store = store or Store()
    with StepsProcess() as process, ExitStack() as left:
        from thimble.engine.build import Builder

        builder = Builder(store, process, source)
        opened = _opened(builder, task, _telling(listen, "opening the model", 0.0, 0.1))
        built = builder.build(wanted, _telling(listen, wanted.name, 0.1, 0.95))
        seen = (digests_of(task, built.splits) if task else frozenset()) | read_seen(options.model)
        place, trouble = out, None
        try:
            artifact = _placed(built, out, task, seen)
        except CannotWrite as error:
            place, trouble = left.enter_context(temporary_folder()) / "artifact", error
            artifact = _placed(built, place, task, seen)
        size = _weighed(builder, built, place, artifact)
        _telling(listen, "measuring its speed briefly", 0.95, 1.0)(0.0, "")
        found = beside(builder, built, opened, Subject("after", place, artifact, wanted.runtime, source.threads), task)
    applied = Applied(out, wanted.text, wanted.runtime, artifact, size, _changes(options, opened, built, wanted, builder), found)
    if trouble is not None:
        raise NotWritten(str(trouble), applied) from trouble
    return applied


def check_replaceable(out: Path) -> None:
    """Raise `BadInput` where a folder holds anything but an artifact, which would be lost."""
    if not out.exists():
        return
    if not out.is_dir():
        raise BadInput(f"--out {out} is a file; name a folder that does not exist yet")
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    own = {MANIFEST, SEEN, *(file.path for file in read_manifest(out).files)} if MANIFEST in there else set()
    if foreign := sorted(there - own):
        raise BadInput(f"--out {out} holds {foreign[0]}, which is not part of an artifact; name another folder, or empty it")


def named_or_parsed(text: str, situation: Situation, runtime: str | None = None) -> Recipe:
    """The recipe that a text names or spells, as it is for a model and its data.

    Raises `UnknownName` with the known names for one bare word, and what `parse_recipe` raises.
    """
    from thimble.search.named import named_recipes

    if runtime is not None:
        RUNTIMES.get(runtime)
    known = named_recipes(situation)
    if text in known:
        return replace(known[text], runtime=runtime or known[text].runtime)
    if _BARE.fullmatch(text) and text not in STEPS.names():
        raise UnknownName("recipe or step", text, [*known, *STEPS.names()])
    steps = parse_recipe(text)
    if not steps and situation.format == "onnx":
        runtime = runtime or "onnxruntime"
    return recipe("recipe", text, runtime)


def check_route(steps: tuple[Step, ...], format: str, runtime: str) -> None:
    """Raise `BadInput` where a step, or the runtime, can't be reached from the format before it."""
    from thimble.core.recipe import exports

    def meets(wanted: str) -> bool:
        return format == wanted or any(exports(cls, format, wanted) for cls in STEPS.all().values())

    for step in steps:
        if not meets(step.consumes):
            raise BadInput(f"{step_text(step)} needs {step.consumes} but gets {format}; no exporter converts {format} to {step.consumes}")
        format = step.produces
    formats = RUNTIMES.get(runtime).formats
    if not any(map(meets, formats)):
        raise BadInput(
            f"{RUNTIMES.get(runtime).title} opens {' and '.join(formats)}, and the recipe ends in {format}; choose another --runtime"
        )


def _prepared(options: Apply) -> tuple[Source, Task | None, Recipe]:
    """Where the work begins, the data where there are some, and the recipe; everything that can be checked is."""
    from thimble.api.resolve import matched, model_spec, trainable
    from thimble.data import split_info
    from thimble.engine.keys import Source
    from thimble.models import changeable, fingerprint
    from thimble.search.candidates import Situation

    found = matched(options, options.data) if options.data else None
    format = changeable(options.model)
    samples = len(found.task.split("train")) if found and trainable(found.task) else 1
    situation = Situation(format, samples, found.task.metric if found else "accuracy")
    wanted = named_or_parsed(options.recipe, situation, options.runtime)
    check_route(wanted.steps, format, wanted.runtime)
    _check_data(wanted.steps, found)
    alone = model_spec(options, options.model, weights=options.weights, seed=options.seed, named=True)
    model = found.model if found else alone
    facts = {}
    if found:
        how = repr(found.task.preprocess)
        facts = {name: f"{info.fingerprint} {how}" for name, info in split_info(found.task).items() if name != "test"}
    threads = options.threads or len(available_cores())
    source = Source(model, found.spec if found else None, fingerprint(model), facts, features(), seed=options.seed, threads=threads)
    return source, found.task if found else None, wanted


def _check_data(steps: tuple[Step, ...], found: Matched | None) -> None:
    """Raise `BadInput` where a step needs data, or a split of them, that are not there."""
    from thimble.data import present_splits

    there = present_splits(found.task) if found else {}
    for step in steps:
        needed = set(SPLITS) - set(getattr(step, "helpful", ()))
        missing = [name for name in step.uses if name in needed and name not in there]
        if missing and found is None:
            raise BadInput(
                f"{step_text(step)} needs {missing[0]} data: give them with --data, such as --data digits or --data imagefolder:DIR"
            )
        if missing:
            raise BadInput(f"{step_text(step)} needs a {missing[0]} split, but the data have {', '.join(there)}")


def _opened(builder: Builder, task: Task | None, progress: Progress) -> Built:
    """The model as given; data that don't fit it are refused."""
    from thimble.data import check_task
    from thimble.models import head_of

    progress(0.0, "")
    opened = builder.open_untrained()
    if task is not None:
        outputs = opened.model.notes.get("output_shapes", {})
        check_task(task, head_of(outputs), outputs, needed=())
    return opened


def _telling(listen: Listen | None, what: str, begin: float, end: float) -> Progress:
    """A step's progress as events of a part of the whole."""
    from thimble.study.telling import Event

    def told(done: float, words: str) -> None:
        if listen is not None:
            listen(Event(begin + (end - begin) * done, words or what))

    return told


def _placed(built: Built, out: Path, task: Task | None, seen: frozenset[bytes]) -> Artifact:
    """Copy the artifact out of the store, beside its place, and put it there when it is complete."""
    with writing(out), new_folder(out) as aside:
        shutil.copytree(built.model.folder, aside, dirs_exist_ok=True)
        made = replace(built.model, payload=aside)
        artifact = describe(made, task.preprocess if task else None, task.labels if task else ())
        write_manifest(artifact, aside)
        write_seen(seen, aside)
        check_replaceable(out)
    return artifact


def _weighed(builder: Builder, built: Built, out: Path, artifact: Artifact) -> Size:
    """What must be shipped, from the store where it was read before; MACs of the network where the format tells none."""
    from thimble.engine.build import weigh

    key = f"applied-{built.key}"
    size = builder.store.value(key, Size) or weigh(builder.process, out, artifact)
    builder.store.keep_value(key, size)
    counted = next((step for step in reversed(built.steps) if step.macs is not None), None)
    told = {"macs": counted.macs, "parameters": counted.parameters} if counted else builder.told(builder.open_untrained().key)
    return replace(size, macs=size.macs or told.get("macs"), parameters=size.parameters or told.get("parameters"))


def _changes(options: Apply, opened: Built, built: Built, wanted: Recipe, builder: Builder) -> tuple[Change, ...]:
    told, named = builder.told(opened.key), [step_name(step) for step in wanted.steps]
    first = Change(options.model, opened.model.format, told.get("parameters"), told.get("macs"), notes=dict(opened.model.notes))
    if opened.model.format != "torch":
        first = replace(first, bytes=_bytes(opened.model.folder))
    made = [first]
    for record in built.steps:
        asked = bool(named) and record.name == named[0]
        named = named[1:] if asked else named
        made.append(_change(record, not asked, builder))
    return tuple(made)


def _change(record: StepRecord, inserted: bool, builder: Builder) -> Change:
    kept = builder.store.describe(record.key)
    return Change(
        text=record.text,
        format=record.format,
        parameters=record.parameters,
        macs=record.macs,
        bytes=None if record.format == "torch" else _bytes(kept.folder),
        seconds=record.seconds,
        cached=record.cached,
        inserted=inserted,
        notes={name: first_line(note) if isinstance(note, str) else note for name, note in record.notes.items()},
    )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
