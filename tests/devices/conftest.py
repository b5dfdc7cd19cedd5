"""The same tiny artifacts, and the same runtime that follows a script, as the measurements' tests."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("measure_conftest", Path(__file__).parents[1] / "measure" / "conftest.py")
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items() if not name.startswith("__")})
