"""Videos in, feature files out: one decode pass per video, what is done is skipped, what fails is told and passed over.

In: videos, names of extractors and a folder. Out: files in one of four layouts with metadata beside each, and a
`VideoResult` per video.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from highlightr.core.checks import (
    LARGEST_SEED,
    check_between,
    check_fields,
    given_list,
    given_options,
    given_path,
    is_word,
)
from highlightr.core.device import Precision, check_precision, resolve_device
from highlightr.core.errors import ConfigError, HighlightrError
from highlightr.core.folders import make_folder
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.source import Source
from highlightr.core.types import Features, TimeGrid
from highlightr.export.feature_files.layouts import (
    FORMATS,
    UTTERANCES,
    Arrays,
    FileFormat,
    describe_video,
    stream_metadata,
    utterance_arrays,
    utterance_metadata,
)
from highlightr.export.feature_files.stores import FeatureStore, open_store
from highlightr.export.receipt_reader import is_summary, read_written
from highlightr.features import Extractor, TextEncoder, extract, extractor_class
from highlightr.features.lite.minilm import MiniLM
from highlightr.features.registry import options_of
from highlightr.media import probe
from highlightr.media.decode import loss_notes
from highlightr.media.suffixes import VIDEO_SUFFIXES
from highlightr.model_loader import open_extractor, open_text_encoder
from highlightr.transcripts import SpeechSource, find_speech
from highlightr.zoo.speech_models import check_speech_model


@dataclass(frozen=True)
class ExtractOptions:
    """How features are extracted and kept.

    Raises:
        ConfigError: a value that is out of range, or both `fps` and `clip_seconds`.
    """

    format: FileFormat = "npz"
    """`npz`, `npy`, `h5` or `safetensors`."""
    clip_seconds: float | None = None
    """Length of the clips, one row each; `None`: 1 / `fps`, or 2 s if neither is given."""
    fps: float | None = None
    """Rows per second, instead of a clip length."""
    device: str = "auto"
    """``auto``, ``cpu`` or ``cuda``."""
    precision: Precision = "fp32"
    """``bf16`` or ``fp16`` for networks that run in torch: faster on a GPU, features change in the third digit."""
    compile: bool = False
    """Have torch compile those networks: a minute more at the start, faster afterwards on a GPU."""
    transcript: Path | None = None
    """What is said, of one video; by default subtitles beside each video or inside it."""
    transcribe: str | None = None
    """Recognise what is said where it is not written, by this model of faster-whisper."""
    random_seed: int | None = None
    """Run extractors whose weights are fetched on random weights; the metadata says so."""
    overwrite: bool = False
    """Extract again what is there and was made the same way."""

    def __post_init__(self) -> None:
        if not is_word(self.format, FORMATS):
            raise ConfigError(f"no format {self.format!r}; there are {', '.join(FORMATS)}")
        check_precision(self.precision, resolve_device(self.device))
        check_fields(self)
        if self.transcribe is not None:
            check_speech_model(self.transcribe)
        if self.fps is not None and self.clip_seconds is not None:
            raise ConfigError("give either fps or clip_seconds: a row describes 1 / fps seconds")
        check_between(self, 0.001, 100, "fps")
        check_between(self, 0.01, 3600, "clip_seconds")
        check_between(self, 0, LARGEST_SEED, "random_seed")

    @property
    def row_seconds(self) -> float:
        """Seconds that a row describes."""
        if self.clip_seconds is not None:
            return self.clip_seconds
        return 2.0 if self.fps is None else 1.0 / self.fps


@dataclass(frozen=True)
class VideoResult:
    """What became of one video."""

    video: Path
    state: Literal["written", "skipped", "failed"]
    """`skipped`: everything was there and made the same way."""
    num_clips: int = 0
    duration_seconds: float = 0.0
    written: Mapping[str, Path] = field(default_factory=dict)
    """Stream or signal to the file that was written now."""
    kept: tuple[str, ...] = ()
    """Streams and signals that were there already."""
    absent: tuple[str, ...] = ()
    """Streams and signals that the video has no sound (or picture) for; their metadata says so."""
    error: str | None = None
    """Why it failed, in one line."""
    notes: tuple[str, ...] = ()
    """Sentences about what is said."""


def videos_in(place: Path) -> tuple[Path, ...]:
    """The video that `place` is, or those in the folder that it is, sorted by name; folders inside are not entered,
    and summaries are left out.

    Raises:
        ConfigError: nothing is there, or a folder without videos.
    """
    if not place.is_dir():
        if not place.exists():
            raise ConfigError(f"no video or folder at {place}")
        return (place,)
    videos = sorted(path for path in place.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    found = [path for path in videos if not is_summary(path, read_written(path.with_name(f"{path.stem}.json")))]
    if not found:
        raise ConfigError(f"no videos in {place}; their names end with {', '.join(VIDEO_SUFFIXES)}")
    return tuple(found)


def extract_to_files(
    videos: Iterable[str | Path],
    extractors: Sequence[str],
    out: str | Path,
    options: ExtractOptions | None = None,
    *,
    progress: ProgressHook | None = None,
) -> tuple[VideoResult, ...]:
    """Extract features of many videos into `out`; their names without suffix name the outputs, so they must differ.

    Each video is decoded once for all extractors that still have something to do. What is said, where it is known, is
    written as the signal `UTTERANCES`. A video that fails does not stop the others. With `progress`, the stage is
    ``extract NAME`` in seconds of video.

    Raises:
        ConfigError: no video or extractor, an unknown or doubled extractor, two videos of one name; one transcript for
            several videos.
        WeightsError: weights that are missing, before any work.
        OutputError: `out` cannot be written.
    """
    wanted, out = given_options(options, ExtractOptions), given_path("out", out)
    files = _distinct(Path(video) for video in given_list("videos", videos, str, Path))
    if wanted.transcript is not None and len(files) > 1:
        raise ConfigError("a transcript is of one video, and several were given; put NAME.srt beside each instead")
    make_folder(out)
    run = _Run(
        _open(given_list("extractors", extractors, str), wanted),
        open_store(out, wanted.format),
        wanted,
        progress or silent,
    )
    try:
        return tuple(run.video(path) for path in files)
    finally:
        run.store.close()


def _open(names: Sequence[str], options: ExtractOptions) -> tuple[Extractor, ...]:
    if not names:
        raise ConfigError("no extractors were named; `--features slowfast,clip,cnn14` takes three")
    classes = [extractor_class(name) for name in names]
    makers: dict[str, str] = {}
    for found in classes:
        for made in (*found.streams, *found.signals):
            if made in makers:
                raise ConfigError(f"{makers[made]} and {found.name} both make {made!r}: use one of them")
            makers[made] = found.name
    device = resolve_device(options.device)
    opened = []
    for found in classes:
        # A spectrogram is what a caller asks for who names its extractor.
        more: dict[str, Any] = {"keep_signal": True} if "keep_signal" in options_of(found) else {}
        if options.precision != "fp32" and "precision" in options_of(found):
            more["precision"] = options.precision
        seconds, seed = options.row_seconds, options.random_seed
        extractor = open_extractor(found.name, clip_seconds=seconds, device=device, random_seed=seed, **more)
        extractor.load()
        if options.compile:
            extractor.compile()
        opened.append(extractor)
    return tuple(opened)


def _distinct(videos: Iterable[Path]) -> tuple[Path, ...]:
    files = tuple(videos)
    if not files:
        raise ConfigError("no videos were given")
    names: dict[str, Path] = {}
    for path in files:
        other = names.setdefault(path.stem, path)
        if other is not path:
            raise ConfigError(f"{other} and {path} would share their outputs: rename one, or use another folder for it")
    return files


class _Run:
    """One call: opened models, a store, and the videos one after the other."""

    def __init__(
        self, opened: tuple[Extractor, ...], store: FeatureStore, options: ExtractOptions, progress: ProgressHook
    ) -> None:
        self._opened, self._options, self._progress = opened, options, progress
        self.store = store

    @cached_property
    def _encoder(self) -> TextEncoder:
        """Of what is said; opened for the first video that has a transcript."""
        return open_text_encoder(MiniLM.name)

    def video(self, path: Path) -> VideoResult:
        """Extract one video; an expected error becomes part of the result."""
        try:
            return self._extract(probe(path))
        except HighlightrError as error:
            return VideoResult(path, "failed", error=str(error))

    def _extract(self, source: Source) -> VideoResult:
        grid, name = TimeGrid(source.duration_seconds, self._options.row_seconds), source.path.stem
        device = resolve_device(self._options.device)
        speech = find_speech(source, self._options.transcript, self._options.transcribe, device)
        about = self._metadata(source, grid, speech)
        kept = {} if self._options.overwrite else about
        done = {stream for stream, wanted in kept.items() if self.store.holds(wanted, name)}
        todo = [each for each in self._opened if not {*each.streams, *each.signals} <= done]
        if done == set(about):
            return VideoResult(source.path, "skipped", grid.num_clips, source.duration_seconds, kept=tuple(about))
        todo += speech.extractors if UTTERANCES not in done else ()
        progress = partial(self._progress, f"extract {source.path.name}")
        features = extract(source, grid, todo, progress=progress) if todo else Features(grid, {})
        transcript, told = speech.heard(features) if UTTERANCES not in done else (None, ())
        notes = (*loss_notes(features.losses), *told)
        written, absent = {}, []
        for stream, metadata in about.items():
            if stream in done:
                continue
            arrays = _arrays(features, stream)
            if stream == UTTERANCES and transcript is not None:
                arrays = utterance_arrays(transcript, self._encoder)
                metadata |= {"origin": transcript.origin, "language": transcript.language}
            found = metadata if arrays else {**metadata, "absent": f"the video has no {metadata['modality']} part"}
            place = self.store.put(found, name, arrays)
            if arrays:
                written[stream] = place
            else:
                absent.append(stream)
        seconds, had = source.duration_seconds, tuple(sorted(done))
        return VideoResult(source.path, "written", grid.num_clips, seconds, written, had, tuple(absent), notes=notes)

    def _metadata(self, source: Source, grid: TimeGrid, speech: SpeechSource) -> dict[str, dict[str, Any]]:
        """Per stream and signal; of what is said only where that is known or may be, or was at an earlier run."""
        video = describe_video(source)
        about = {
            stream: stream_metadata(video, grid, each, stream)
            for each in self._opened
            for stream in (*each.streams, *each.signals)
        }
        said = utterance_metadata(video, source.duration_seconds, speech)
        before = self.store.record(said, source.path.stem)
        return {**about, UTTERANCES: said} if speech.is_expected or (before and not before.get("absent")) else about


def _arrays(features: Features, stream: str) -> Arrays:
    """What is written of one stream or signal; empty if the video lacks it."""
    if stream in features.streams:
        return {"features": features.streams[stream]}
    if stream in features.signals:
        signal = features.signals[stream]
        return {"values": signal.values, "times_seconds": signal.times_seconds}
    return {}
