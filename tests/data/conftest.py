"""No test here uses the network: the same refusal as for models."""

import importlib.util
from pathlib import Path

_spec = importlib.util.spec_from_file_location("models_conftest", Path(__file__).parents[1] / "models" / "conftest.py")
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
offline, net_file = _module.offline, _module.net_file
