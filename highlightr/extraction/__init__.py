"""Feature files: from videos to arrays that existing training code reads, with what made them written beside.

Names are loaded when they are first used: a query on a video that was seen before needs few of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from highlightr.names import loaded_on_demand

if TYPE_CHECKING:
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

_HOMES = {
    "FORMATS": "layouts",
    "VIDEO_SUFFIXES": "files",
    "ExtractOptions": "files",
    "OpenedExtractor": "opening",
    "VideoResult": "files",
    "extract_cached": "cached",
    "extract_to_files": "files",
    "open_extractor": "opening",
    "open_text_encoder": "opening",
    "takes": "opening",
    "videos_in": "files",
}
"""Public name to the module that is imported when it is first asked for."""

__getattr__ = loaded_on_demand(__name__, _HOMES)
