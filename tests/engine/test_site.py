"""Where jobs run, by name."""

from __future__ import annotations

import pytest

from thimble.core.errors import BadInput, UnknownName
from thimble.core.registry import ENGINES
from thimble.devices import environment_of, machine_of
from thimble.engine import site
from thimble.engine.sites import Site


@pytest.mark.parametrize("name", ENGINES.names())
def test_every_kind_is_a_site(name: str) -> None:
    assert isinstance(ENGINES.get(name), type)
    assert all(hasattr(ENGINES.get(name), method) for method in ("describe", "cores", "start"))


def test_this_machine_is_one() -> None:
    here = site("local")
    assert isinstance(here, Site)
    assert here.cores("local") == machine_of("local").cores()
    assert here.describe(["numpy"], "local").comparable == environment_of(["numpy"], "local").comparable


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown engine 'rey'"):
        site("rey")
    with pytest.raises(BadInput, match="this machine has no address"):
        site("local:here")
