"""What of a source's tags, chapters and titles did not reach the file that was written.

In: the plan and the finished file. Out: sentences. The file is read back: each container holds other tags, and drops
the rest without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from highlightr.media._container.contents import Contents, Track, read_contents
from highlightr.media._container.description import CROP
from highlightr.media._container.opening import best_video, reading
from highlightr.media._cut.extras import cut_chapters, cut_subtitles, subtitle_codec
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.shapes import even

_SIDE_DATA = {"Spherical Mapping": "its 360 degree projection", "Stereo 3D": "its stereo format"}


def not_kept(plan: OutputPlan, output: Path) -> tuple[str, ...]:
    """One sentence that names what is missing in the output, or none."""
    with reading(output) as container:
        video = best_video(container, output)
        held = read_contents(container, video.index)
        tracks = [stream.index for stream in container.streams.audio]
    missing = list(_missing(plan, held, tracks))
    stored, written = (even(each.width, each.height) for each in (plan.source.video, video))
    if CROP in plan.contents.side_data.keys() - held.side_data.keys() and written in (stored, stored[::-1]):
        missing.append("what it crops of its picture")
    return (f"Not kept in {output.suffix}: {'; '.join(missing)}.",) if missing else ()


def _missing(plan: OutputPlan, held: Contents, tracks: Sequence[int]) -> Iterator[str]:
    wanted = plan.contents
    tags = [name for name in wanted.tags if name not in held.tags]
    if tags:
        yield f"the tags {', '.join(tags)}"
    if len(held.chapters) < len(cut_chapters(wanted.chapters, plan.pieces)):
        yield "its chapters"
    if wanted.timecode is not None and held.timecode is None:
        yield "its timecode"
    shown = [(track, after) for (track, _), after in zip(cut_subtitles(plan), held.subtitles, strict=False)]
    if any(subtitle_codec(track, "matroska") == "ass" and after.codec != "ass" for track, after in shown):
        yield "the styles of its subtitles"
    if len(held.covers) < len(wanted.covers):
        yield "its cover picture"
    for kind, words in _SIDE_DATA.items():
        if kind in wanted.side_data and kind not in held.side_data:
            yield words
    for number, (sound, index) in enumerate(zip(plan.sound, tracks, strict=False), start=1):
        if len(sound.inputs) == 1:
            yield from _untold(plan.track(sound.inputs[0].index), held.tracks[index], f"audio track {number}")
    for number, (subtitle, kept) in enumerate(shown, start=1):
        yield from _untold(subtitle, kept, f"subtitle track {number}")


def _untold(before: Track, after: Track, name: str) -> Iterator[str]:
    """Tags that a track lost."""
    for tag, value in before.tags.items():
        if tag not in after.tags:
            yield f"the {tag} of {name} ({value})"
