"""What comes along beside the picture: tracks, titles, subtitles, chapters, tags, timecode; on every path."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
import pytest
from PIL import Image

from highlightr.core.errors import ConfigError, CutError
from highlightr.core.types import Segment
from highlightr.media import Frame, FrameRequest, decode, grab_thumbnails, probe, shown_size
from highlightr.media._container import subtitle_tracks
from highlightr.media._container.contents import Contents, read_contents
from highlightr.media._container.opening import reading
from highlightr.media._cut import inputs
from highlightr.media._cut.not_kept import not_kept
from highlightr.media._cut.output_plan import CutJob, plan_copied
from highlightr.media.cut import CutOptions, CutResult, cut_clips, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.subtitles import read_subtitles
from tests.media.test_audio_tracks import LAYOUTS, heard, loudness, with_tone
from tests.mediamaker import CLOSED_GOP, draw, made, make_video

SPHERICAL = (
    '<?xml version="1.0"?><rdf:SphericalVideo xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/"><GSpherical:Spherical>true</GSpherical:Spherical>'
    "<GSpherical:Stitched>true</GSpherical:Stitched>"
    "<GSpherical:StitchingSoftware>none</GSpherical:StitchingSoftware>"
    "<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType></rdf:SphericalVideo>"
)
SPHERICAL_UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
SUBTITLES = "1\n00:00:00,500 --> 00:00:01,500\nEins\n\n2\n00:00:02,000 --> 00:00:05,000\n<i>Zwei</i>\nzwei\n\n"
TAGS = {
    "creation_time": "2023-07-01T10:00:00.000000Z",
    "title": "Holiday; a=b # \\ c",
    "location": "+48.1000+011.5000/",
}
CHAPTERS = ";FFMETADATA1\n" + "".join(
    f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={stop}\ntitle={title}\n"
    for start, stop, title in ((0, 2200, "one"), (2200, 6000, "two"), (6000, 8000, "three"))
)
SEGMENTS = [Segment(1.0, 3.0, 0.5), Segment(4.0, 5.0, 0.4)]


def everything(folder: Path, suffix: str, timecode: str = "01:00:00:00") -> Path:
    """Eight seconds with all that a file can hold."""
    (folder / "in.srt").write_text(SUBTITLES, encoding="utf-8")
    (folder / "chapters.txt").write_text(CHAPTERS, encoding="utf-8")
    path = folder / f"everything{suffix}"
    text = "subrip" if suffix == ".mkv" else "mov_text"
    said = [("title", "Desktop"), ("language", "eng")], [("title", "Mikrofon"), ("language", "ger")]
    tracks = [part for k, tags in enumerate(said) for tag in tags for part in (f"-metadata:s:a:{k}", "=".join(tag))]
    tags = [part for name, value in TAGS.items() for part in ("-metadata", f"{name}={value}")]
    inputs = ["-i", f"file:{made('long.mp4', seconds=8.0, **CLOSED_GOP)}"]
    inputs += ["-f", "lavfi", "-i", "sine=f=700:r=44100:d=8", "-i", f"file:{folder}/in.srt"]
    inputs += ["-f", "ffmetadata", "-i", f"file:{folder}/chapters.txt"]
    maps = ["-map", "0:v", "-map", "0:a", "-map", "1:a", "-map", "2", "-map_chapters", "3"]
    codecs = ["-c:v", "copy", "-c:a", "aac", "-c:s", text, "-disposition:a:1", "hearing_impaired"]
    about = ["-metadata:s:s:0", "language=ger", "-metadata:s:s:0", "title=Deutsch", *tracks, *tags]
    scale = [] if suffix == ".mkv" else ["-movie_timescale", "1000"]
    run_ffmpeg([*inputs, *maps, *codecs, *about, *scale, "-timecode", timecode, f"file:{path}"])
    return path


@dataclass(frozen=True)
class Held:
    contents: Contents
    audio: list[dict[str, str]]
    flags: list[tuple[str, ...]]
    cues: list[tuple[float, float, str]]


def held(path: Path, folder: Path) -> Held:
    with reading(path) as container:
        contents = read_contents(container, container.streams.video[0].index)
        audio = [contents.tracks[stream.index] for stream in container.streams.audio]
    cues: list[tuple[float, float, str]] = []
    if contents.subtitles:
        text = folder / "out.srt"
        run_ffmpeg(["-i", f"file:{path}", "-map", "0:s:0", "-c:s", "srt", "-y", f"file:{text}"])
        cues = [(cue.start_seconds, cue.stop_seconds, cue.text) for cue in read_subtitles(text).cues]
    return Held(contents, [dict(one.tags) for one in audio], [one.dispositions for one in audio], cues)


def titles(tags: dict[str, str]) -> str | None:
    return tags.get("title") or tags.get("handler_name")


def told(result: CutResult) -> list[str]:
    """Its notes, but for how far copied boundaries moved."""
    return [note for note in result.notes if not note.startswith("Copied at keyframes")]


PATHS = ("one run", "joined runs", "copy", "clips")


def cut(path: Path, folder: Path, how: str, suffix: str, monkeypatch: pytest.MonkeyPatch) -> CutResult:
    if how == "joined runs":
        monkeypatch.setattr(inputs, "_MOST_INPUTS", 1)
    if how == "clips":
        return cut_clips(probe(path), SEGMENTS[:1], [folder / f"clip{suffix}"])[0]
    return cut_summary(
        probe(path), SEGMENTS, folder / f"out{suffix}", CutOptions(cut="copy" if how == "copy" else "exact")
    )


@pytest.mark.parametrize("how", PATHS)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_everything_comes_along(suffix: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = cut(everything(tmp_path, ".mkv"), tmp_path, how, suffix, monkeypatch)
    assert told(result) == []
    seen = held(result.path, tmp_path)
    assert {name: seen.contents.tags[name] for name in TAGS} == TAGS
    assert [titles(one) for one in seen.audio] == ["Desktop", "Mikrofon"]
    assert [one["language"] for one in seen.audio] == ["eng", "ger"]
    assert [flags for flags in seen.flags if "default" in flags] == [seen.flags[0]]
    assert seen.contents.timecode == "01:00:01:00"
    stops = {"clips": 2.0}.get(how, 3.0)
    chapters = [(round(one.start_seconds, 2), round(one.stop_seconds, 2), one.title) for one in seen.contents.chapters]
    assert chapters == [(0.0, 1.2, "one"), (1.2, stops, "two")]
    assert seen.contents.subtitles[0].tags["language"] == "ger"
    assert seen.contents.subtitles[0].tags.get("title") == "Deutsch"
    expected = [(0.0, 0.5, "Eins"), (1.0, 2.0, "Zwei\nzwei"), (2.0, 3.0, "Zwei\nzwei")]
    assert [text for *_, text in seen.cues] == [text for *_, text in expected][: 2 if how == "clips" else 3]
    assert np.array([cue[:2] for cue in seen.cues]) == pytest.approx(
        np.array([cue[:2] for cue in expected][: len(seen.cues)]), abs=0.011
    )


@pytest.mark.parametrize(("suffix", "out"), [(".mp4", ".mp4"), (".mov", ".mkv"), (".mp4", ".mov")])
def test_between_containers(suffix: str, out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = cut(everything(tmp_path, suffix), tmp_path, "one run", out, monkeypatch)
    seen = held(result.path, tmp_path)
    assert told(result) == []
    assert {name: seen.contents.tags[name] for name in TAGS} == TAGS
    assert seen.contents.timecode == "01:00:01:00"
    assert len(seen.contents.chapters) == 2
    assert [text for *_, text in seen.cues] == ["Eins", "Zwei\nzwei", "Zwei\nzwei"]


def test_what_a_container_cannot_hold_is_said(tmp_path: Path) -> None:
    source = tmp_path / "tagged.mkv"
    tags = ["-metadata", "lens=50 mm", "-metadata", "artist=Me"]
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", "-c", "copy", *tags, f"file:{source}"])
    for copy in (False, True):
        result = cut_summary(
            probe(source), [Segment(0, 1, 1.0)], tmp_path / f"{copy}.mp4", CutOptions(cut="copy" if copy else "exact")
        )
        assert result.notes[-1] == "Not kept in .mp4: the tags lens."
        kept = cut_summary(
            probe(source), [Segment(0, 1, 1.0)], tmp_path / f"{copy}.mkv", CutOptions(cut="copy" if copy else "exact")
        )
        assert not any("Not kept" in note for note in kept.notes)


def with_sphere(path: Path) -> Path:
    """An MP4 whose video track says that it is a sphere; its header lies at the end, so nothing has to move."""
    data = made("plain.mp4").read_bytes()
    uuid = SPHERICAL_UUID + SPHERICAL.encode()
    box = struct.pack(">I4s", 8 + len(uuid), b"uuid") + uuid
    moov = data.rindex(b"moov") - 4
    trak = data.index(b"trak", moov) - 4
    for begin in (moov, trak):
        size = struct.unpack_from(">I", data, begin)[0]
        data = data[:begin] + struct.pack(">I", size + len(box)) + data[begin + 4 :]
    stop = trak + struct.unpack_from(">I", data, trak)[0] - len(box)
    path.write_bytes(data[:stop] + box + data[stop:])
    return path


@pytest.mark.parametrize("how", PATHS)
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_sphere_stays_one(suffix: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.media.test_streams.SEGMENTS", [Segment(1.0, 2.0, 0.5), Segment(3.0, 4.0, 0.5)])
    result = cut(with_sphere(tmp_path / "sphere.mp4"), tmp_path, how, suffix, monkeypatch)
    assert "equirectangular" in held(result.path, tmp_path).contents.side_data["Spherical Mapping"]
    assert told(result) == []


CLEAN_APERTURE = struct.pack(">I4s8i", 40, b"clap", 300, 1, 200, 1, 4, 1, -6, 1)
"""Of a picture of 320 x 240: 14 columns and 14 rows from its upper left corner."""


def cropped(folder: Path, suffix: str) -> Path:
    """A video whose container shows the clean aperture of its picture alone."""
    data = bytearray(made(f"closed{suffix}", size=(320, 240), **CLOSED_GOP).read_bytes())
    entry = data.rindex(b"avc1")
    for kind in (b"avc1", b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        begin = data.rindex(kind, 0, entry + 4) - 4
        struct.pack_into(">I", data, begin, struct.unpack_from(">I", data, begin)[0] + len(CLEAN_APERTURE))
    stop = entry - 4 + struct.unpack_from(">I", data, entry - 4)[0] - len(CLEAN_APERTURE)
    data[stop:stop] = CLEAN_APERTURE
    path = folder / f"cropped{suffix}"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("how", ["copy", "smart", "exact"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_what_a_container_crops_stays_hidden(
    suffix: str, how: Literal["copy", "smart", "exact"], tmp_path: Path
) -> None:
    path = cropped(tmp_path, ".mov" if suffix == ".mkv" else suffix)
    result = cut_summary(probe(path), [Segment(0.9, 3.1, 1.0)], tmp_path / f"out{suffix}", CutOptions(cut=how))
    video, side_data = probe(result.path).video, held(result.path, tmp_path).contents.side_data
    written = (video.width, video.height, side_data.get("Frame Cropping"))
    assert written == ((300, 200, None) if how == "exact" else (320, 240, "14/6/14/26"))
    assert told(result) == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_the_codec_crops_at_the_left_and_top_stays_hidden(suffix: str, codec: str, tmp_path: Path) -> None:
    """Of 16 columns and 8 rows FFmpeg's decoders would leave both, or one, for the sake of speed."""
    path = tmp_path / f"cropped{suffix}"
    coded = {"codec": "libx265", "options": (("x265-params", "log-level=error:keyint=25"),)} if codec == "hevc" else {}
    crop = f"{codec}_metadata=crop_left=16:crop_top=8"
    whole = made(f"{codec}.mp4", size=(320, 240), **(coded or CLOSED_GOP))
    run_ffmpeg(["-i", f"file:{whole}", "-c", "copy", "-bsf:v", crop, f"file:{path}"])
    source = probe(path)
    assert (source.video.width, source.video.height) == (304, 232)
    for how in ("copy", "exact"):
        result = cut_summary(source, [Segment(0.9, 3.1, 1.0)], tmp_path / f"{how}.mkv", CutOptions(cut=how))
        with av.open(str(result.path)) as container:
            video = container.streams.video[0]
            assert (video.width, video.height, video.sample_aspect_ratio) == (304, 232, 1)
        assert not [note for note in result.notes if "bars" in note]


