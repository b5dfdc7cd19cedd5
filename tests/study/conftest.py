"""The made-up engine is a module of its own, which these tests import by its name."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).with_name("made_up.py"))
assert _spec
assert _spec.loader
if "made_up" not in sys.modules:
    sys.modules["made_up"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["made_up"])
