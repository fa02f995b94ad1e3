"""The whole story in one place: a video goes in; segments, a cut summary, a receipt and a report come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highlightr.core.checks import check_text, given_flag, given_list, given_options, given_path
from highlightr.core.device import Precision
from highlightr.core.errors import ConfigError, NothingToScoreError
from highlightr.core.hashing import content_hash
from highlightr.core.progress import ProgressHook, Stages
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript
from highlightr.core.types import Features, Query, Scores, Segment, Shot, Summary, TimeGrid
from highlightr.features.base import Extractor, Weights
from highlightr.features.cache import FeatureCache
from highlightr.features.extract import extract
from highlightr.media.decode import loss_notes
from highlightr.media.probe import probe
from highlightr.model_loader import Models, load_models
from highlightr.selection.options import AnalysisMode, Detector, SelectionOptions
from highlightr.selection.shots import find_shots
from highlightr.transcripts import SpeechSource, find_speech
from highlightr.zoo import DEFAULT_PRESET, Preset, load_preset
from highlightr.zoo.speech_models import check_speech_model

if TYPE_CHECKING:
    from highlightr.export.receipt import Provenance

Encoding = Future[list[Query | None]]
"""The queries' embeddings, once they are made."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything known about a video before anything is chosen."""

    source: Source
    query: str | None
    scorer: str
    """Name of the preset's scorer that served the query."""
    features: Features
    shots: tuple[Shot, ...]
    scores: Scores
    transcript: Transcript | None = None
    """What is said, where that is known."""
    notes: tuple[str, ...] = ()
    """Sentences about the transcript, and what of the video could not be used."""
    speech_weights: tuple[Weights, ...] = ()
    """Of the recogniser that listened, if one did."""
    scores_only: bool = False
    """Its features suffice for these scores, not to choose from them nor to ask for others."""


