"""The same made-up studies as the decisions' tests."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("decide_conftest", Path(__file__).parents[1] / "decide" / "conftest.py")
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items() if not name.startswith("__")})
