"""The same tiny model and context as the compression tests."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("compress_conftest", Path(__file__).parents[1] / "compress" / "conftest.py")
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
tiny, context = _module.tiny, _module.context
