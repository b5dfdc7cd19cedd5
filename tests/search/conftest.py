"""The same made-up studies as the decisions' tests."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("decide_conftest", Path(__file__).parents[1] / "decide" / "conftest.py")
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = _module
_spec.loader.exec_module(_module)
make = _module.make
