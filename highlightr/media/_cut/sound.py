"""The filters of the sound: cut to the sample, gaps filled with silence, faded at both ends of a piece.

In: pieces as planned. Out: the text of a filter graph for one ffmpeg run. No error adds up from piece to piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from highlightr.core.types import Source
from highlightr.media._cut.plan import Take
from highlightr.media._cut.ticks import GUARD_SECONDS, decimal

FADE_SECONDS = Fraction(1, 100)
"""Fade of the sound at both ends of a piece: without it a join may click."""

_LARGEST_SAMPLE_RATE = 48_000
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def sound_graph(source: Source, takes: Sequence[Take], began: Fraction) -> str:
    """All pieces of a run, one after the other as ``[a]``; `began` is where the run begins in the output."""
    filters = [_sound_filter(source, take, number, began) for number, take in enumerate(takes)]
    inputs = "".join(f"[a{k}]" for k in range(len(takes)))
    return ";".join([*filters, f"{inputs}concat=n={len(takes)}:v=0:a=1[a]"])


def _sound_filter(source: Source, take: Take, number: int, began: Fraction) -> str:
    """Cut the sound to the sample, fill what is missing with silence, fade both ends."""
    assert source.audio is not None
    rate = min(source.audio.sample_rate, _LARGEST_SAMPLE_RATE)
    layout = _LAYOUTS.get(source.audio.channels, "stereo")
    offset = take.offset - began
    count = max(1, round((offset + take.stop - take.start) * rate) - round(offset * rate))
    lead = round(GUARD_SECONDS * rate)
    first = take.raw_start - GUARD_SECONDS
    end = first + take.stop - take.start + 2 * GUARD_SECONDS
    fade = min(round(FADE_SECONDS * rate), count // 2)
    faded = f",afade=t=in:ss=0:ns={fade},afade=t=out:ss={count - fade}:ns={fade}" if fade else ""
    return (
        f"{take.input(number, source.audio.index)}atrim=start={decimal(first)}:end={decimal(end)},"
        f"aresample={rate}:async=1:min_hard_comp=0.01:first_pts={round(first * rate)},"
        f"aformat=sample_fmts=fltp:sample_rates={rate}:channel_layouts={layout},"
        f"atrim=start_sample={lead}:end_sample={lead + count},asetpts=PTS-STARTPTS[s{number}];"
        # Silence follows, for a span whose sound is short or missing (apad fails where there is none at all).
        f"anullsrc=r={rate}:cl={layout},aformat=sample_fmts=fltp,atrim=end_sample={count}[n{number}];"
        f"[s{number}][n{number}]concat=n=2:v=0:a=1,atrim=end_sample={count}{faded}[a{number}]"
    )
