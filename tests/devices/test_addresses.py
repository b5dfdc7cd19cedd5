"""An address of a board that names no host plainly is refused before ssh sees it."""

from __future__ import annotations

import pytest

from thimble.core.errors import BadInput
from thimble.devices.kinds.ssh import Ssh


@pytest.mark.parametrize(
    "address", ["board\n", "bo\nard", "pi%0a@board", "a b", "\tboard", "-oProxyCommand=x", "-x@board", "$(x)", "a;b", ""]
)
def test_what_names_no_host_plainly_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="is not an address") as caught:
        Ssh(address)
    assert "\n" not in str(caught.value)
