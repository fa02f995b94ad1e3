"""The whole story in one place: a video goes in; segments, a cut summary, a receipt and a report come out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highlightr.assembly import Models, load_models
from highlightr.delivery import deliver
from highlightr.export import plan_outputs
from highlightr.features import extract
from highlightr.media import probe
from highlightr.options import SummarizeOptions
from highlightr.progress import ProgressHook, Stages
from highlightr.selection import Detector, find_shots, select_segments
from highlightr.timeline import Features, Scores, Shot, Source, Summary, TimeGrid
from highlightr.zoo import DEFAULT_PRESET, Preset, load_preset

__all__ = ["Analysis", "Highlighter"]


@dataclass(frozen=True)
class Analysis:
    """Everything known about a video before anything is chosen."""

    source: Source
    features: Features
    shots: tuple[Shot, ...]
    scores: Scores


class Highlighter:
    """Finds the part of a video that is worth watching and cuts it; loads its models once, serves many videos."""

    def __init__(self, preset: Preset, models: Models, progress: ProgressHook | None = None) -> None:
        self.preset = preset
        self._models = models
        self._progress = progress

    @classmethod
    def from_preset(
        cls,
        name: str | Path = DEFAULT_PRESET,
        *,
        device: str = "auto",
        scorer: str | None = None,
        progress: ProgressHook | None = None,
    ) -> Highlighter:
        """Make one from a preset's name (or YAML file) on a device: ``auto``, ``cpu`` or ``cuda``.

        `scorer` names one of the preset's scorers, which then serves queries and runs without one alike.

        Raises:
            ConfigError: an unknown preset, scorer or device.
            WeightsError: weights that the preset needs are not here; the message says how to get them.
        """
        preset = load_preset(name)
        preset = preset if scorer is None else preset.with_scorer(scorer)
        return cls(preset, load_models(preset, device), progress)

    def analyse(self, video: str | Path, query: str | None = None, *, detector: Detector = "cheap") -> Analysis:
        """Score every clip, choose nothing, write nothing; errors as for `summarize`."""
        self._models.check_query(query)
        return self._analyse(probe(Path(video)), query, detector, Stages(self._progress))

    def summarize(self, video: str | Path, query: str | None = None, **options: Any) -> Summary:
        """Summarise one video; `options` are those of `SummarizeOptions` and `SelectionOptions`.

        Returns:
            What was chosen, from which scores, and where the summary, receipt and report were written.

        Raises:
            ConfigError: an option or the query is not acceptable.
            MediaError: the video cannot be read.
            OutputError: an output exists or cannot be written; raised before any work is done.
            CutError: ffmpeg failed; nothing was written.
        """
        wanted = SummarizeOptions.from_keywords(**options)
        stages = Stages(self._progress)
        self._models.check_query(query)
        with stages("probe"):
            source = probe(Path(video))
            outputs = plan_outputs(source, wanted.output, wanted.clips, overwrite=wanted.overwrite)
        analysis = self._analyse(source, query, wanted.selection.detector, stages)
        with stages("select"):
            segments = select_segments(analysis.scores, analysis.shots, wanted.selection)
        summary = Summary(source, segments, analysis.scores, analysis.shots, self.preset.name, query)
        return deliver(summary, outputs, wanted, self._models, stages)

    def _analyse(self, source: Source, query: str | None, detector: Detector, stages: Stages) -> Analysis:
        grid = TimeGrid(source.duration_seconds, self.preset.clip_seconds)
        with ThreadPoolExecutor(max_workers=1) as beside, stages("extract") as advance:
            # The text encoder takes half a second to open: that is done while the video is decoded.
            encoding = beside.submit(self._models.encode, query)
            features = extract(source, grid, self._models.extractors(detector), progress=advance)
        with stages("shots"):
            shots = find_shots(features, detector)
        with stages("score"):
            scores = self._models.score(features, query, encoding.result(), shots)
        return Analysis(source, features, shots, scores)
