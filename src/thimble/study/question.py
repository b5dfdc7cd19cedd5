"""What a study asks, as a value: two starts with the same question may share a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from thimble.core.study import Study
from thimble.core.text import brief
from thimble.core.values import listed
from thimble.core.verdict import Status

GROWING = ("budget_s",)
"""Settings that don't change the question: more time for the same one."""


@dataclass(frozen=True)
class Question:
    """What a study asks, as texts that people can read: two studies with the same ones may share a folder.

    ``asked`` holds the command, the model, the data, limits, seed and settings by name; ``recipes`` the candidates by name, to which
    a later start may add others; ``data`` the fingerprints of splits by name and number of samples; ``source`` the model's contents.
    """

    asked: Mapping[str, str]
    recipes: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    @classmethod
    def of(cls, study: Study, source: str = "", begun: bool = False) -> Question:
        """A study's question. Candidates that a search made are no part of it; of one that has ``begun``, neither are those not tried."""
        limits = {f"--{name.replace('_', '-')}": value for name, value in msgspec.to_builtins(study.limits).items()}
        settings = {name: value for name, value in study.settings.items() if name not in GROWING}
        asked = {"command": study.name, "model": study.model, "data": study.task.spec, "metric": study.task.metric, "seed": study.seed}
        asked |= {"threads": study.threads, "device": study.device, "preprocessing": msgspec.to_builtins(study.task.preprocess)}
        return cls(
            {name: _text(value) for name, value in {**asked, **limits, **settings}.items()},
            {
                one.name: f"{one.recipe} in {one.runtime} {_text(one.options)}"
                for one in study.candidates
                if one.origin is None and not (begun and one.status == Status.NOT_TRIED)
            },
            {f"{name} of {info.samples}": info.fingerprint for name, info in study.task.splits.items()},
            source,
        )

    def differences(self, before: Question) -> list[str]:
        """Return the differences from the question ``before``, in words; empty if this question can continue it."""
        found = [
            f"{name} {brief(self.asked.get(name, 'none'), 40)}, not {brief(before.asked.get(name, 'none'), 40)}"
            for name in dict.fromkeys((*self.asked, *before.asked))
            if self.asked.get(name) != before.asked.get(name)
        ]
        if found:  # the rest follows from it
            return found
        if any(self.data[split] != before.data[split] for split in self.data.keys() & before.data.keys()):
            found.append("data that have changed since")
        if self.source and before.source and self.source != before.source:
            found.append("a model, or libraries that open it, that have changed since")
        if gone := [name for name, recipe in before.recipes.items() if self.recipes.get(name) != recipe]:
            found.append(f"no candidate {listed(gone, 3)} as it has")
        return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()
