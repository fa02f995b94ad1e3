"""What is said in a video, from where it is written already.

In: a probed source, and a file that the caller may name. Out: a `Transcript` from that file, from a subtitle file
beside the video (`NAME.srt`, `NAME.mp4.srt`, `NAME.LANG.srt`, or `.vtt`), or from a text track inside it, in this
order; or none. A file that the caller names must be readable; one that is merely there is passed over with a note.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from highlightr.core.clock import length_words
from highlightr.core.errors import CutError, MediaError
from highlightr.core.files import printable
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript, Utterance
from highlightr.media._container.contents import Track, read_contents
from highlightr.media._container.opening import reading
from highlightr.media._container.subtitle_tracks import read_tracks
from highlightr.media.subtitles import Cue, read_subtitles
from highlightr.media.suffixes import VIDEO_SUFFIXES
from highlightr.media.utterances import cues, utterances
from highlightr.media.whisper_json import read_whisper_json

SIDECAR_SUFFIXES = (".srt", ".vtt")

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
"""Of a file's name, such as ``en`` or ``pt-BR``."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]{1,19}")
"""A code, or the name of a language in English, as some programs write."""

_FASTEST = 500
"""Letters in a second of the video, over all of it; speech has 15. More would take longer to compare with a query than
the video takes to decode."""

_ALWAYS = 5_000
"""Letters that any transcript may have."""

_ENGLISH = ("en", "eng")
_NOT_SPEECH = frozenset({"forced", "comment", "lyrics", "karaoke", "descriptions"})


def find_transcript(source: Source, file: Path | None = None) -> tuple[Transcript | None, tuple[str, ...]]:
    """What is said in the video, where that is written, or `None`; and sentences about what there could not be used.

    If a file is named, nothing else is looked at: a `MediaError` where it cannot be read, or says nothing during the
    video, or more than fits into it.
    """
    if file is not None:
        return read_transcript(file, source.duration_seconds), ()
    notes: list[str] = []
    for path in sidecars(source.path):
        try:
            return read_transcript(path, source.duration_seconds), tuple(notes)
        except MediaError as error:
            notes.append(f"Subtitles beside the video are not used: {error}.")
    transcript, told = _from_tracks(source)
    return transcript, (*notes, *told)


def read_transcript(path: Path, duration_seconds: float) -> Transcript:
    """Read a subtitle file, or the JSON of Whisper or WhisperX.

    Raises:
        MediaError: it cannot be read, or says nothing within the video, or more than fits into it.
    """
    if path.exists() and not path.is_file():
        raise MediaError(f"{path}: not a regular file; give a subtitle file on disk")
    language = _language(path)
    spans: Sequence[Cue]
    shown: Sequence[Cue] = ()
    if path.suffix.lower() == ".json":
        spans, told = read_whisper_json(path)
        language = told or language
    else:
        read = read_subtitles(path)
        spans = shown = read.cues
        language = language or read.language
    said = utterances(spans, duration_seconds)
    if not said:
        raise MediaError(
            f"{path}: says nothing during the video's {length_words(duration_seconds)} s; is it of another video?"
        )
    letters = _num_letters(said)
    if letters > _most_letters(duration_seconds):
        raise MediaError(
            f"{path}: {letters} letters in {length_words(duration_seconds)} s: denser than speech; use another file"
        )
    code = language if language and _WORD.fullmatch(language) else None
    return Transcript(said, printable(path.name), code, cues(shown, duration_seconds))


def _num_letters(said: Sequence[Utterance]) -> int:
    return sum(len(each.text) for each in said)


def _most_letters(duration_seconds: float) -> float:
    """What a transcript may have."""
    return _ALWAYS + _FASTEST * duration_seconds


def _language(path: Path) -> str | None:
    """The code at the end of the file's name."""
    return code if (code := Path(path.stem).suffix[1:].lower()) and _is_language(code) else None


