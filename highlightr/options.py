"""What a caller may ask of `summarize`: one set of names, defaults and help for Python, the command line and presets.

In: keywords with plain values, or the texts in which people write spans and margins. Out: `SummarizeOptions`, checked.
The fields here and in `SelectionOptions` are the options; the command line makes its flags and its help from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from highlightr.core.checks import check_fields, given_flag, is_word, plain
from highlightr.core.clock import parse_clock
from highlightr.core.config import from_plain
from highlightr.core.device import Precision, check_precision
from highlightr.core.errors import ConfigError
from highlightr.media.choices import AudioChoice, CutChoice, CutOptions, EncoderChoice, HdrChoice, SubtitleChoice
from highlightr.selection.options import SelectionOptions
from highlightr.zoo.presets import DEFAULT_PRESET
from highlightr.zoo.speech_models import check_speech_model

Transition = Literal["none", "fade"]

TimelineFormat = Literal["otio", "edl", "fcpxml", "premiere", "llc", "csv", "chapters", "vtt", "ffconcat"]
"""Timelines for editors, by name."""

ALIASES: Mapping[str, str] = {"duration": "duration_seconds"}
"""Other names that are accepted for an option."""

BUDGETS = ("ratio", "duration_seconds")
"""Options of which one at most is given."""

PLACES = ("output", "clips", "thumbnails", "transcript", "overwrite")
"""Options that name files of one video; a preset and a batch cannot."""


@dataclass(frozen=True)
class ModelOptions:
    """Which models run, and how.

    Raises:
        ConfigError: a value of another type, or a precision that is unknown or that the device does not have.
    """

    preset: str = DEFAULT_PRESET
    """See `highlightr presets`."""
    scorer: str | None = None
    """One of the preset's scorers (by default what the preset uses with or without a query)."""
    model: str | None = None
    """With `--preset clip`: another model of open_clip, `NAME/TAG`, from the Hugging Face hub."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`."""
    precision: Precision = "fp32"
    """`fp32`; `bf16` or `fp16` are faster on a GPU, less exact; `bf16` also on a CPU that has it."""
    cache: bool = True
    """Keep features for the next run, and use what is kept."""

    def __post_init__(self) -> None:
        check_precision(self.precision, self.device)
        check_fields(self)

    def for_highlighter(self) -> dict[str, Any]:
        """Keywords of `Highlighter.from_preset`."""
        values = {item.name: getattr(self, item.name) for item in fields(ModelOptions)}
        return {"name": values.pop("preset"), **values}


@dataclass(frozen=True)
class SummarizeOptions:
    """How a summary is chosen, how it is cut, and where it goes.

    Raises:
        ConfigError: a value that its option does not accept, or one whose package is not installed.
    """

    output: Path | None = None
    """The summary video; by default NAME.summary.mp4 beside the source. Receipt and report lie beside it."""
    clips: Path | None = None
    """Also write each segment as a file into this folder, named by rank, time and title."""
    thumbnails: Path | None = None
    """Also write a picture of each segment into this folder, named as `clips` are."""
    cut: CutChoice = "auto"
    """How pieces are written: `exact` to the frame, re-encoded; `smart` to the frame, copied but for the ends of
    pieces; `auto`: smart where that is proven for the video, otherwise exact; `copy` at keyframes, not re-encoded."""
    hdr: HdrChoice | None = None
    """High dynamic range: `keep` it (HEVC, 10 bits), or map it to standard range (`sdr`); by default kept where ffmpeg
    can encode it."""
    encoder: EncoderChoice = "libx264"
    """What encodes pictures where all are encoded: `libx264`, `h264_nvenc`, `h264_qsv`, `h264_vaapi`,
    `h264_videotoolbox` (their HEVC siblings where HDR is kept), or `auto`, the hardware that is here and has proven
    itself on a few frames."""
    audio_track: AudioChoice = "all"
    """Audio tracks that are heard and written: `all`, one by its number from 1, or `mix`, all as one."""
    transition: Transition = "none"
    """What is between two pieces: `none` is a plain cut, `fade` goes through black and silence."""
    export: tuple[TimelineFormat, ...] = ()
    """Timelines to write beside the summary, such as `otio,edl`: otio, edl, fcpxml, premiere, llc, csv, chapters, vtt,
    ffconcat."""
    transcript: Path | None = None
    """What is said in the video: a file of subtitles (.srt, .vtt, .ass) or Whisper's JSON. `None`: subtitles beside the
    video (`NAME.srt`) or inside it, where there are any."""
    transcribe: str | None = None
    """Recognise what is said where it is not written, with faster-whisper and its model of this name, such as
    `tiny.en`, `base`, `small` or `large-v3-turbo`; fetched once. `None`: nothing is recognised."""
    subtitles: SubtitleChoice = "soft"
    """What is said, in the summary and the clips: `soft` is a track that players show, with .srt and .vtt beside the
    summary; `burn` draws it into the picture; `none` leaves it out."""
    overwrite: bool = False
    """Replace outputs that exist."""
    selection: SelectionOptions = field(default_factory=SelectionOptions)
    """Budget and the rules of choosing."""

    def __post_init__(self) -> None:
        check_fields(self)
        unknown = [form for form in self.export if form not in get_args(TimelineFormat)]
        if unknown:
            known_formats = ", ".join(get_args(TimelineFormat))
            raise ConfigError(f"export knows no format {unknown[0]!r}; there are {known_formats}")
        if self.transcribe is not None:
            check_speech_model(self.transcribe)
        track = self.audio_track
        if not is_word(track, ("all", "mix")) and (not isinstance(track, int) or isinstance(track, bool) or track < 1):
            raise ConfigError(f"audio_track must be a number from 1, all or mix, got {track!r}")
        self.cut_options()

    def cut_options(self) -> CutOptions:
        """How the summary is cut; a `ConfigError` for choices that exclude each other."""
        mix, fade = self.audio_track == "mix", self.transition == "fade"
        return CutOptions(self.cut, self.hdr, mix, fade, self.encoder, self.subtitles)

    @classmethod
    def from_keywords(cls, defaults: Mapping[str, Any] | None = None, /, **keywords: Any) -> SummarizeOptions:
        """Build from flat keywords: this class's fields and those of `SelectionOptions`.

        A preset's `defaults` hold where a keyword is absent.

        Spans and margins may be texts (``range="1:20-2:00"``, ``margin="1,0.5"``); ``copy=True`` is ``cut="copy"``.

        Raises:
            ConfigError: an unknown keyword, or a value that its option does not accept.
        """
        wanted = merged_options(defaults or {}, keywords)
        own = {item.name for item in fields(cls)} - {"selection"}
        selecting = {item.name for item in fields(SelectionOptions)}
        unknown = sorted(set(wanted) - own - selecting - {"selection"})
        if unknown:
            raise ConfigError(f"no option named {unknown[0]!r}; there are {', '.join(sorted(own | selecting))}")
        if all(wanted.get(name) is not None for name in BUDGETS):
            raise ConfigError("a budget is a ratio (--ratio) or seconds (--duration); give one of them")
        chosen = {name: value for name, value in wanted.items() if name in selecting}
        values = {name: value for name, value in wanted.items() if name not in selecting}
        if chosen:
            values["selection"] = _selection(chosen)
        return cls(**values)

    @classmethod
    def check_defaults(cls, defaults: Mapping[str, Any], where: str) -> None:
        """Refuse defaults that a preset cannot set; `where` names it.

        Raises:
            ConfigError: an option that says where files go, an unknown one, or a value that is not accepted.
        """
        for name in PLACES:
            if name in defaults:
                raise ConfigError(f"{where}: {name} names files of one video, which a preset cannot")
        try:
            cls.from_keywords(defaults)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error

    def as_flat(self) -> dict[str, Any]:
        """Every option by its name, those of `selection` beside the others; `from_keywords` is the way back."""
        flat = asdict(self)
        selection: dict[str, Any] = flat.pop("selection")
        return flat | selection