class Highlighter:
    """Finds the part of a video that is worth watching and cuts it; loads its models once, serves many videos."""

    def __init__(
        self,
        preset: Preset,
        models: Models,
        cache: FeatureCache | None = None,
        progress: ProgressHook | None = None,
    ) -> None:
        self.preset = preset
        self._models = models
        self._cache = cache
        self._progress = progress

    @classmethod
    def from_preset(
        cls,
        name: str | Path = DEFAULT_PRESET,
        *,
        device: str = "auto",
        precision: Precision = "fp32",
        scorer: str | None = None,
        model: str | None = None,
        cache: bool = True,
        progress: ProgressHook | None = None,
    ) -> Highlighter:
        """Make one from a preset's name, or from a YAML file of the caller's.

        Args:
            device: ``auto``, ``cpu`` or ``cuda``.
            precision: of networks that run in torch: ``fp32``, or ``bf16`` or ``fp16`` for speed on a GPU.
            scorer: one of the preset's scorers, which then serves queries and runs without one alike.
            model: for presets that run CLIP: another model of open_clip, ``NAME/TAG``, fetched from the hub.
            cache: keep features for the next run on the same video, and use what is kept (`highlightr.features.cache`).

        Raises:
            ConfigError: an unknown preset, scorer, device or precision.
            WeightsError: weights that the preset needs are not here; the message says how to get them.
        """
        preset = load_preset(name, scorer=scorer, model=model)
        if preset.summarize:
            from highlightr.options import SummarizeOptions

            SummarizeOptions.check_defaults(preset.summarize, f"preset {preset.name}: summarize")
        kept = FeatureCache() if given_flag("cache", cache) else None
        return cls(preset, load_models(preset, device, precision), kept, progress)

    def analyse(self, video: str | Path, query: str | None = None, **options: Any) -> Analysis:
        """Score every clip, choose nothing, write nothing; options of `analyse_queries`, errors as for `summarize`."""
        return self.analyse_queries(video, [query], **options)[0]

    def analyse_queries(
        self,
        video: str | Path,
        queries: Sequence[str | None],
        *,
        detector: Detector = "cheap",
        analysis: AnalysisMode = "auto",
        transcript: str | Path | None = None,
        transcribe: str | None = None,
        scores_only: bool = False,
        glimpse: Callable[[Scores], None] | None = None,
    ) -> list[Analysis]:
        """The same for many queries, in their order; the video is decoded once at most.

        With `scores_only`, less is heard of the video: nothing can be chosen from the results, nor asked of them.
        `glimpse` is shown scores of the video's beginning for the first query, by what is seen and heard, while the
        rest is decoded.
        """
        how = SelectionOptions(detector=detector, analysis=analysis)
        scores_only = given_flag("scores_only", scores_only)
        video = given_path("video", video)
        transcript = None if transcript is None else given_path("transcript", transcript)
        if isinstance(queries, str) or not isinstance(queries, Sequence):  # A text is a sequence of letters.
            raise ConfigError(f"queries are a list of texts, got {queries!r}; for one: Highlighter.analyse")
        if transcribe is not None:
            check_speech_model(transcribe)
        with self._encoding(video, queries) as encoding:
            source = probe(video)
            speech = find_speech(source, transcript, transcribe, self._models.device)
            extractors = self._models.extractors_for(
                detector, queries if scores_only else None, scores_only=scores_only
            )
            stages = Stages(self._progress)
            found = self._analyse(source, queries, encoding, how, extractors, speech, stages, glimpse)
            return [replace(each, scores_only=scores_only) for each in found]

    def ask(self, analysis: Analysis, query: str | None) -> Analysis:
        """Score a video that was analysed for another query; nothing is read again.

        Raises:
            ConfigError: the query is not acceptable, or the video was analysed for scores alone.
        """
        _check_complete(analysis)
        models = self._models
        models.check_query(query)
        said = None if query is None else models.listen(analysis.transcript, self._cache)
        scores = models.score(analysis.features, query, models.encode(query), analysis.shots, said)
        return replace(analysis, query=query, scorer=self.preset.scorer_name(query), scores=scores)

    def choose(self, analysis: Analysis, options: SelectionOptions | None = None) -> tuple[Segment, ...]:
        """What a summary with these options would keep.

        Raises:
            ConfigError: as for `select_segments`, or the video was analysed for scores alone.
        """
        _check_complete(analysis)
        from highlightr.selection.reasons import with_quotes
        from highlightr.selection.segments import select_segments

        options = given_options(options, SelectionOptions)
        query, source = analysis.query, analysis.source
        answering = query is not None and self._models.takes_query(query)
        selection = options.from_time(source.picture_start_seconds)
        scores, shots, transcript = analysis.scores, analysis.shots, analysis.transcript
        chosen = select_segments(
            scores, shots, selection, analysis.features, answering=answering, transcript=transcript
        )
        return with_quotes(chosen, transcript)

    def deliver(
        self, analysis: Analysis, segments: Sequence[Segment], *, notes: Sequence[str] = (), **options: Any
    ) -> Summary:
        """Write a summary of segments chosen by the caller, in their order, clamped to the video.

        Options and errors as for `summarize`.
        """
        from highlightr.export.outputs import plan_outputs, with_captions
        from highlightr.export.summary import deliver
        from highlightr.options import SummarizeOptions
        from highlightr.selection.reasons import with_quotes
        from highlightr.selection.segments import given_segment

        analysis, chosen = _given(analysis), given_list("segments", segments, Segment)
        wanted = SummarizeOptions.from_keywords(self.preset.summarize, **options)
        outputs = plan_outputs(analysis.source, wanted)
        outputs = with_captions(outputs, analysis.source, wanted, analysis.transcript is not None)
        end = analysis.source.duration_seconds
        chosen, told = tuple(given_segment(each, end) for each in chosen), given_list("notes", notes, str)
        check_text("the note", *told)
        summary = self._summary(analysis, with_quotes(chosen, analysis.transcript), told)
        return deliver(summary, outputs, wanted, self._provenance(analysis), Stages(self._progress))

    def summarize(self, video: str | Path, query: str | None = None, **options: Any) -> Summary:
        """Summarise one video; `options` are those of `SummarizeOptions` and `SelectionOptions`.

        Returns:
            What was chosen, from which scores, and where the summary, receipt and report were written.

        Raises:
            ConfigError: an option or the query is not acceptable.
            MediaError: the video cannot be read.
            NoMatchError: with `strict`, the query is not in the video; nothing was written.
            OutputError: an output exists or cannot be written; raised before any work is done.
            CutError: ffmpeg failed; nothing was written.
        """
        # What only a summary needs is not loaded for scores.
        from highlightr.export.outputs import plan_outputs, with_captions
        from highlightr.export.summary import deliver
        from highlightr.options import SummarizeOptions
        from highlightr.selection.options import selection_notes

        wanted = SummarizeOptions.from_keywords(self.preset.summarize, **options)
        video, stages = given_path("video", video), Stages(self._progress)
        with self._encoding(video, [query]) as encoding:
            with stages("probe"):
                source = probe(video, wanted.audio_track)
                wanted.selection.check_length(source.duration_seconds)
                outputs = plan_outputs(source, wanted)
                speech = find_speech(source, wanted.transcript, wanted.transcribe, self._models.device)
                outputs = with_captions(outputs, source, wanted, speech.is_expected)
            how = wanted.selection
            extractors = self._models.extractors_for(how.detector, [query])
            (analysis,) = self._analyse(source, [query], encoding, how, extractors, speech, stages)
        with stages("select"):
            remarks = selection_notes(wanted.selection, query, analysis.scores.match)
            segments = self.choose(analysis, wanted.selection)
        summary, provenance = self._summary(analysis, segments, remarks), self._provenance(analysis)
        del analysis  # Its features take hundreds of MiB where a video lasts hours, and ffmpeg comes next.
        return deliver(summary, outputs, wanted, provenance, stages)

    def _summary(self, analysis: Analysis, segments: Sequence[Segment], notes: Sequence[str]) -> Summary:
        scores, told = analysis.scores, (*analysis.scores.notes, *notes, *analysis.notes)
        about = (self.preset.name, analysis.query, told, analysis.transcript)
        return Summary(analysis.source, tuple(segments), scores, analysis.shots, *about)

    def _provenance(self, analysis: Analysis) -> Provenance:
        from highlightr.export.receipt import provenance_of

        weights, has_speech = analysis.speech_weights, analysis.transcript is not None
        return provenance_of(self._models, analysis.query, analysis.features, weights, has_speech=has_speech)

    @contextmanager
    def _encoding(self, video: Path, queries: Sequence[str | None]) -> Iterator[Encoding]:
        """Check the queries, then encode them on a thread, while the scorers are opened and the video is read."""
        models = self._models
        for query in queries:
            models.check_query(query)
        with ThreadPoolExecutor(max_workers=2) as beside:
            encoding = beside.submit(models.encode_all, queries)
            if video.is_file():
                beside.submit(content_hash, video)  # Cache and receipt will ask for it; an error is told when they do.
            for query in queries:
                models.scorer_for(query)  # What is wrong with its weights is known before any decoding.
            yield encoding

    def _analyse(
        self,
        source: Source,
        queries: Sequence[str | None],
        encoding: Encoding,
        how: SelectionOptions,
        extractors: Sequence[Extractor],
        speech: SpeechSource,
        stages: Stages,
        show: Callable[[Scores], None] | None = None,
    ) -> list[Analysis]:
        models, grid = self._models, TimeGrid(source.duration_seconds, self.preset.clip_seconds)
        # Where there is neither query nor sound, movement is what scores, and that shows in every picture.
        skip_calm = how.analysis == "auto" and (source.audio is not None or None not in queries)
        with stages("extract") as advance:
            listening = (*extractors, *speech.extractors)
            look = None if show is None else self._glimpse(queries[0], encoding, show)
            features = extract(
                source, grid, listening, cache=self._cache, progress=advance, glimpse=look, skip_calm=skip_calm
            )
            transcript, told = speech.heard(features)
            notes = (*loss_notes(features.losses), *told)
        with stages("shots"):
            shots = find_shots(features, how.detector)
        with stages("score"):
            asked = any(query is not None for query in queries)
            meant = models.listen(transcript, self._cache) if asked else None
            pairs = zip(queries, encoding.result(), strict=True)
            scores = [models.score(features, query, encoded, shots, meant) for query, encoded in pairs]
        heard = (transcript, notes, speech.weights)
        return [
            Analysis(source, query, self.preset.scorer_name(query), features, shots, values, *heard)
            for query, values in zip(queries, scores, strict=True)
        ]

    def _glimpse(
        self, query: str | None, encoding: Encoding, show: Callable[[Scores], None]
    ) -> Callable[[Features], None]:
        """What scores the video's beginning while the rest is decoded."""

        def look(beginning: Features) -> None:
            whole = (Shot(0.0, beginning.grid.duration_seconds),)
            with suppress(NothingToScoreError):  # The rest of the video may have what the beginning lacks.
                show(self._models.score(beginning, query, encoding.result()[0], whole))

        return look


def _given(analysis: Analysis) -> Analysis:
    if not isinstance(analysis, Analysis):
        raise ConfigError(f"analysis must be what Highlighter.analyse returned, got {analysis!r}")
    return analysis


def _check_complete(analysis: Analysis) -> None:
    if _given(analysis).scores_only:
        raise ConfigError("the video was analysed with scores_only=True: analyse it without to choose, or to ask again")
