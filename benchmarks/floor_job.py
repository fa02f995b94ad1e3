"""What `floor` runs: a preset on a video, and the cut alone that its summary takes.

In: an open preset and a probed video. Out: summaries, and one ffmpeg that cuts the same spans with the same settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.running import extractors_of
from highlightr import Highlighter
from highlightr.core.source import Source
from highlightr.core.types import Segment, Summary
from highlightr.media._cut.codecs import CRF, PRESET
from highlightr.media.ffmpeg import run_ffmpeg

RAW_SECONDS = 10.0
"""At most so much of the summary is kept uncompressed to time the encoder alone."""


@dataclass
class Job:
    """A video, a preset with its models open, and where the summary goes."""

    highlighter: Highlighter
    source: Source
    query: str | None
    folder: Path

    def summarize(self) -> Summary:
        output = self.folder / "summary.mp4"
        return self.highlighter.summarize(self.source.path, self.query, output=output, overwrite=True)

    @property
    def models(self) -> Any:
        return self.highlighter._models

    @property
    def requests(self) -> list[Any]:
        """What the networks look at; the thumbnails that shots are found in are the pipeline's own affair."""
        networks = [each for each in extractors_of(self.models) if each.streams.keys() - {"motion", "novelty"}]
        return list(dict.fromkeys(each.request for each in networks))


def plain_cut(job: Job, segments: Sequence[Segment], extra: Sequence[str] = ()) -> None:
    """One ffmpeg that seeks, joins and encodes the spans with the pipeline's own settings, and nothing else."""
    arguments, chain = [], ""
    heard = job.source.audio is not None
    for number, segment in enumerate(segments):
        arguments += ["-ss", f"{segment.start_seconds:.6f}", "-t", f"{segment.seconds:.6f}"]
        arguments += ["-i", f"file:{job.source.path.absolute()}"]
        chain += f"[{number}:v:0]" + (f"[{number}:a:0]" if heard else "")
    chain += f"concat=n={len(segments)}:v=1:a={int(heard)}[v]" + ("[a]" if heard else "")
    maps = ["-map", "[v]", *(["-map", "[a]"] if heard else [])]
    run_ffmpeg([*arguments, "-filter_complex", chain, *maps, *(extra or _codecs(job.source)), "-y", _plain(job, extra)])


def _plain(job: Job, extra: Sequence[str]) -> str:
    return f"file:{job.folder / ('raw.nut' if extra else 'plain.mp4')}"


def _codecs(source: Source) -> list[str]:
    video = ["-c:v", "libx264", "-preset", PRESET, "-crf", CRF, "-pix_fmt", "yuv420p"]
    return [*video, *(["-c:a", "aac", "-b:a", f"{96 * source.audio.channels}k"] if source.audio else [])]


@contextmanager
def raw(job: Job, segments: Sequence[Segment]) -> Iterator[tuple[Callable[[], object], float]]:
    """The encoder alone on decoded frames, and which share of the summary those frames are."""
    kept, left = [], RAW_SECONDS
    for each in segments:
        stop = min(each.stop_seconds, each.start_seconds + left)
        kept.append(Segment(each.start_seconds, stop, each.score))
        left -= stop - each.start_seconds
        if left <= 0.1:
            break
    plain_cut(job, kept, ["-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"])
    arguments = ["-i", _plain(job, ["raw"]), *_codecs(job.source), "-y", _plain(job, [])]
    yield partial(run_ffmpeg, arguments), sum(s.seconds for s in kept) / sum(s.seconds for s in segments)