def _selection(values: Mapping[str, Any]) -> SelectionOptions:
    where = "options"
    try:
        return from_plain(SelectionOptions, values, where)
    except ConfigError as error:
        raise ConfigError(str(error).removeprefix(f"{where}: ")) from error


def merged_options(defaults: Mapping[str, Any], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Flat keywords by their options' names: `defaults` where a keyword is absent; a budget replaces the other kind.

    Raises:
        ConfigError: a text that its option cannot read.
    """
    wanted, kept = _canonical(keywords), _canonical(defaults)
    if any(wanted.get(name) is not None for name in BUDGETS):
        kept = {name: value for name, value in kept.items() if name not in BUDGETS}
    return {**kept, **wanted}


def _canonical(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords by their options' names, texts turned into values."""
    wanted = {ALIASES.get(name, name): value for name, value in keywords.items()}
    wanted = {name: plain(value) for name, value in wanted.items()}
    if given_flag("copy", wanted.pop("copy", False)):
        wanted["cut"] = "copy"
    return {name: _read(name, value) for name, value in wanted.items()}


def _read(name: str, value: Any) -> Any:
    try:
        return _READERS[name](value) if name in _READERS else value
    except TypeError as error:  # Such as a number where a list belongs.
        raise ConfigError(f"{name} cannot be {value!r}") from error


def parse_margin(value: str | float | Sequence[float]) -> tuple[float, float]:
    """Seconds before and after from ``1``, ``1,0.5``, a number or a pair.

    Raises:
        ConfigError: something else.
    """
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, Sequence) else (value,)
    try:
        seconds = () if any(isinstance(part, bool) for part in parts) else tuple(map(float, parts))
    except (TypeError, ValueError, OverflowError):
        seconds = ()
    if len(seconds) not in (1, 2):
        raise ConfigError(f"margin must be BEFORE or BEFORE,AFTER in seconds, such as 1,0.5; got {value!r}")
    return seconds[0], seconds[-1]


def parse_spans(value: str | Sequence[Any]) -> tuple[tuple[float, float], ...]:
    """Spans in seconds from ``FROM-TO``, a list of such texts or of pairs, or one pair.

    Raises:
        ConfigError: something else.
    """
    if isinstance(value, str) or (len(value) == 2 and not any(isinstance(each, str | Sequence) for each in value)):
        value = [value]
    return tuple(_parse_span(each) for each in value)


def _parse_span(value: str | Sequence[Any]) -> tuple[float, float]:
    parts = value.replace("\u2013", "-").split("-") if isinstance(value, str) else value
    if isinstance(parts, str | bytes) or not isinstance(parts, Sequence) or len(parts) != 2:
        raise ConfigError(f"a span is FROM-TO, such as 1:20-2:00; got {value!r}")
    start, stop = (parse_clock(part) if isinstance(part, str) else part for part in parts)
    return start, stop


def _formats(value: str | Sequence[str]) -> tuple[str, ...]:
    parts = [value] if isinstance(value, str) else value
    names = (name for part in parts for name in (part.split(",") if isinstance(part, str) else [part]))
    return tuple(dict.fromkeys(name.strip() if isinstance(name, str) else name for name in names))


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "audio_track": lambda value: int(value) if isinstance(value, str) and value.isdecimal() else value,
    "export": _formats,
    "margin": parse_margin,
    "range": parse_spans,
    "exclude": parse_spans,
    **dict.fromkeys(
        ("output", "clips", "thumbnails", "transcript"), lambda value: None if value is None else Path(value)
    ),
}