def _is_language(code: str) -> bool:
    """Whether this is a language's code and no video's suffix, as in ``talk.mov.srt``."""
    return bool(_LANGUAGE.fullmatch(code)) and f".{code.lower()}" not in VIDEO_SUFFIXES


FileVersion = tuple[str, int, int]
"""Name, bytes and time of writing (nanoseconds since 1970)."""


class SidecarFolder:
    """The subtitle files of a folder as it is now, for any number of its videos."""

    def __init__(self, folder: Path) -> None:
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries]
        except OSError:
            names = []
        self._names = frozenset(names)
        self._of_stem: dict[str, list[str]] = {}
        for name in names:
            if name.lower().endswith(SIDECAR_SUFFIXES):
                for dot in (number for number, letter in enumerate(name) if letter == "."):
                    self._of_stem.setdefault(name[:dot], []).append(name)

    def of(self, video: Path) -> list[Path]:
        """As `sidecars`, for a video in the folder."""
        found: list[tuple[int, str, Path]] = []
        for name in self._of_stem.get(video.stem, ()):
            path = video.with_name(name)
            code = path.stem.removeprefix(video.stem)
            if not path.is_file():
                continue
            if not code:
                found.append((0, name, path))
            elif code.lower() == video.suffix.lower():
                found.append((1, name, path))
            elif _is_language(code[1:]) and not any(f"{path.stem}{suffix}" in self._names for suffix in VIDEO_SUFFIXES):
                found.append((2 if _is_english(code[1:]) else 3, name, path))
        return [path for _, _, path in sorted(found)]

    def versions(self, video: Path) -> tuple[FileVersion, ...]:
        """What tells whether the subtitle files of a video are still those that were read."""
        found = []
        for path in self.of(video):
            with suppress(OSError):  # It was removed meanwhile.
                status = path.stat()
                found.append((path.name, status.st_size, status.st_mtime_ns))
        return tuple(found)


def sidecars(video: Path) -> list[Path]:
    """Subtitle files of the video's name, the best first: without a language, English, the others by name.

    What has the whole name of another video beside it (``talk.en.srt`` of ``talk.en.mp4``) is that one's.
    """
    return SidecarFolder(video.absolute().parent).of(video)


def sidecar_versions(video: Path) -> tuple[FileVersion, ...]:
    """As `SidecarFolder.versions`."""
    return SidecarFolder(video.absolute().parent).versions(video)


def _is_english(code: str) -> bool:
    return re.split("[-_]", code.lower())[0] in _ENGLISH


def _from_tracks(source: Source) -> tuple[Transcript | None, list[str]]:
    """From the text track that most likely holds all that is said; one that cannot be used gives way to the next."""
    notes: list[str] = []
    with reading(source.path) as container:
        if not container.streams.subtitles:
            return None, notes
        tracks = read_contents(container, source.video.index).subtitles
    try:
        read = read_tracks(source, tracks)
    except CutError as error:
        return None, [f"Subtitles inside the video are not used: {error}."]
    for track in _by_use(tracks):
        subtitles = read[track.index]
        shown = () if subtitles is None else subtitles.cues
        said = utterances(shown, source.duration_seconds)
        if (letters := _num_letters(said)) > _most_letters(source.duration_seconds):
            notes.append(f"Subtitle stream {track.index} is not used: {letters} letters, denser than speech.")
        elif said:
            language = track.tags.get("language", "")
            code = language if _LANGUAGE.fullmatch(language) else None
            told = f" ({code})" if code else ""
            parts = cues(shown, source.duration_seconds)
            return Transcript(said, f"subtitle stream {track.index}{told}", code, parts, is_track=True), notes
    return None, notes


def _by_use(tracks: Sequence[Track]) -> list[Track]:
    """Full tracks first, then English ones, then those that a player would show."""

    def key(track: Track) -> tuple[bool, bool, bool, int]:
        flags = set(track.dispositions)
        english = _is_english(track.tags.get("language", ""))
        return bool(flags & _NOT_SPEECH), not english, "default" not in flags, track.index

    return sorted(tracks, key=key)
