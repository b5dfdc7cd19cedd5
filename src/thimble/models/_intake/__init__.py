"""Intake: an ONNX file of any origin becomes the same clean network, and is checked against the original.

One transform a file. `clean_onnx` carries them out in order; techniques then find constants as initializers, FP32
weights, an opset that has per-channel scales, and names that collide with nothing.
"""

from __future__ import annotations

from thimble.models._intake.agreement import agreement_db
from thimble.models._intake.cleaning import clean_onnx

__all__ = ["agreement_db", "clean_onnx"]
