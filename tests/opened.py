"""Extractors and text encoders as the loader opens them, on the weights that come with highlightr."""

from __future__ import annotations

from typing import Any

from highlightr.model_loader import open_extractor, open_text_encoder


def extractor(name: str, *, clip_seconds: float = 1.0, **options: Any) -> Any:
    """An extractor that is ready to start."""
    made = open_extractor(name, clip_seconds=clip_seconds, **options)
    made.load()
    return made


def text_encoder(name: str) -> Any:
    """A text encoder."""
    return open_text_encoder(name)
