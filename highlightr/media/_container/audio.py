"""The audio tracks of an open file: which of them are heard, and how their channels are scored or written.

In: an open container, and what the caller chose. Out: `AudioStream`s; what cannot be decoded, or has a rate that no
sound has, is left out. Of FFmpeg's name of a channel layout: filters for ffmpeg, and the layout that comes out of them.
Usual layouts need no filter; channels in an order of their own, without positions, or of a sound field (ambisonic) are
told to ffmpeg one by one, because it refuses to guess.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError
from highlightr.core.source import AudioStream
from highlightr.media._container.av_types import InputContainer
from highlightr.media._container.description import StreamText, describe, is_plain, num_channels
from highlightr.media._container.limits import SAMPLE_RATES
from highlightr.media.choices import AudioChoice

CHANNELS = {"mono": 1, "stereo": 2, "3.0": 3, "4.0": 4, "5.0": 5, "5.1": 6, "7.1": 8}
"""Layouts that AAC holds, and how many channels each has."""

_RELABELLED = {"downmix": "stereo", "5.0(side)": "5.0", "5.1(side)": "5.1"}
"""The same channels under another name."""

_ORDERED = (*CHANNELS, "5.0(side)", "5.1(side)")
"""Layouts that channels in another order are brought into."""

_NAMES = re.compile(r"\d+ channels? \((.+)\)")
_LEFT, _RIGHT = re.compile(r"[A-Z]*L[CF]?"), re.compile(r"[A-Z]*R[CF]?")
_UNNAMED = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
"""What so many channels are taken for where nothing is told of them, as Matroska tells nothing: so do players."""

_MOST_MIXED = 64
"""Channels that ffmpeg's ``pan`` filter takes."""


def audio_tracks(container: InputContainer, described: Mapping[int, StreamText]) -> list[AudioStream]:
    """Every track that can be decoded, in the file's order."""
    tracks = []
    for stream in container.streams.audio:
        context: Any = stream.codec_context
        layout = described[stream.index].layout if stream.index in described else ""
        channels = num_channels(layout)
        if context is None or context.sample_rate not in SAMPLE_RATES or channels == 0:
            continue
        tracks.append(AudioStream(stream.index, context.codec.canonical_name, context.sample_rate, channels, layout))
    return tracks


def of_other_programs(described: Mapping[int, StreamText], video_index: int) -> frozenset[int]:
    """The streams of a transport stream that belong to other programs than a picture does."""
    own = described[video_index].programs if video_index in described else frozenset()
    return frozenset(index for index, text in described.items() if own and text.programs.isdisjoint(own))


def heard_tracks(
    container: InputContainer, choice: AudioChoice, path: Path, video_index: int
) -> tuple[AudioStream | None, tuple[AudioStream, ...]]:
    """The track that a player would choose, and all that are heard: those of the picture's program.

    As ffmpeg does: the default track first, then the most channels, then the first.

    Raises:
        ConfigError: the file has no track of that number, or it cannot be decoded.
    """
    import av

    described = describe(container)
    tracks = audio_tracks(container, described)
    if isinstance(choice, int):
        tracks = [_numbered(container, tracks, choice, path)]
    else:
        others = of_other_programs(described, video_index)
        tracks = [track for track in tracks if track.index not in others]
    default, streams = av.stream.Disposition.default, container.streams
    best = max(tracks, key=lambda one: (bool(streams[one.index].disposition & default), one.channels), default=None)
    return best, tuple(tracks)


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


@dataclass(frozen=True)
class Channels:
    """How a track is written."""

    layout: str
    """Of the output."""
    filter: str = ""
    """Comes before all others; empty where ffmpeg needs no help."""
    change: str = ""
    """What happens to the channels, as the end of a sentence; empty if they stay as they are."""


def mono_filter(audio: AudioStream) -> str:
    """A ``pan`` filter that mixes any channels to one: a sound field's omnidirectional one, otherwise their sum.

    That is as loud as where libswresample mixes usual layouts: the sum of two channels is divided by the root of two.
    """
    if audio.layout.startswith("ambisonic"):
        return "pan=mono|c0=c0"
    count = min(audio.channels, _MOST_MIXED)
    return "pan=mono|c0=" + "+".join(f"{count**-0.5:.6f}*c{number}" for number in range(count))


def written_channels(audio: AudioStream) -> Channels:
    """How a track's channels are written: as they are where AAC holds them, otherwise mixed to fewer."""
    layout = audio.layout or next((name for name, count in CHANNELS.items() if count == audio.channels), "")
    if layout.startswith("ambisonic"):
        # Two cardioids to the sides. Source: ambiX, components in the order W, Y, Z, X.
        stereo = "pan=stereo|FL=0.5*c0+0.5*c1|FR=0.5*c0-0.5*c1"
        return Channels("stereo", stereo, "ambisonic sound, mixed to stereo")
    names = _NAMES.fullmatch(layout)
    if names:
        return _named(names[1].split("+"))
    if not is_plain(layout):
        return _unnamed(audio.channels)
    layout = _RELABELLED.get(layout, layout)
    if layout in CHANNELS:
        return Channels(layout)
    if audio.channels == 8:
        return Channels("7.1", change=f"{layout} sound, written as 7.1")
    return Channels("stereo", change=f"{layout} sound ({audio.channels} channels), mixed to stereo")


def _named(names: list[str]) -> Channels:
    """Channels whose positions are told, in an order of their own."""
    order = next((layout for layout in _ORDERED if sorted(names) == _positions(layout)), None)
    if order is not None:
        pairs = "|".join(f"{name}=c{number}" for number, name in enumerate(names))
        return Channels(_RELABELLED.get(order, order), f"pan={order}|{pairs}")
    left = [k for k, name in enumerate(names[:_MOST_MIXED]) if not _RIGHT.fullmatch(name)]
    right = [k for k, name in enumerate(names[:_MOST_MIXED]) if not _LEFT.fullmatch(name)]
    if not (left and right):
        return _unnamed(len(names)) if len(names) <= 2 else _as_one(len(names))
    change = f"channels {'+'.join(names)}, mixed to stereo"
    return Channels("stereo", f"pan=stereo|FL={_mean(left)}|FR={_mean(right)}", change)


def _positions(layout: str) -> list[str]:
    import av

    return sorted(channel.name for channel in av.AudioLayout(layout).channels)


def _unnamed(channels: int) -> Channels:
    layout = _UNNAMED.get(channels)
    if layout is None:
        return _as_one(channels)
    placed = "|".join(f"c{number}=c{number}" for number in range(channels))
    bass = "the fourth, for bass, keeps low tones alone"
    change = "" if channels <= 2 else f"{channels} channels without positions, taken for {layout}: {bass}"
    return Channels(layout, f"pan={layout}|{placed}", change)


def _as_one(channels: int) -> Channels:
    mixed = _mean(range(min(channels, _MOST_MIXED)))
    return Channels("mono", f"pan=mono|c0={mixed}", f"{channels} channels without positions, mixed to mono")


def _mean(numbers: list[int] | range) -> str:
    return "+".join(f"{1 / len(numbers):.6f}*c{number}" for number in numbers)


def aligned(rate: int, first_sample: int) -> str:
    """A filter that puts sound at its timestamps, with silence in gaps, from a sample at this rate on.

    The first sample comes in its place (`min_comp`); later ones are not moved for less than a container rounds by.
    """
    return f"aresample={rate}:async=1:min_comp=0.00001:min_hard_comp=0.01:first_pts={first_sample}"
