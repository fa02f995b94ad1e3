"""Feature files: from videos to arrays that existing training code reads, with what made them written beside."""

from __future__ import annotations

from highlightr.extraction.cached import extract_cached
from highlightr.extraction.files import VIDEO_SUFFIXES, ExtractOptions, VideoResult, extract_to_files, videos_in
from highlightr.extraction.layouts import FORMATS
from highlightr.extraction.opening import OpenedExtractor, open_extractor, open_text_encoder, takes

__all__ = [
    "FORMATS",
    "VIDEO_SUFFIXES",
    "ExtractOptions",
    "OpenedExtractor",
    "VideoResult",
    "extract_cached",
    "extract_to_files",
    "open_extractor",
    "open_text_encoder",
    "takes",
    "videos_in",
]
