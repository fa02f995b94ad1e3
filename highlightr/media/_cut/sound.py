"""The filters of the sound: cut to the sample, gaps filled with silence, faded at both ends of a piece.

In: pieces as planned, and the tracks to write. Out: a filter graph for one ffmpeg run. No error adds up from piece to
piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from highlightr.core.source import AudioStream, Source
from highlightr.media._container.audio import CHANNELS, aligned, written_channels
from highlightr.media._cut.plan import GUARD_SECONDS, Take, decimal

FADE_SECONDS = Fraction(1, 100)
"""Fade of the sound at both ends of a piece: without it a join may click."""

LARGEST_SAMPLE_RATE = 48_000


@dataclass(frozen=True)
class SoundTrack:
    """One audio track of the output."""

    inputs: tuple[AudioStream, ...]
    """The source's tracks that are summed to it; most often one."""
    layout: str
    sample_rate: int

    @property
    def channels(self) -> int:
        """How many it has."""
        return CHANNELS[self.layout]


def plan_sound(source: Source, *, mix: bool) -> tuple[SoundTrack, ...]:
    """A track for each that is heard, or one for all of them."""
    tracks = [
        SoundTrack((one,), written_channels(one).layout, min(one.sample_rate, LARGEST_SAMPLE_RATE))
        for one in source.audio_tracks
    ]
    if not mix or len(tracks) < 2:
        return tuple(tracks)
    widest = max(tracks, key=lambda track: track.channels)
    return (SoundTrack(source.audio_tracks, widest.layout, max(track.sample_rate for track in tracks)),)


def sound_arguments(tracks: Sequence[SoundTrack], takes: Sequence[Take], inputs: Sequence[int]) -> list[str]:
    """A filter graph of all pieces of a run, one after the other, and what comes out of it; nothing without tracks.

    `inputs`: the number of the input that has each piece's sound.
    """
    if not tracks:
        return []
    graph = ";".join(_track_graph(track, f"a{number}", takes, inputs) for number, track in enumerate(tracks))
    return ["-filter_complex", graph, *(word for number in range(len(tracks)) for word in ("-map", f"[a{number}]"))]


def _track_graph(track: SoundTrack, name: str, takes: Sequence[Take], inputs: Sequence[int]) -> str:
    parts = []
    for which, audio in enumerate(track.inputs):
        label = f"{name}i{which}"
        parts += [
            _piece(track, audio, take, number, f"{label}p{place}", take.offset - takes[0].offset)
            for place, (take, number) in enumerate(zip(takes, inputs, strict=True))
        ]
        pieces = "".join(f"[{label}p{k}]" for k in range(len(takes)))
        parts.append(f"{pieces}concat=n={len(takes)}:v=0:a=1[{label if len(track.inputs) > 1 else name}]")
    if len(track.inputs) > 1:
        summands = "".join(f"[{name}i{which}]" for which in range(len(track.inputs)))
        # A sum as loud as its parts; only its peaks are held back.
        summed = f"amix=inputs={len(track.inputs)}:normalize=0,alimiter=limit=1:level=0:latency=1"
        parts.append(f"{summands}{summed}[{name}]")
    return ";".join(parts)


def _piece(track: SoundTrack, audio: AudioStream, take: Take, number: int, label: str, offset: Fraction) -> str:
    """Cut the sound to the sample, fill what is missing with silence, fade both ends."""
    rate, layout = track.sample_rate, track.layout
    channels = written_channels(audio)
    placed = f"{channels.filter}," if channels.filter else ""
    count = max(1, round((offset + take.seconds) * rate) - round(offset * rate))
    lead = round(GUARD_SECONDS * rate)
    first = take.raw_start - GUARD_SECONDS
    end = first + take.seconds + 2 * GUARD_SECONDS
    rising, falling = (
        min(round(max(FADE_SECONDS, each) * rate), count // 2) for each in (take.fade_in_seconds, take.fade_out_seconds)
    )
    faded = f",afade=t=in:ss=0:ns={rising},afade=t=out:ss={count - falling}:ns={falling}" if rising else ""
    return (
        f"{take.input(number, audio.index)}{placed}atrim=start={decimal(first)}:end={decimal(end)},"
        # The rate first, on its own: `first_pts` counts samples of what comes in.
        f"aresample={rate},{aligned(rate, round(first * rate))},"
        f"aformat=sample_fmts=fltp:sample_rates={rate}:channel_layouts={layout},"
        f"atrim=start_sample={lead}:end_sample={lead + count},asetpts=PTS-STARTPTS[s{label}];"
        # Silence follows, for a span whose sound is short or missing (apad fails where there is none at all).
        f"anullsrc=r={rate}:cl={layout},aformat=sample_fmts=fltp,atrim=end_sample={count}[n{label}];"
        f"[s{label}][n{label}]concat=n=2:v=0:a=1,atrim=end_sample={count}{faded}[{label}]"
    )
