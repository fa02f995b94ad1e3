"""The audio tracks of an open file, and which of them are heard.

In: an open container, and what the caller chose. Out: `AudioStream`s. What cannot be decoded, or has a rate that no
sound has, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highlightr.core.errors import ConfigError
from highlightr.core.types import AudioStream
from highlightr.media._container.description import describe, num_channels
from highlightr.media._container.limits import SAMPLE_RATES
from highlightr.media.choices import AudioChoice

if TYPE_CHECKING:
    from av.container import InputContainer


def audio_tracks(container: InputContainer) -> list[AudioStream]:
    """Every track that can be decoded, in the file's order."""
    if not container.streams.audio:
        return []
    described = describe(container)
    tracks = []
    for stream in container.streams.audio:
        context: Any = stream.codec_context
        layout = described[stream.index].layout if stream.index in described else ""
        channels = num_channels(layout)
        if context is None or context.sample_rate not in SAMPLE_RATES or channels == 0:
            continue
        tracks.append(AudioStream(stream.index, context.codec.canonical_name, context.sample_rate, channels, layout))
    return tracks


def heard_tracks(
    container: InputContainer, choice: AudioChoice, path: Path
) -> tuple[AudioStream | None, tuple[AudioStream, ...]]:
    """The track that a player would choose, and all that are heard.

    Raises:
        ConfigError: the file has no track of that number, or it cannot be decoded.
    """
    tracks = audio_tracks(container)
    if isinstance(choice, int):
        tracks = [_numbered(container, tracks, choice, path)]
    return preferred(container, tracks), tuple(tracks)


def preferred(container: InputContainer, tracks: Sequence[AudioStream]) -> AudioStream | None:
    """The one that ffmpeg would choose too: the default track first, then the most channels, then the first."""
    import av

    default = av.stream.Disposition.default
    streams = container.streams
    return max(tracks, key=lambda one: (bool(streams[one.index].disposition & default), one.channels), default=None)


def _numbered(container: InputContainer, tracks: Sequence[AudioStream], number: int, path: Path) -> AudioStream:
    """The track of a number, which counts those that cannot be decoded, too."""
    total = len(container.streams.audio)
    if not 1 <= number <= total:
        if total == 0:
            raise ConfigError(f"{path}: has no audio track; leave out --audio-track {number}")
        held = f"{total} audio track{'s' if total > 1 else ''}"
        raise ConfigError(f"{path}: has {held}, so --audio-track {number} is none of them; give 1 to {total}, or all")
    index = container.streams.audio[number - 1].index
    found = next((one for one in tracks if one.index == index), None)
    if found is None:
        raise ConfigError(f"{path}: audio track {number} cannot be decoded; choose another, or all")
    return found
