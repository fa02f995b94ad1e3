"""highlightr: turns a raw video into the part worth watching."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
