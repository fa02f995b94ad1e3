"""The models of the studio, and what they found in the last few videos.

In: videos and queries. Out: `Analysis` objects, kept in memory, so that a further query scores features that are there.
The models are opened at the first query; what the preset names is looked for at once. One thread at a time uses them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

from highlightr.core.errors import ConfigError, NoMatchError
from highlightr.core.hashing import FileIdentity
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.types import Scores, Segment, Summary
from highlightr.media.transcript import FileVersion, sidecar_versions
from highlightr.pipeline import Analysis, Highlighter
from highlightr.selection.options import SelectionOptions
from highlightr.selection.segments import segments_of
from highlightr.selection.spans import Span
from highlightr.web.library import Video

MOST_VIDEOS, MOST_QUERIES = 2, 16
"""Features of an hour take tens of megabytes."""

SHORTEST_SHARE_SECONDS = 2.0
"""Less than 2 s cannot be followed."""

FILL_FROM_SECONDS = 4.0
"""What is left of a target is filled from here on; less would be scraps."""

STUTTER_SECONDS = 0.2
"""Less than this, left out in the middle of something, only makes it stutter."""


@dataclass(frozen=True)
class Proposal:
    """A segment, and the query that it answers."""

    segment: Segment
    query: str | None


@dataclass(frozen=True)
class _VideoAnalyses:
    """What was found in one video."""

    subtitles: Sequence[FileVersion]
    """Beside the video when it was read; others say something else."""
    queries: OrderedDict[str | None, Analysis] = field(default_factory=OrderedDict)


@dataclass
class Analyst:
    """Answers queries about videos."""

    open: InitVar[Callable[[ProgressHook], Highlighter]]
    """Makes the highlighter, which reports to the hook."""
    transcribe: str | None = None
    """Recognises what is said where it is not written; as in `SummarizeOptions`."""
    _highlighter: Highlighter = field(init=False)
    _kept: OrderedDict[FileIdentity, _VideoAnalyses] = field(default_factory=OrderedDict)
    _hook: ProgressHook = silent
    _using: threading.RLock = field(default_factory=threading.RLock)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self, open: Callable[[ProgressHook], Highlighter]) -> None:
        self._highlighter = open(lambda *news: self._hook(*news))

    def known(self, video: Video) -> Mapping[str | None, Analysis]:
        """What was found for each query, if it is kept and the file is still the same.

        Where there is anything, the video was read already, and a further query is a matter of milliseconds.
        """
        with self._lock:
            return self._known(video).copy()

    def analyse(
        self,
        video: Video,
        query: str | None,
        hook: ProgressHook = silent,
        glimpse: Callable[[Scores], None] | None = None,
    ) -> Analysis:
        """Score the video for a query; `glimpse` and errors as for `Highlighter.analyse_queries`."""
        with self._using:
            with self._lock:
                known = self._known(video)
                found, other = known.get(query), next(iter(known.values()), None)
            if found is not None:
                return found
            subtitles = sidecar_versions(video.path)
            with self._highlighter_for(hook) as highlighter:
                if other is not None:
                    found = highlighter.ask(other, query)
                else:
                    found = highlighter.analyse(video.path, query, transcribe=self.transcribe, glimpse=glimpse)
            with self._lock:
                self._keep(found, query, subtitles)
            return found

    def propose(
        self,
        video: Video,
        queries: Sequence[str | None],
        seconds: float | None,
        taken: Sequence[Span],
        *,
        fill: bool = False,
    ) -> list[Proposal]:
        """What to keep: each query gets an equal share of the seconds, and nothing is chosen that is taken already.

        A query of which nothing is left to choose is passed over, and so is one that the video does not answer, unless
        it answers none of them. With `fill`, seconds that are left then go to what answers less well.

        Raises:
            ConfigError: a query that was not analysed yet.
        """
        known, highlighter = self.known(video), self._highlighter
        analyses = [known[query] for query in queries if query in known]
        if len(analyses) < max(len(queries), 1):
            raise ConfigError("these queries were not analysed yet; ask them first")
        answered = [each for each in analyses if each.scores.match is None or each.scores.match.verdict != "none"]
        proposals = _shared_out(highlighter, answered or analyses, seconds, taken)
        left = 0.0 if seconds is None else seconds - sum(each.segment.seconds for each in proposals)
        if fill and left >= FILL_FROM_SECONDS:
            spans = [*taken, *(Span(each.segment.start_seconds, each.segment.stop_seconds) for each in proposals)]
            proposals += _shared_out(highlighter, answered, left, spans, fill=True)
        return _joined(proposals)

    def deliver(
        self,
        analysis: Analysis,
        spans: Sequence[Span],
        titles: Sequence[str],
        options: Mapping[str, Any],
        hook: ProgressHook,
    ) -> Summary:
        """Write a summary of these spans; errors as for `Highlighter.summarize`."""
        segments = [
            replace(segment, title=title) if title else segment
            for segment, title in zip(segments_of(analysis.scores, spans), titles, strict=True)
        ]
        with self._highlighter_for(hook) as highlighter:
            return highlighter.deliver(analysis, segments, **{**options, "transcribe": self.transcribe})

    @contextmanager
    def _highlighter_for(self, hook: ProgressHook) -> Iterator[Highlighter]:
        """The highlighter, which reports to the hook meanwhile."""
        with self._using:
            self._hook = hook
            try:
                yield self._highlighter
            finally:
                self._hook = silent

    def _known(self, video: Video) -> OrderedDict[str | None, Analysis]:
        try:
            found = self._kept.get(FileIdentity.of(video.path))
        except OSError:
            return OrderedDict()
        same = found is not None and found.subtitles == sidecar_versions(video.path)
        return found.queries if found is not None and same else OrderedDict()

    def _keep(self, found: Analysis, query: str | None, subtitles: Sequence[FileVersion]) -> None:
        identity = found.source.identity
        if identity is None:
            return
        if identity not in self._kept or self._kept[identity].subtitles != subtitles:
            self._kept[identity] = _VideoAnalyses(subtitles)
        self._kept.move_to_end(identity)
        queries = self._kept[identity].queries
        queries[query] = found
        while len(queries) > MOST_QUERIES:
            queries.popitem(last=False)
        while len(self._kept) > MOST_VIDEOS:
            self._kept.popitem(last=False)


def _joined(proposals: Sequence[Proposal]) -> list[Proposal]:
    """In order of time; two of a query with next to nothing between them become one, as long as both."""
    joined: list[Proposal] = []
    for each in sorted(proposals, key=lambda one: one.segment.start_seconds):
        before = joined[-1].segment if joined and joined[-1].query == each.query else None
        if before is None or not 0 < each.segment.start_seconds - before.stop_seconds < STUTTER_SECONDS:
            joined.append(each)
            continue
        start, stop = before.start_seconds, before.stop_seconds + each.segment.seconds
        longer = max(before, each.segment, key=lambda one: one.seconds)
        joined[-1] = Proposal(replace(longer, start_seconds=start, stop_seconds=stop), each.query)
    return joined


def _shared_out(
    highlighter: Highlighter,
    analyses: Sequence[Analysis],
    seconds: float | None,
    taken: Sequence[Span],
    *,
    fill: bool = False,
) -> list[Proposal]:
    """An equal share of what is left for each query in turn."""
    proposals: list[Proposal] = []
    spans, left = list(taken), seconds
    for index, analysis in enumerate(analyses):
        share = None if left is None else min(left, max(left / (len(analyses) - index), SHORTEST_SHARE_SECONDS))
        if share is not None and share < min(SHORTEST_SHARE_SECONDS, seconds or 0.0):
            break
        exclude = tuple((span.start, span.stop) for span in spans)
        try:
            chosen = highlighter.choose(analysis, SelectionOptions(duration_seconds=share, exclude=exclude, fill=fill))
        except (NoMatchError, ConfigError):  # The second where nothing is left that is not taken.
            continue
        proposals += [Proposal(each, analysis.query) for each in chosen]
        spans += [Span(each.start_seconds, each.stop_seconds) for each in chosen]
        left = None if left is None else left - sum(each.seconds for each in chosen)
    return proposals
