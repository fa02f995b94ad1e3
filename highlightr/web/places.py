"""Names of the files that the studio writes beside a video."""

from __future__ import annotations

STATE_SUFFIX = ".studio.json"
"""After the video's whole name, so that two videos of one stem keep apart."""

CLIPS_SUFFIX = ".clips"
"""Of the folder that takes a video's clips; videos in such folders are not listed."""
