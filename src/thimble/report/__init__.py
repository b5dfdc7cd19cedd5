"""Reports: each public module writes or shows one, and computes no figure of its own.

`SideBySide` stands apart: it shows several studies, and is not written for each one.
"""

from thimble.report._comparison import SideBySide

__all__ = ["SideBySide"]
