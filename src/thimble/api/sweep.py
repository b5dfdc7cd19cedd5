"""A sweep: several models, data sets, devices and limits in one file, a fit of each combination, and one page over all."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from thimble.api.config import OUT, checked, fit_of, keys, parsed, shown_value
from thimble.api.options import Asked
from thimble.core.errors import BadInput, CannotWrite, EngineLost, ThimbleError
from thimble.core.swept import State, Swept

if TYPE_CHECKING:
    from thimble.api.request import Fit
    from thimble.core.study import Study
    from thimble.engine.store import Store
    from thimble.study.telling import Listen

MOST = 1000
"""Studies of one sweep, at most: a file that names more is most likely a mistake."""
PAGE = "sweep.html"


@dataclass(frozen=True)
class Part:
    """One study of a sweep: its name, which is its folder's, and what is asked."""

    name: str
    asked: Fit


def read_sweep(paths: Sequence[Path | str], engine: str | None = None) -> tuple[Part, ...]:
    """The studies that files ask for, in order: every key of a ``study.toml`` whose value is one thing may be a list of several.

    ``engine`` takes the place of the files' own. Raises `BadInput` in one line that names the file and the key.
    """
    parts: list[Part] = []
    for path in map(Path, paths):
        more = {"engine": engine} if engine else {}
        for words, values in _combined(path):
            values.pop("out", None)
            name = _name([*([path.stem] if len(paths) > 1 or not words else []), *words])
            parts.append(Part(name, fit_of({**values, **more}, str(path))))
    names = [part.name for part in parts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"two studies of the sweep would be {twice}: name each value once, and each file differently")
    if len(parts) > MOST:
        raise BadInput(f"the files ask for {len(parts):,} studies; a sweep has {MOST:,} at most: give fewer values")
    return tuple(parts)


def sweep(
    parts: Sequence[Part], out: Path | str = "runs/sweep", listen: Listen | None = None, store: Store | None = None
) -> tuple[Swept, ...]:
    """Carry out each study in a folder of its name in ``out``, and keep ``sweep.html`` over all of them up to date.

    A study that fails is recorded with its reason, and the sweep goes on; a second start goes on where the first one ended.
    `KeyboardInterrupt`, `EngineLost` and `CannotWrite` pass through with the page written.
    """
    from thimble.api.fit import fit
    from thimble.study.telling import part_of

    folder, found = Path(out), [_begun(part, Path(out)) for part in parts]
    _write(found, folder)
    for i, part in enumerate(parts):
        told = part_of(listen, i, len(parts), part.name)
        try:
            found[i] = _ended(part, fit(part.asked, folder / part.name, told, store))
        except (EngineLost, CannotWrite, KeyboardInterrupt):
            found[i] = _begun(part, folder)
            raise
        except ThimbleError as error:
            found[i] = replace(_asked(part), state=State.FAILED, reason=str(error))
        finally:
            _write(found, folder)
    return tuple(found)


def ended_well(found: Sequence[Swept]) -> None:
    """Raise the error of a sweep whose studies failed, or are not proven to meet their limits."""
    from thimble.core.errors import LimitsNotMet

    if failed := [one for one in found if one.state == State.FAILED]:
        raise ThimbleError(f"{len(failed)} of {len(found)} studies failed; {failed[0].name}: {failed[0].reason}")
    if open_ := [one.name for one in found if one.state != State.MET]:
        raise LimitsNotMet(f"no candidate is proven to meet the limits in {', '.join(open_)}")


def _combined(path: Path) -> list[tuple[list[str], dict[str, Any]]]:
    """Every combination of a file's values, each checked, with the words for those of which the file names several."""
    given, known = parsed(path), keys()
    several = {name: value for name, value in given.items() if name in known and _several(known[name], value)}
    for name, value in several.items():
        if not value:
            raise BadInput(f"{path}: {name} is an empty list; give a value, or leave {name} out")
    found = []
    for combination in itertools.product(*several.values()):
        chosen = dict(zip(several, combination, strict=True))
        words = [_word(name, value) for name, value in chosen.items() if len(several[name]) > 1]
        found.append((words, checked({**given, **chosen}, path)))
        if len(found) > MOST:
            raise BadInput(f"{path} asks for more than {MOST:,} studies: give fewer values")
    return found


def _several(one: Asked, value: Any) -> bool:
    """Return whether a value is a list of values, not one value that is a list itself."""
    return isinstance(value, list) and one is not OUT and get_origin(one.kind) not in (tuple, Sequence, Mapping, list)


def _word(name: str, value: Any) -> str:
    """A value as a part of a study's name: a model, data or a device by itself, a limit with its key."""
    if name in ("model", "data", "on", "student", "metric"):
        return str(value)
    return f"{name}-{shown_value(value)}"


def _name(words: Sequence[str]) -> str:
    """A folder's name of some words: only letters, digits, dots and hyphens, the beginnings of paths left out."""
    short = [re.sub(r"^(torchvision|timm|imagefolder|npz|npy|csv|hf):", "", word) for word in words]
    return "-".join(re.sub(r"[^\w.=-]+", "_", Path(word).name if "/" in word else word).strip("._") or "x" for word in short)[:120]


def _asked(part: Part) -> Swept:
    """A study of which nothing is known yet."""
    import msgspec

    asked = part.asked
    limits = {name: value for name, value in msgspec.to_builtins(asked.limits).items() if value is not None}
    words = ", ".join(f"--{name.replace('_', '-')} {value}" for name, value in limits.items())
    return Swept(part.name, asked.model, asked.data, asked.on, words, part.name, State.NOT_BEGUN)


def _begun(part: Part, folder: Path) -> Swept:
    """What an earlier start knows of a study, where there is one."""
    from thimble.core.study import read_study

    try:
        return _ended(part, read_study(folder / part.name))
    except BadInput:
        return _asked(part)


def _ended(part: Part, study: Study) -> Swept:
    from thimble.decide.summarize import summarize

    summary = summarize(study)
    row = summary.row(summary.chosen) if summary.chosen else None
    machine = f"{study.environment.processor}, {study.threads} thread{'' if study.threads == 1 else 's'}"
    found = replace(_asked(part), state=State.MET if summary.met else State.NOT_PROVEN, reason=summary.recommendation)
    return replace(found, row=row, machine=machine, complete=study.complete)


def _write(found: Sequence[Swept], folder: Path) -> None:
    from thimble.report._sweep import write_sweep

    write_sweep(found, folder / PAGE)
