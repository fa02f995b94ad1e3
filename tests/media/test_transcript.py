"""Where a transcript is found, in which order, and what files that anyone may have written do to it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from highlightr.core.errors import MediaError
from highlightr.core.transcript import Utterance
from highlightr.media import probe
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.transcript import find_transcript, read_transcript
from tests.mediamaker import made


def srt(*lines: str) -> str:
    """A cue a second."""
    return "".join(f"{k + 1}\n00:00:0{k},000 --> 00:00:0{k},900\n{line}\n\n" for k, line in enumerate(lines))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "talk [1].mp4"
    os.link(made("plain.mp4"), path)
    return path


def with_tracks(path: Path, *tracks: tuple[str, str, str], codec: str = "subrip") -> Path:
    """The plain video with text tracks: what is said, language, disposition."""
    inputs = ["-i", f"file:{made('plain.mp4')}"]
    maps = ["-map", "0"]
    for number, (text, language, disposition) in enumerate(tracks):
        source = path.with_name(f"in{number}.txt")
        source.write_text(srt(text), encoding="utf-8")
        inputs += ["-f", "srt", "-i", f"file:{source}"]
        maps += ["-map", str(number + 1), f"-metadata:s:s:{number}", f"language={language}"]
        maps += [f"-disposition:s:{number}", disposition]
    run_ffmpeg([*inputs, *maps, "-c", "copy", "-c:s", codec, f"file:{path}"])
    return path


def origin(video: Path, file: Path | None = None) -> str | None:
    transcript, notes = find_transcript(probe(video), file)
    assert not notes
    return None if transcript is None else transcript.origin


def test_the_order_of_the_sources(video: Path, tmp_path: Path) -> None:
    assert find_transcript(probe(video)) == (None, ())
    names = ["talk [1].srt", "talk [1].vtt", "talk [1].en.srt", "talk [1].de.srt", "talk [1].pt-BR.vtt"]
    for name in reversed(names):
        (tmp_path / name).write_text(srt(f"Of {name}."), encoding="utf-8")
        assert origin(video) == name
    (tmp_path / "given.srt").write_text(srt("Given."), encoding="utf-8")
    assert origin(video, tmp_path / "given.srt") == "given.srt"


@pytest.mark.parametrize("name", ["talk [1].summary.srt", "talk [1] 2.srt", "talk 1.srt", "talk [1].en.txt", "x.srt"])
def test_what_is_not_beside_this_video(name: str, video: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text(srt("Another one's."), encoding="utf-8")
    assert origin(video) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("talk.vtt", "\ufeffWEBVTT\r\nKind: captions\r\nLanguage: pt-BR\r\n\r\n00:00.000 --> 00:02.000\r\nOi.\r\n"),
        (
            "talk.ttml",
            '<?xml version="1.0"?>\n<tt xmlns="http://www.w3.org/ns/ttml" xml:lang="pt-BR"><body><div>'
            '<p begin="00:00:00.000" end="00:00:02.000">Oi.</p></div></body></tt>',
        ),
        ("talk.pt-br.vtt", "WEBVTT\nLanguage: fr\n\n00:00.000 --> 00:02.000\nOi.\n"),
        ("no.vtt", "WEBVTT\n\n00:00.000 --> 00:02.000\nLanguage: rude\n"),
    ],
)
def test_the_head_of_a_file_may_state_the_language(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    told = read_transcript(tmp_path / name, 4.0).language
    assert told == (None if name == "no.vtt" else "pt-br" if "pt-br" in name else "pt-BR")


def test_languages_are_told(video: Path, tmp_path: Path) -> None:
    (tmp_path / "talk [1].de.srt").write_text(srt("Guten Tag."), encoding="utf-8")
    transcript, _ = find_transcript(probe(video))
    assert transcript is not None
    assert transcript.language == "de"
    assert transcript.utterances == (Utterance(0.0, 0.9, "Guten Tag."),)


def test_a_name_that_has_the_videos_suffix_too(video: Path, tmp_path: Path) -> None:
    os.link(video, mov := video.with_suffix(".MOV"))
    for name in ("talk [1].mov.srt", "talk [1].mkv.srt"):
        (tmp_path / name).write_text(srt(f"Of {name}."), encoding="utf-8")
    assert origin(video) is None
    transcript, _ = find_transcript(probe(mov))
    assert transcript is not None
    assert (transcript.origin, transcript.language) == ("talk [1].mov.srt", None)
    (tmp_path / "talk [1].mp4.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:00.900\nSaid.\n", encoding="utf-8")
    assert origin(video) == "talk [1].mp4.vtt"


def test_a_broken_file_beside_the_video_costs_a_note(video: Path, tmp_path: Path) -> None:
    (tmp_path / "talk [1].srt").write_bytes(b"\0\1\2")
    (tmp_path / "talk [1].en.srt").mkdir()
    transcript, (note,) = find_transcript(probe(video))
    assert transcript is None
    assert "talk [1].srt: " in note
    assert note.startswith("Subtitles beside the video are not used")


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mkv", "subrip"), (".mkv", "ass"), (".mkv", "webvtt"), (".mp4", "mov_text")]
)
def test_text_tracks(suffix: str, codec: str, tmp_path: Path) -> None:
    path = with_tracks(tmp_path / f"v{suffix}", ("Of the <i>track</i>.", "eng", "default"), codec=codec)
    transcript, notes = find_transcript(probe(path))
    assert transcript is not None
    assert not notes
    assert transcript.utterances == (Utterance(0.0, 0.9, "Of the track."),)
    assert (transcript.origin, transcript.language) == ("subtitle stream 2 (eng)", "eng")


def test_the_track_that_holds_all_that_is_said(tmp_path: Path) -> None:
    tracks = [
        ("Forced.", "eng", "forced"),
        ("Deutsch.", "ger", "default"),
        ("English.", "eng", "0"),
        ("Two.", "eng", "0"),
    ]
    assert origin(with_tracks(tmp_path / "v.mkv", *tracks)) == "subtitle stream 4 (eng)"


@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "subrip"), (".mp4", "mov_text")])
def test_a_sentence_in_two_cues_is_shown_in_two(suffix: str, codec: str, video: Path, tmp_path: Path) -> None:
    """Inside the video as beside it."""
    video.with_suffix(".srt").write_text(srt("It is said", "in two parts."), encoding="utf-8")
    path, beside = tmp_path / f"inside{suffix}", video.with_suffix(".srt")
    run_ffmpeg(["-i", f"file:{video}", "-i", f"file:{beside}", "-c", "copy", "-c:s", codec, f"file:{path}"])
    for transcript in (find_transcript(probe(path))[0], find_transcript(probe(video))[0]):
        assert transcript is not None
        assert transcript.utterances == (Utterance(0.0, 1.9, "It is said in two parts."),)
        assert transcript.cues == (Utterance(0.0, 0.9, "It is said"), Utterance(1.0, 1.9, "in two parts."))


def whisper(**extra: Any) -> dict[str, Any]:
    words = [("Hello", 0.5, 0.8), (" there.", 0.9, 1.2), (" Room", 1.5, 1.7), (" 42", None, None), (" now.", 2.0, 2.4)]
    named = [{"word": word, "start": start, "end": stop, "probability": 0.9} for word, start, stop in words]
    return {
        "text": "...",
        "segments": [{"id": 0, "start": 0.0, "end": 3.0, "text": " Hello there. Room 42 now.", "words": named}],
        "language": "en",
        **extra,
    }


def test_whispers_json(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(whisper()))
    transcript = read_transcript(path, 10)
    assert transcript.utterances == (Utterance(0.5, 1.2, "Hello there."), Utterance(1.5, 2.4, "Room 42 now."))
    assert transcript.language == "en"


def test_whisperx_leaves_words_without_times(tmp_path: Path) -> None:
    words: list[dict[str, Any]] = [
        {"word": "42"},
        {"word": "is", "start": 1.0, "end": 1.2, "score": 0.5},
        {"word": "it."},
    ]
    path = tmp_path / "x.json"
    document = {"segments": [{"start": 0.4, "end": 2.0, "text": "42 is it.", "words": words}], "word_segments": words}
    path.write_text(json.dumps(document))
    assert read_transcript(path, 10).utterances == (Utterance(0.4, 1.2, "42 is it."),)


def test_whispers_json_without_words_and_with_numbers_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "w.json"
    segments = [{"start": 0.0, "end": 3.0, "text": " No words.", "avg_logprob": float("nan")}]
    path.write_text("\ufeff" + json.dumps({"segments": segments, "language": "x" * 10_000}), encoding="utf-8")
    transcript = read_transcript(path, 10)
    assert (transcript.utterances, transcript.language) == ((Utterance(0.0, 3.0, "No words."),), None)


@pytest.mark.parametrize("name", ["pipe.srt", "pipe.json"])
def test_a_pipe_is_refused_and_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(MediaError, match="not a regular file"):
        read_transcript(tmp_path / name, 4.0)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("w.json", b"{", "not the JSON of Whisper"),
        ("w.json", b"[" * 100_000, "not the JSON of Whisper"),
        ("w.json", b'{"segments": [{"start": "0", "end": 1}]}', "Expected `float`"),
        ("w.json", b'{"segments": []}', "says nothing during the video's 10.0 s"),
        ("w.json", b'{"segments": [{"start": 1e400, "end": 1, "text": "x"}]}', "not the JSON|says nothing"),
        ("w.json", b'{"segments": [{"start": 20, "end": 21, "text": "late"}]}', "is it of another video"),
        ("w.srt", b"", "holds no subtitles"),
        ("w.srt", b"\xff\xfe\x00", "neither UTF-8"),
        ("w.srt", b"1\n00:00:03,000 --> 00:00:01,000\nback\n", "says nothing"),
        ("none.srt", None, "cannot be read"),
    ],
)
def test_what_is_no_transcript_is_one_line(name: str, content: bytes | None, words: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(MediaError, match=words) as caught:
        read_transcript(tmp_path / name, 10.0)
    assert "\n" not in str(caught.value)


LINE = "2\n00:00:{:02d},000 --> 00:00:{:02d},500\n{}\n\n"


def _many_cues() -> bytes:
    return "".join(LINE.format(k % 60, k % 60, f"Cue {k}.") for k in range(150_000)).encode()


def _one_long_cue() -> bytes:
    return LINE.format(0, 0, "word <b>" * 1_250_000).encode()


def _one_word() -> bytes:
    return LINE.format(0, 0, "w" * 10_000_000).encode()


def _brackets() -> bytes:
    return LINE.format(0, 0, "<" * 5_000_000 + "{" * 5_000_000).encode()


def _lines() -> bytes:
    return LINE.format(0, 0, "a\n" * 5_000_000).encode()


def _arrows() -> bytes:
    return b"00:00:01,000 --> " * 600_000


def _digits() -> bytes:
    return b"1" * 10_000_000


@pytest.mark.parametrize("make", [_many_cues, _one_long_cue, _one_word, _brackets, _lines, _arrows, _digits])
@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_ten_megabytes_of_anything_are_bounded(make: Any, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"large{suffix}"
    path.write_bytes((b"WEBVTT\n\n" if suffix == ".vtt" else b"") + make())
    try:
        transcript = read_transcript(path, 100.0)
    except MediaError:
        return
    assert sum(len(each.text) for each in transcript.utterances) <= 55_000


def _dense(letters: int) -> str:
    """A cue a second, three seconds."""
    lines = "\n".join(f"{number:>10}. Somebody talks." for number in range(letters // 3 // 27))
    return srt(*(lines.replace("Some", some) for some in ("Some", "Any", "Every")))


def test_what_nobody_can_say_is_refused_beside_the_video_and_passed_over_inside(video: Path, tmp_path: Path) -> None:
    sidecar = video.with_suffix(".srt")
    sidecar.write_text(_dense(4_000), encoding="utf-8")
    assert origin(video) == sidecar.name, "fast, but a short video may have a long sentence"
    sidecar.write_text(_dense(40_000), encoding="utf-8")
    with pytest.raises(MediaError, match=r"letters in \d+\.\d s: denser than speech"):
        find_transcript(probe(video), sidecar)
    transcript, notes = find_transcript(probe(video))
    assert transcript is None and "denser than speech" in " ".join(notes)
    tracks = with_tracks(tmp_path / "tracks.mkv", (_dense(40_000), "eng", "default"), ("Calm.", "ger", "0"))
    transcript, notes = find_transcript(probe(tracks))
    assert transcript is not None and transcript.origin == "subtitle stream 3 (ger)"
    assert len(notes) == 1 and re.fullmatch(r"Subtitle stream 2 is not used: \d+ letters, denser.*", notes[0])
