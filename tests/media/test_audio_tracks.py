"""Which tracks are heard: several summed, unusual channel layouts survived."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.errors import ConfigError, CutError
from highlightr.core.source import AudioStream, Source
from highlightr.core.types import Segment
from highlightr.media import AudioRequest, decode, probe
from highlightr.media._container.audio import mono_filter, written_channels
from highlightr.media.cut import CutOptions, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import made

RATE = 16_000
LAYOUTS = {
    "swapped": "pan=FR+FL|FR=c0|FL=c0",
    "front and back": "pan=BC+FC+FL|BC=c0|FC=c0|FL=c0",
    "without positions": "pan=3c|c0=c0|c1=c0|c2=c0",
    "quad": "pan=quad|c0=c0|c1=c0|c2=c0|c3=c0",
}


def with_tone(path: Path, *tones: str, seconds: float = 4.0, codec: str = "pcm_s16le") -> Path:
    """The plain video with a track per ``frequency:filter``."""
    inputs = ["-stream_loop", str(math.ceil(seconds / 4) - 1), "-i", f"file:{made('plain.mp4')}"]
    maps = ["-map", "0:v"]
    for number, tone in enumerate(tones):
        frequency, _, filters = tone.partition(":")
        inputs += ["-f", "lavfi", "-i", f"sine=f={frequency}:r=48000:d={seconds},volume=4"]
        maps += ["-map", f"{number + 1}:a", f"-filter:a:{number}", filters or "anull"]
    run_ffmpeg([*inputs, *maps, "-c:v", "copy", "-c:a", codec, "-y", f"file:{path}"])
    return path


def heard(source: Source, rate: int = RATE) -> npt.NDArray[np.float32]:
    blocks = [item for _, item in decode(source, {"sound": AudioRequest(rate)})]
    starts = [block.start_sample for block in blocks]  # type: ignore[union-attr]
    samples = [block.samples for block in blocks]  # type: ignore[union-attr]
    assert starts == [0, *np.cumsum([len(one) for one in samples])[:-1]]
    return np.concatenate(samples)


def loudness(samples: npt.NDArray[np.float32], frequency: float, rate: int = RATE) -> float:
    """Amplitude of a tone."""
    times = np.arange(len(samples)) / rate
    return float(2 * np.abs((samples * np.exp(-2j * np.pi * frequency * times)).mean()))


def test_a_track_whose_decoder_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = probe(with_tone(tmp_path / "odd.mov", f"1000:{LAYOUTS['swapped']}"))
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr("highlightr.media._decode.sound.ffmpeg_path", lambda: str(program))
    losses: dict[str, int] = {}
    items = list(decode(source, {"sound": AudioRequest(RATE)}, lost=losses.__setitem__))
    assert losses == {"audio": 1}
    assert not items


def test_damaged_packets_of_the_sound_are_told_and_their_place_is_silent(tmp_path: Path) -> None:
    path = with_tone(tmp_path / "damaged.mkv", "1000:anull", codec="flac")
    with av.open(str(path)) as container:
        packets = [
            packet for packet in container.demux(audio=0) if packet.size and 1.0 <= packet.pts * packet.time_base < 2.0
        ]
        spoiled = [bytes(packet) for packet in packets]
    content = path.read_bytes()
    for data in spoiled:
        assert content.count(data) == 1
        content = content.replace(data, b"\xff" * len(data))
    path.write_bytes(content)
    losses: dict[str, int] = {}
    blocks = decode(probe(path), {"sound": AudioRequest(RATE)}, lost=losses.__setitem__)
    samples = np.concatenate([block.samples for _, block in blocks])  # type: ignore[union-attr]
    assert losses == {"audio": len(spoiled)}
    assert len(samples) == 4 * RATE
    loudness = [float(np.abs(samples[int(start * RATE) :][: RATE // 4]).max()) for start in (0.5, 1.5, 2.5)]
    assert loudness == pytest.approx([loudness[0], 0.0, loudness[0]], abs=0.02)
    assert loudness[0] > 0.1


@pytest.mark.parametrize("suffix", [".mov", ".nut", ".mkv"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_channel_layout_ends_the_process(layout: str, suffix: str, tmp_path: Path) -> None:
    path = with_tone(tmp_path / f"odd{suffix}", f"1000:{LAYOUTS[layout]}")
    source = probe(path)
    assert source.audio is not None
    assert source.audio.channels == {"swapped": 2, "quad": 4}.get(layout, 3)
    samples = heard(source)
    assert len(samples) == pytest.approx(4 * RATE, abs=2)
    assert 0.3 < loudness(samples, 1000) < 1.2


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".nut"])
@pytest.mark.parametrize("late_ms", [0, 700])
def test_two_channels_are_heard_alike_whether_or_not_their_layout_is_told(
    suffix: str, late_ms: int, tmp_path: Path
) -> None:
    noise = ["-i", f"file:{made('plain.mp4')}", "-f", "lavfi", "-i", "anoisesrc=a=0.2:seed=1:d=3:r=48000"]
    samples = []
    for name, layout in (("told.mov", "stereo"), (f"untold{suffix}", "2c")):
        filters = f"pan={layout}|c0=c0|c1=0.5*c0,adelay={late_ms}:all=1"
        coded = ["-map", "0:v", "-map", "1:a", "-af", filters, "-c:v", "mpeg4", "-c:a", "pcm_s16le"]
        run_ffmpeg([*noise, *coded, f"file:{tmp_path / name}"])
        source = probe(tmp_path / name)
        assert source.audio is not None
        assert source.audio.layout == ("stereo" if layout == "stereo" else "2 channels")
        samples.append(heard(source))
    np.testing.assert_allclose(samples[1], samples[0], atol=1e-3)


def test_ambisonic_sound_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "field.mkv"
    field = "pan=ambisonic 1|c0=c0|c1=c0|c2=c0|c3=c0"
    inputs = ["-i", f"file:{made('plain.mp4')}", "-f", "lavfi", "-i", "sine=f=1000:r=48000:d=4,volume=4"]
    codec = ["-c:a", "libopus", "-mapping_family", "2"]
    run_ffmpeg([*inputs, "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-af", field, *codec, f"file:{path}"])
    source = probe(path)
    assert source.audio is not None
    assert (source.audio.channels, source.audio.layout) == (4, "ambisonic 1")
    assert loudness(heard(source), 1000) == pytest.approx(0.5, abs=0.1)


def test_all_tracks_are_heard_and_one_can_be_chosen(tmp_path: Path) -> None:
    path = with_tone(tmp_path / "three.mkv", "300", "700", f"1100:{LAYOUTS['swapped']}")
    loud = {choice: heard(probe(path, choice)) for choice in ("all", 1, 2, 3)}
    for number, frequency in enumerate((300, 700, 1100), start=1):
        assert loudness(loud["all"], frequency) > 0.3
        others = {loudness(loud[other], frequency) > 0.3 for other in {1, 2, 3} - {number}}
        assert loudness(loud[number], frequency) == pytest.approx(0.5 if number < 3 else 0.5 * 2**0.5, abs=0.1)
        assert others == {False}


def test_a_track_that_ends_early_or_lies_apart_is_silent_there(tmp_path: Path) -> None:
    path = with_tone(tmp_path / "two.mkv", "300", "700:atrim=end=1")
    samples = heard(probe(path))
    assert loudness(samples[:RATE], 700) == pytest.approx(0.5, abs=0.1)
    assert loudness(samples[RATE + 500 :], 700) < 0.01
    assert loudness(samples[RATE:], 300) == pytest.approx(0.5, abs=0.1)


def track_after_track(path: Path, first_held: int) -> Path:
    """The same streams, those from `first_held` on after all others in the file."""
    apart = path.with_name(f"apart{first_held}{path.suffix}")
    with av.open(path) as read, av.open(apart, "w") as written:
        outlets = {stream.index: written.add_stream_from_template(stream) for stream in read.streams}
        packets = [packet for packet in read.demux() if packet.size]
        for packet in sorted(packets, key=lambda each: max(0, each.stream.index - first_held + 1)):
            packet.stream = outlets[packet.stream.index]
            written.mux(packet)
    return apart


@pytest.mark.parametrize(("first_held", "late"), [(1, 400), (2, 400), (3, 0)])
def test_sound_that_lies_too_far_behind_another_track_is_told(
    first_held: int, late: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("highlightr.media._decode.sound._LARGEST_LAG_SECONDS", 1.0)
    path = with_tone(tmp_path / "two.mkv", "300", "700", seconds=24, codec="aac")
    losses: dict[str, int] = {}
    blocks = decode(probe(track_after_track(path, first_held)), {"sound": AudioRequest(RATE)}, lost=losses.__setitem__)
    samples = np.concatenate([item.samples for _, item in blocks])  # type: ignore[union-attr]
    assert loudness(samples[:RATE], 300) > 0.3
    assert (loudness(samples[:RATE], 700) < 0.01) is bool(late)
    assert loudness(samples[-RATE // 2 :], 700) > 0.3
    assert losses.get("late", 0) == pytest.approx(late, rel=0.5)


@pytest.mark.parametrize(("first_held", "num_left"), [(1, 0), (2, 1)])
def test_copying_sound_that_lies_far_behind_is_refused_in_words(first_held: int, num_left: int, tmp_path: Path) -> None:
    apart = track_after_track(with_tone(tmp_path / "two.mkv", "300", "700", seconds=24, codec="aac"), first_held)
    with pytest.raises(CutError, match=f"cannot be copied, it has {num_left} audio streams instead of 2; leave out"):
        cut_summary(probe(apart), [Segment(0.0, 1.0, 1.0)], tmp_path / "cut.mp4", CutOptions(cut="copy"))


@pytest.mark.parametrize("number", [0, 2, -1])
def test_a_track_that_is_not_there(number: int) -> None:
    with pytest.raises(ConfigError, match=rf"has 1 audio track, so --audio-track {number} is none of them"):
        probe(made("plain.mp4"), number)


def test_a_forged_language_hides_no_layout(tmp_path: Path) -> None:
    path = with_tone(tmp_path / "one.mkv", f"1000:{LAYOUTS['swapped']}")
    forged = "x\n  Stream #0:1: Audio: aac, 48000 Hz, stereo, fltp"
    for stream in ("v:0", "a:0"):
        output = tmp_path / f"forged-{stream[0]}.mkv"
        language = [f"-metadata:s:{stream}", f"language={forged}"]
        run_ffmpeg(["-i", f"file:{path}", "-map", "0", "-c", "copy", *language, f"file:{output}"])
        source = probe(output)
        assert source.audio is None or source.audio.layout.startswith("2 channels")


def test_sound_that_breaks_off_in_the_program_ends_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = probe(with_tone(tmp_path / "odd.mov", f"1000:{LAYOUTS['swapped']}"))
    crashing = tmp_path / "ffmpeg"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n", encoding="utf-8")
    crashing.chmod(0o755)
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(crashing))
    with caplog.at_level(logging.WARNING):
        assert list(decode(source, {"sound": AudioRequest(RATE)})) == []
    assert "cannot be decoded to its end" in caplog.text


@pytest.mark.parametrize(
    ("layout", "channels", "written", "change"),
    [
        ("", 1, "mono", ""),
        ("5.1(side)", 6, "5.1", ""),
        ("7.1(wide)", 8, "7.1", "7.1(wide) sound, written as 7.1"),
        ("quad", 4, "stereo", "quad sound (4 channels), mixed to stereo"),
        ("2 channels (FR+FL)", 2, "stereo", ""),
        ("8 channels (FL+FR+FC+LFE+SL+SR+BL+BR)", 8, "7.1", ""),
        ("5 channels (FC+FL+FR+SL+SR)", 5, "5.0", ""),
        ("2 channels", 2, "stereo", ""),
        ("4 channels", 4, "mono", "4 channels without positions, mixed to mono"),
        ("3 channels (BC+FC+FL)", 3, "stereo", "channels BC+FC+FL, mixed to stereo"),
        ("ambisonic 2", 9, "stereo", "ambisonic sound, mixed to stereo"),
    ],
)
def test_how_channels_are_written(layout: str, channels: int, written: str, change: str) -> None:
    result = written_channels(AudioStream(1, "pcm_s16le", 48_000, channels, layout))
    assert (result.layout, result.change) == (written, change)


def test_a_swapped_pair_is_put_right() -> None:
    result = written_channels(AudioStream(1, "pcm_s16le", 48_000, 2, "2 channels (FR+FL)"))
    assert result.filter == "pan=stereo|FR=c0|FL=c1"
    assert mono_filter(AudioStream(1, "pcm_s16le", 48_000, 2, "2 channels (FR+FL)")).endswith("0.707107*c0+0.707107*c1")


def _programs(path: Path, *programs: str, first_seconds: int = 4) -> Path:
    """Two pictures, the second one larger, and two sounds, of 500 and of 2000 Hz, in these programs; 4 s long."""
    inputs = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=4", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=4"]
    inputs += [
        word for each in (f"500:d={first_seconds}", "2000:d=4") for word in ("-f", "lavfi", "-i", f"sine=f={each}")
    ]
    mapped = [word for number in range(4) for word in ("-map", str(number))]
    tables = [word for program in programs for word in ("-program", program)]
    run_ffmpeg([*inputs, *mapped, "-c:v", "mpeg2video", "-g", "12", "-c:a", "mp2", *tables, f"file:{path}"])
    return path


def test_the_sound_of_another_program_is_left_out_and_told(tmp_path: Path) -> None:
    path = _programs(tmp_path / "two.ts", "title=A:st=0:st=2", "title=B:st=1:st=3")
    source = probe(path)
    assert source.video.width == 320 and [track.index for track in source.audio_tracks] == [3]
    result = cut_summary(source, [Segment(1.0, 3.0, 1.0)], tmp_path / "out.mp4")
    others = "the sound of other programs in the file (audio tracks: 1)"
    left_out = f"Left out: another video track (mpeg2video); {others}."
    assert left_out in result.notes
    copied = cut_summary(source, [Segment(1.0, 3.0, 1.0)], tmp_path / "copy.mkv", CutOptions(cut="copy"))
    assert left_out in copied.notes and len(probe(copied.path).audio_tracks) == 1
    written = heard(probe(result.path))
    assert loudness(written, 2000) > 20 * loudness(written, 500)
    chosen = probe(path, 1)
    assert [track.index for track in chosen.audio_tracks] == [1], "whatever its program, if it is asked for"
    notes = cut_summary(chosen, [Segment(1, 3, 1.0)], tmp_path / "b.mp4").notes
    assert not [note for note in notes if "programs" in note]


def test_how_long_another_program_sounds_is_nothing_to_the_picture(tmp_path: Path) -> None:
    path = _programs(tmp_path / "two.ts", "title=A:st=0:st=2", "title=B:st=1:st=3", first_seconds=9)
    notes = cut_summary(probe(path), [Segment(1.0, 3.0, 1.0)], tmp_path / "out.mp4").notes
    assert not [note for note in notes if "goes on" in note]


def test_sound_that_two_programs_share_is_heard(tmp_path: Path) -> None:
    source = probe(_programs(tmp_path / "shared.ts", "title=A:st=0:st=2:st=3", "title=B:st=1:st=3"))
    (track,) = source.audio_tracks
    assert (source.video.width, track.channels, track.layout) == (320, 1, "mono")
    assert loudness(heard(source), 2000) > 20 * loudness(heard(source), 500)
