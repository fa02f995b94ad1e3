"""Features: from decoded items to streams on the grid, and from a query to its embedding.

Nothing here imports torch; a model is compiled once with it, then runs in onnxruntime or OpenVINO.
"""

from highlightr.features.base import Extracted, Extraction, Extractor, TextEncoder, Weights
from highlightr.features.extract import extract
from highlightr.features.registry import (
    EXTRACTORS,
    TEXT_ENCODERS,
    create_extractor,
    create_text_encoder,
    extractor_class,
    text_encoder_class,
)

__all__ = [
    "EXTRACTORS",
    "TEXT_ENCODERS",
    "Extracted",
    "Extraction",
    "Extractor",
    "TextEncoder",
    "Weights",
    "create_extractor",
    "create_text_encoder",
    "extract",
    "extractor_class",
    "text_encoder_class",
]