def test_stills_of_a_cropped_picture_show_what_is_seen(tmp_path: Path) -> None:
    (picture,) = grab_thumbnails(probe(cropped(tmp_path, ".mp4")), [2.0], width=300)
    still = np.asarray(Image.open(io.BytesIO(picture)).convert("L"), np.int16)
    assert still.shape == (200, 300)
    # Bars of 20 columns, in the upper half of 240 rows.
    edges = np.flatnonzero(np.abs(np.diff(still[50])) > 100)
    assert edges.size and set((edges + 1 + 14) % 20) == {0}
    assert np.ptp(still[120 - 14 + 2 :]) < 20 < np.ptp(still[120 - 14 - 2])


@pytest.mark.parametrize("pixels", [(320, 240), (160, 120)])
def test_frames_hold_what_a_container_shows(pixels: tuple[int, int], tmp_path: Path) -> None:
    source = probe(cropped(tmp_path, ".mp4"))
    assert (source.video.crop, source.video.visible_size, shown_size(source.video)) == (
        (14, 6, 14, 26),
        (300, 200),
        (300.0, 200.0),
    )
    short_side = 200 * pixels[0] // 320
    request = FrameRequest(1.0, short_side=short_side)
    frames = [item for _, item in decode(source, {"frames": request}) if isinstance(item, Frame)]
    assert {frame.image.shape for frame in frames} == {(short_side, 3 * short_side // 2, 3)}
    whole = draw(12, (320, 240))[14:214, 14:314][:: 200 // short_side, :: 200 // short_side].astype(np.int16)
    assert np.abs(frames[0].image.astype(np.int16) - whole).mean() < 12


def test_what_an_ffmpeg_does_not_crop_is_told(tmp_path: Path) -> None:
    """One that does not know of it, as those before 7.1, writes the whole picture, on every path."""
    path = cropped(tmp_path, ".mp4")
    plan = plan_copied(CutJob(probe(path), (), path, CutOptions(cut="copy")), ())
    assert not_kept(plan, path) == ()
    assert not_kept(plan, made("closed.mp4", size=(320, 240), **CLOSED_GOP)) == (
        "Not kept in .mp4: what it crops of its picture.",
    )


def test_tracks_are_chosen_and_mixed(tmp_path: Path) -> None:
    path = with_tone(tmp_path / "three.mkv", "300", "700", f"1100:{LAYOUTS['swapped']}")
    tones = (300, 700, 1100)

    def sounds(**how: Any) -> list[list[bool]]:
        choice = how.pop("choice", "all")
        output = tmp_path / "out.mp4"
        cut_summary(probe(path, choice), [Segment(0.5, 2.5, 1.0)], output, CutOptions(**how), overwrite=True)
        count = len(probe(output).audio_tracks)
        tracks = [heard(probe(output, number + 1)) for number in range(count)]
        return [[loudness(samples, tone) > 0.25 for tone in tones] for samples in tracks]

    alone = [[True, False, False], [False, True, False], [False, False, True]]
    assert sounds() == alone
    assert sounds(choice=2) == [alone[1]]
    assert sounds(mix_audio=True) == [[True, True, True]]
    assert sounds(cut="copy", choice=2) == [alone[1]]


def test_a_mix_lasts_as_long_as_the_picture(tmp_path: Path) -> None:
    path = with_tone(tmp_path / "two.mkv", "300", "700:atrim=end=1")
    output = tmp_path / "out.mp4"
    cut_summary(probe(path), [Segment(0.5, 1.5, 1.0), Segment(2.0, 3.5, 1.0)], output, CutOptions(mix_audio=True))
    with av.open(str(output)) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(2.5, abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(("tones", "silent"), [(("300", "700:atrim=end=1"), 2), (("300:atrim=end=1", "700"), 1)])
def test_a_track_that_ends_before_a_copied_piece(
    tones: tuple[str, str], silent: int, suffix: str, tmp_path: Path
) -> None:
    """Packets cannot be made of silence; the others keep their titles, and a file without a track is whole."""
    plain, path = with_tone(tmp_path / "plain.mkv", *tones), tmp_path / "titled.mkv"
    titles = [word for number in (1, 2) for word in (f"-metadata:s:a:{number - 1}", f"title=Track {number}")]
    keys = ["-c:v", "libx264", "-g", "25", "-c:a", "aac"]
    run_ffmpeg(["-i", f"file:{plain}", "-map", "0", *keys, *titles, f"file:{path}"])
    note = f"Audio track {silent} has no sound in the chosen moments and is left out."
    result = cut_summary(probe(path), [Segment(2.0, 4.0, 1.0)], tmp_path / f"out{suffix}", CutOptions(cut="copy"))
    with reading(result.path) as container:
        contents = read_contents(container, container.streams.video[0].index)
        audio = [contents.tracks[stream.index] for stream in container.streams.audio]
    assert [track.tags.get("title") for track in audio] == [f"Track {3 - silent}"]
    assert loudness(heard(probe(result.path)), 700 if silent == 1 else 300) > 0.25
    assert note in result.notes
    files = [tmp_path / f"clip{suffix}"]
    (clip,) = cut_clips(probe(path, silent), [Segment(2.0, 4.0, 1.0)], files, CutOptions(cut="copy"))
    assert probe(clip.path).audio_tracks == ()


@pytest.mark.parametrize("copy", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_unusual_channels_are_written(layout: str, copy: bool, tmp_path: Path) -> None:
    path = with_tone(tmp_path / "odd.mov", f"1000:{LAYOUTS[layout]}")
    result = cut_summary(
        probe(path), [Segment(0.5, 2.5, 1.0)], tmp_path / "out.mov", CutOptions(cut="copy" if copy else "exact")
    )
    assert 0.2 < loudness(heard(probe(result.path)), 1000) < 1.2


@pytest.mark.parametrize("suffix", [".mkv", ".nut"])
@pytest.mark.parametrize(("layout", "count"), [("5.1", 6), ("7.1", 8), ("stereo", 2)])
def test_surround_sound_whose_container_names_no_channels_stays_surround(
    layout: str, count: int, suffix: str, tmp_path: Path
) -> None:
    """Each channel has its own loudness, and keeps its place."""
    levels = [0.9 * 0.7**number for number in range(count)]
    panned = "|".join(f"c{number}={level:.3f}*c0" for number, level in enumerate(levels))
    source = probe(with_tone(tmp_path / f"in{suffix}", f"60:volume=0.2,pan={layout}|{panned}"))
    assert source.audio_tracks[0].layout == f"{count} channels"
    result = cut_summary(source, [Segment(1.0, 3.0, 1.0)], tmp_path / "out.mkv")
    taken = f"Audio track 1: {count} channels without positions, taken for {layout}: "
    taken += "the fourth, for bass, keeps low tones alone."
    assert [note for note in result.notes if "channels" in note] == ([taken] if count > 2 else [])
    run_ffmpeg(["-i", f"file:{result.path}", "-map", "0:a", "-f", "f32le", f"file:{tmp_path}/samples"])
    samples = np.fromfile(tmp_path / "samples", np.float32).reshape(-1, count)
    heard_levels = np.sqrt((samples**2).mean(axis=0))
    assert heard_levels / heard_levels[0] == pytest.approx(np.array(levels) / levels[0], abs=0.03)


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
@pytest.mark.parametrize("count", [3, 4, 5, 7, 8, 10, 12, 16])
def test_copied_channels_without_positions_get_none(count: int, suffix: str, tmp_path: Path) -> None:
    """QuickTime would state that the third or fourth one is bass, which players leave out; it is any microphone."""
    panned = "|".join(f"c{number}=c0" for number in range(count))
    source = probe(with_tone(tmp_path / "in.mkv", f"1000:pan={count}c|{panned}"))
    copied = cut_summary(source, [Segment(1.0, 3.0, 1.0)], tmp_path / f"out{suffix}", CutOptions(cut="copy"))
    (track,) = probe(copied.path).audio_tracks
    assert track.layout == f"{count} channels"
    encoded = cut_summary(source, [Segment(1.0, 3.0, 1.0)], tmp_path / "exact.mp4")
    assert any(note.startswith(f"Audio track 1: {count} channels without positions, ") for note in encoded.notes)
    assert loudness(heard(probe(encoded.path)), 1000) > 0.2


def test_copied_packets_cannot_be_mixed_or_mapped(tmp_path: Path) -> None:
    source = probe(made("plain.mp4"))
    with pytest.raises(ConfigError, match="leave out --copy or --audio-track mix"):
        cut_summary(source, SEGMENTS, tmp_path / "out.mp4", CutOptions(cut="copy", mix_audio=True))
    with pytest.raises(ConfigError, match="leave out --copy or --hdr sdr"):
        cut_summary(source, SEGMENTS, tmp_path / "out.mp4", CutOptions(cut="copy", hdr="sdr"))


def test_streams_that_no_summary_holds_are_named(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    attach = tmp_path / "notes.txt"
    attach.write_text("notes", encoding="utf-8")
    inputs = ["-i", f"file:{made('plain.mp4')}", "-i", f"file:{made('small.mp4', size=(64, 48))}"]
    attached = ["-attach", str(attach), "-metadata:s:t", "mimetype=text/plain"]
    run_ffmpeg([*inputs, "-map", "0", "-map", "1:v", "-c", "copy", *attached, f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0, 1, 1.0)], tmp_path / "out.mkv")
    assert result.notes == ("Left out: another video track (h264); an attachment (notes.txt).",)


def test_subtitles_that_are_pictures_are_named(tmp_path: Path) -> None:
    path, sup = tmp_path / "pictures.mkv", tmp_path / "subtitles.sup"
    # Presentation Graphic Stream: a composition of no objects, and its end, each behind its times.
    segments = ((0x16, bytes.fromhex("0280 01e0 10 0000 80 00 00 00")), (0x80, b""))
    sup.write_bytes(
        b"".join(b"PG" + bytes(8) + bytes([kind]) + struct.pack(">H", len(data)) + data for kind, data in segments)
    )
    both = ["-i", f"file:{made('plain.mp4')}", "-f", "sup", "-i", f"file:{sup}", "-map", "0", "-map", "1", "-c", "copy"]
    run_ffmpeg([*both, "-metadata:s:s:0", "language=eng", f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0, 1, 1.0)], tmp_path / "out.mkv")
    assert result.notes == ("Left out: subtitles that are not text (hdmv_pgs_subtitle, eng).",)


def test_a_track_of_data_is_named(tmp_path: Path) -> None:
    path, raw = tmp_path / "data.ts", tmp_path / "raw.bin"
    raw.write_bytes(b"data" * 100)
    both = ["-i", f"file:{made('plain.mp4')}", "-f", "data", "-i", f"file:{raw}", "-map", "0", "-map", "1"]
    run_ffmpeg([*both, "-c", "copy", f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0, 1, 1.0)], tmp_path / "out.mkv")
    assert result.notes == ("Left out: a data track (bin_data).",)


@pytest.mark.parametrize(("suffix", "is_kept"), [(".mp4", True), (".m4v", True), (".mkv", True), (".mov", False)])
def test_a_cover_comes_along(suffix: str, is_kept: bool, tmp_path: Path) -> None:
    """QuickTime has no place for it."""
    path, cover = tmp_path / "covered.mp4", tmp_path / "cover.png"
    run_ffmpeg(["-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", f"file:{cover}"])
    inputs = ["-i", f"file:{made('plain.mp4')}", "-i", f"file:{cover}"]
    run_ffmpeg([*inputs, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic", f"file:{path}"])
    for copy in (False, True):
        result = cut_summary(
            probe(path), [Segment(0, 1, 1.0)], tmp_path / f"{copy}{suffix}", CutOptions(cut="copy" if copy else "exact")
        )
        with reading(result.path) as container:
            covers = read_contents(container, 0).covers
        assert [one.data for one in covers] == [cover.read_bytes()] * is_kept
        assert told(result) == ([] if is_kept else ["Not kept in .mov: its cover picture."])


@pytest.mark.parametrize(("codec", "is_kept"), [("gif", False), ("tiff", False), ("mjpeg", True)])
def test_covers_that_are_left_out_are_named(codec: str, is_kept: bool, tmp_path: Path) -> None:
    path, cover = tmp_path / "covered.mkv", tmp_path / f"cover.{'jpg' if codec == 'mjpeg' else codec}"
    run_ffmpeg(["-f", "lavfi", "-i", "color=red:s=32x32", "-frames:v", "1", "-c:v", codec, f"file:{cover}"])
    attached = ["-attach", f"file:{cover}", "-metadata:s:t", f"mimetype=image/{codec.replace('mjpeg', 'jpeg')}"]
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", "-c", "copy", *attached, f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0, 1, 1.0)], tmp_path / "out.mp4")
    assert any(f"a cover picture ({codec}" in note for note in result.notes) is not is_kept


@pytest.mark.parametrize(("rate", "notes"), [(96_000, 1), (88_200, 1), (48_000, 0), (8_000, 0)])
def test_sound_of_a_higher_rate_than_is_written_is_told(rate: int, notes: int, tmp_path: Path) -> None:
    path = tmp_path / "rate.mkv"
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", "-c:v", "copy", "-c:a", "flac", "-ar", str(rate), f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0, 1, 1.0)], tmp_path / "out.mp4")
    assert result.notes == (f"Audio track 1: {rate} Hz, written as 48000.",) * notes


def test_the_timecode_of_a_file_that_states_no_rate_comes_along(tmp_path: Path) -> None:
    path = tmp_path / "tape.dv"
    how = ["-s", "720x576", "-r", "25", "-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-ar", "48000", "-ac", "2"]
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", *how, "-timecode", "01:02:03:04", f"file:{path}"])
    result = cut_summary(probe(path), [Segment(1, 2, 1.0)], tmp_path / "out.mov")
    with reading(result.path) as container:
        assert read_contents(container, 0).timecode == "01:02:04:04"


@pytest.mark.parametrize("late", [Fraction(0), Fraction(13, 10), Fraction(12)])
def test_the_timecode_counts_from_the_first_picture_on(late: Fraction, tmp_path: Path) -> None:
    """Which comes so many frames later than the sound."""
    plain = make_video(tmp_path / "plain.mkv", times=[(number + late) / 25 for number in range(100)])
    told = ["-c", "copy", "-metadata", "timecode=01:00:00:00", f"file:{tmp_path}/in.mkv"]
    run_ffmpeg(["-i", f"file:{plain}", *told])
    start = float((25 + late) / 25)
    result = cut_summary(probe(tmp_path / "in.mkv"), [Segment(start, start + 1, 1.0)], tmp_path / "out.mp4")
    assert held(result.path, tmp_path).contents.timecode == "01:00:01:00"


def test_subtitles_that_cannot_be_read_cost_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(arguments: list[str], **_: Any) -> None:
        raise CutError("ffmpeg failed")

    path = everything(tmp_path, ".mkv")
    monkeypatch.setattr(subtitle_tracks, "run_ffmpeg", refuse)
    result = cut_summary(probe(path), SEGMENTS, tmp_path / "out.mp4")
    assert result.notes == ("Left out: subtitles that cannot be read (subrip, ger, Deutsch).",)


@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "ass"), (".mp4", "mov_text")])
def test_styled_subtitles(suffix: str, codec: str, tmp_path: Path) -> None:
    (tmp_path / "in.srt").write_text(SUBTITLES, encoding="utf-8")
    path = tmp_path / "styled.mkv"
    inputs = ["-i", f"file:{made('plain.mp4')}", "-i", f"file:{tmp_path}/in.srt"]
    run_ffmpeg([*inputs, "-map", "0", "-map", "1", "-c", "copy", "-c:s", "ass", f"file:{path}"])
    result = cut_summary(probe(path), [Segment(1.0, 3.0, 1.0)], tmp_path / f"out{suffix}")
    assert held(result.path, tmp_path).contents.subtitles[0].codec == codec
    assert result.notes == (() if suffix == ".mkv" else ("Not kept in .mp4: the styles of its subtitles.",))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_subtitles_that_are_shown_together_stay_together(suffix: str, tmp_path: Path) -> None:
    """In MP4, the next text takes the place of the one before."""
    (tmp_path / "in.srt").write_text(
        "1\n00:00:01,000 --> 00:00:03,000\nA sign\n\n2\n00:00:01,500 --> 00:00:02,000\nA word\n", encoding="utf-8"
    )
    path = tmp_path / "two.mkv"
    inputs = ["-i", f"file:{made('plain.mp4')}", "-i", f"file:{tmp_path}/in.srt"]
    run_ffmpeg([*inputs, "-map", "0", "-map", "1", "-c", "copy", f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0.4, 3.4, 1.0)], tmp_path / f"out{suffix}")
    cues = held(result.path, tmp_path).cues
    for shown, texts in {0.7: ["A sign"], 1.3: ["A sign", "A word"], 2.2: ["A sign"]}.items():
        assert sorted("\n".join(text for start, stop, text in cues if start <= shown < stop).split("\n")) == texts


def with_two_texts(folder: Path, codecs: tuple[str, str]) -> Path:
    """Eight seconds with a text track that is shown until 5 s, and one with another title that is shown at 6 s."""
    (folder / "first.srt").write_text(SUBTITLES, encoding="utf-8")
    (folder / "second.srt").write_text("1\n00:00:06,000 --> 00:00:07,000\nLate\n\n", encoding="utf-8")
    path, inputs = folder / "two.mkv", ["-i", f"file:{made('long.mp4', seconds=8.0, **CLOSED_GOP)}"]
    inputs += ["-i", f"file:{folder}/first.srt", "-i", f"file:{folder}/second.srt"]
    tracks = ["-map", "0", "-map", "1", "-map", "2", "-c", "copy", "-c:s:0", codecs[0], "-c:s:1", codecs[1]]
    run_ffmpeg([*inputs, *tracks, "-metadata:s:s:0", "title=First", f"file:{path}"])
    return path


@pytest.mark.parametrize(
    ("codecs", "start", "suffix", "lost"),
    [
        (("ass", "subrip"), 6.2, ".mp4", ()),
        (("ass", "subrip"), 6.2, ".mkv", ()),
        (("subrip", "ass"), 4.5, ".mkv", ()),
        (("subrip", "ass"), 2.5, ".mp4", ()),
        (("subrip", "ass"), 4.5, ".mp4", ("Not kept in .mp4: the styles of its subtitles.",)),
    ],
)
def test_what_is_lost_is_told_of_tracks_that_are_written(
    codecs: tuple[str, str], start: float, suffix: str, lost: tuple[str, ...], tmp_path: Path
) -> None:
    source, segment = probe(with_two_texts(tmp_path, codecs)), Segment(start, start + 1.8, 1.0)
    assert cut_summary(source, [segment], tmp_path / f"out{suffix}").notes == lost


def test_subtitles_of_which_nothing_is_shown_make_no_track(tmp_path: Path) -> None:
    result = cut_summary(probe(everything(tmp_path, ".mkv")), [Segment(6.0, 7.0, 1.0)], tmp_path / "out.mkv")
    assert held(result.path, tmp_path).contents.subtitles == ()
    assert result.notes == ()


@pytest.mark.parametrize(
    ("language", "suffix", "is_kept"), [("swe", ".mov", False), ("swe", ".mp4", True), ("fra", ".mov", True)]
)
def test_a_language_that_the_container_cannot_name_is_noted(
    language: str, suffix: str, is_kept: bool, tmp_path: Path
) -> None:
    """QuickTime's table has other codes, and few; the only audio track counts, and subtitles do."""
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,500 --> 00:00:02,500\nHello\n")
    path, tags = tmp_path / "in.mkv", [f"-metadata:s:{stream}:0" for stream in "as"]
    streams = ["-i", f"file:{with_tone(tmp_path / 'tone.mkv', '300')}", "-i", f"file:{words}", "-map", "0", "-map", "1"]
    told_as = [part for tag in tags for part in (tag, f"language={language}")]
    run_ffmpeg([*streams, "-c:v", "copy", "-c:a", "copy", "-c:s", "srt", *told_as, f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0.5, 2.5, 1.0)], tmp_path / f"out{suffix}")
    lost = "the language of audio track 1 (swe); the language of subtitle track 1 (swe)"
    assert any(lost in note for note in result.notes) is not is_kept


