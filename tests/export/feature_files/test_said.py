"""What is said, beside the features: from subtitles or from a recogniser, in every layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import highlightr.export.feature_files.extract as files_module
from highlightr.core.errors import ConfigError
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import Features
from highlightr.export.feature_files.extract import ExtractOptions, VideoResult, extract_to_files
from highlightr.export.feature_files.layouts import FORMATS
from highlightr.model_loader import open_text_encoder
from highlightr.transcripts import SpeechSource
from tests.light import Listens

from .conftest import write_video
from .test_extract import contents

SRT = "1\n00:00:00,500 --> 00:00:01,500\nThe tax office called.\n\n2\n00:00:02,000 --> 00:00:03,000\nNobody answeréd.\n"


def run(video: Path, out: Path, **options: Any) -> VideoResult:
    (result,) = extract_to_files([video], ["motion"], out, ExtractOptions(clip_seconds=1.0, device="cpu", **options))
    return result


def texts(arrays: dict[str, Any]) -> list[str]:
    return arrays["texts"].tobytes().decode().split("\n")


@pytest.mark.parametrize("format", FORMATS)
def test_subtitles_beside_the_video_are_a_signal(tmp_path: Path, video: Path, format: str) -> None:
    sidecar = video.with_suffix(".en.srt")
    sidecar.write_text(SRT, encoding="utf-8")
    result = run(video, tmp_path / "out", format=format)
    said = contents(result.written["utterances"], video.stem)
    assert texts(said) == ["The tax office called.", "Nobody answeréd."]
    np.testing.assert_allclose(said["times_seconds"], [0.5, 2.0])
    np.testing.assert_allclose(said["stops_seconds"], [1.5, 3.0])
    expected = open_text_encoder("minilm").encode("The tax office called.").vector
    np.testing.assert_allclose(said["values"][0], expected, atol=1e-5)
    path = result.written["utterances"]
    about = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    about = about[video.stem] if format == "h5" else about
    assert (about["origin"], about["language"], about["kind"]) == (sidecar.name, "en", "signal")
    assert run(video, tmp_path / "out", format=format).state == "skipped"
    sidecar.write_text(SRT.replace("Nobody", "Somebody"), encoding="utf-8")
    again = run(video, tmp_path / "out", format=format)
    assert set(again.written) == {"utterances"}
    assert texts(contents(again.written["utterances"], video.stem))[1].startswith("Somebody")


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_no_longer_said_is_removed(tmp_path: Path, video: Path, format: str) -> None:
    sidecar = video.with_suffix(".srt")
    sidecar.write_text(SRT, encoding="utf-8")
    place = run(video, tmp_path / "out", format=format).written["utterances"]
    sidecar.unlink()
    result = run(video, tmp_path / "out", format=format)
    assert (result.state, result.absent, dict(result.written)) == ("written", ("utterances",), {})
    assert contents(place, video.stem) == {} if format == "h5" else not place.exists()
    assert run(video, tmp_path / "out", format=format).state == "skipped"
    sidecar.write_text(SRT, encoding="utf-8")
    assert set(run(video, tmp_path / "out", format=format).written) == {"utterances"}


def test_without_a_transcript_nothing_is_different(tmp_path: Path, video: Path) -> None:
    assert set(run(video, tmp_path / "out").written) == {"motion", "novelty", "frame_change"}
    assert not any("utterances" in path.name for path in (tmp_path / "out").rglob("*"))


class Recogniser(Listens):
    """Takes part in the decode pass."""

    name = "recogniser"


def test_a_recogniser_listens_in_the_same_pass_and_once(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[list[str]] = []
    real = files_module.extract

    class Heard(SpeechSource):
        def heard(self, features: Features) -> tuple[Transcript | None, tuple[str, ...]]:
            assert "listens" in features.streams
            return Transcript((Utterance(0.0, 1.0, "Hello."),), "faster-whisper tiny.en", "en"), ("It was faint.",)

    def counted(source: Source, grid: Any, extractors: Any, **options: Any) -> Features:
        passes.append([each.name for each in extractors])
        return real(source, grid, extractors, **options)

    monkeypatch.setattr(files_module, "extract", counted)
    monkeypatch.setattr(files_module, "check_speech_model", lambda name: None)
    monkeypatch.setattr(files_module, "find_speech", lambda *_: Heard(None, (), "tiny.en", Recogniser()))
    result = run(video, tmp_path / "out", transcribe="tiny.en")
    assert passes == [["motion", "recogniser"]]
    assert texts(contents(result.written["utterances"], video.stem)) == ["Hello."]
    assert result.notes == ("It was faint.",)
    assert run(video, tmp_path / "out", transcribe="tiny.en").state == "skipped"
    assert len(passes) == 1


def test_a_video_in_which_nothing_is_recognised_is_on_record(
    tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Deaf(SpeechSource):
        def heard(self, features: Features) -> tuple[Transcript | None, tuple[str, ...]]:
            return None, ("tiny.en recognised no speech in this video.",)

    monkeypatch.setattr(files_module, "check_speech_model", lambda name: None)
    monkeypatch.setattr(files_module, "find_speech", lambda *_: Deaf(None, (), "tiny.en", Recogniser()))
    result = run(video, tmp_path / "out", transcribe="tiny.en")
    assert result.absent == ("utterances",)
    assert "no speech" in result.notes[0]
    assert run(video, tmp_path / "out", transcribe="tiny.en").state == "skipped"


def test_one_transcript_is_not_taken_for_several_videos(tmp_path: Path, video: Path) -> None:
    other = write_video(tmp_path / "other.mp4", seconds=1)
    transcript = tmp_path / "t.srt"
    transcript.write_text(SRT, encoding="utf-8")
    assert "utterances" in run(video, tmp_path / "out", transcript=transcript).written
    with pytest.raises(ConfigError, match=r"put NAME\.srt beside each"):
        extract_to_files([video, other], ["motion"], tmp_path / "out", ExtractOptions(transcript=transcript))