@pytest.mark.parametrize("out", [".mp4", ".mkv"])
def test_subtitles_that_begin_before_time_zero(out: str, tmp_path: Path) -> None:
    """What is shown when the file begins is shown from there on; what was over before is not."""
    words = tmp_path / "words.srt"
    cues = (
        "00:00:01,000 --> 00:00:02,000\nOver",
        "00:00:08,000 --> 00:00:11,500\nGoing",
        "00:00:12,000 --> 00:00:13,000\nNew",
    )
    words.write_text("\n\n".join(f"{number}\n{cue}" for number, cue in enumerate(cues, start=1)) + "\n")
    path, video = tmp_path / "in.mkv", f"file:{made('plain.mp4')}"
    run_ffmpeg(["-itsoffset", "10", "-i", video, "-i", f"file:{words}", "-c", "copy", "-c:s", "srt", f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0.0, 2.4, 1.0)], tmp_path / f"out{out}")
    assert result.notes == ()
    written = subtitle_tracks.read_tracks(probe(result.path), held(result.path, tmp_path).contents.subtitles).values()
    shown = [(cue.start_seconds, cue.stop_seconds, cue.text) for each in written if each for cue in each.cues]
    assert [text for *_, text in shown] == ["Going", "New"]
    assert [time for *times, _ in shown for time in times] == pytest.approx([0.0, 1.5, 2.0, 2.4], abs=0.03)


def test_both_codes_of_a_language_are_kept_in_quicktime(tmp_path: Path) -> None:
    """Matroska has the codes of librarians (``fre``), and what others write in it those of linguists (``fra``)."""
    pairs = "alb:sqi arm:hye baq:eus chi:zho cze:ces dut:nld fre:fra geo:kat ger:deu gre:ell ice:isl may:msa rum:ron"
    codes = [code for pair in (*pairs.split(), "per:fas", "slo:slk", "wel:cym") for code in pair.split(":")]
    told = [word for number, code in enumerate(codes) for word in (f"-metadata:s:a:{number}", f"language={code}")]
    maps = ["-map", "0:v", *(word for _ in codes for word in ("-map", "0:a"))]
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", *maps, "-c", "copy", *told, f"file:{tmp_path}/in.mkv"])
    result = cut_summary(probe(tmp_path / "in.mkv"), [Segment(1.0, 1.4, 1.0)], tmp_path / "out.mov")
    assert result.notes == ()
    with av.open(str(result.path)) as container:
        kept = [stream.metadata["language"] for stream in container.streams.audio]
    assert [kept[number] in codes[number - number % 2 :][:2] for number in range(len(codes))] == [True] * len(codes)
