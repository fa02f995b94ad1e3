"""Probing: what a Source says, and the message for everything that is not a video."""

from __future__ import annotations

import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from highlightr.core.errors import DecodeError, MediaError
from highlightr.media import probe
from highlightr.media._container.opening import open_container, packets
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import SIZE, made, turn, variable_times


def test_plain_video() -> None:
    source = probe(made("plain.mp4"))
    assert source.duration_seconds == pytest.approx(4.0, abs=1e-6)
    assert (source.video.width, source.video.height, source.video.codec) == (*SIZE, "h264")
    assert source.video.frames_per_second == 25
    assert source.audio is not None
    assert (source.audio.codec, source.audio.sample_rate, source.audio.channels) == ("aac", 48_000, 1)
    assert source.start_seconds == 0
    assert source.size_bytes == source.path.stat().st_size


@pytest.mark.parametrize("clockwise", [90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_rotation_is_clockwise_to_upright(clockwise: int, suffix: str) -> None:
    video = probe(made(f"turned{suffix}", rotation=clockwise, seconds=1.0)).video
    assert (video.rotation_degrees, video.mirrored) == (clockwise, False)


def test_a_mirrored_picture_is_told(tmp_path: Path) -> None:
    turn(made("plain.mp4"), tmp_path / "mirrored.mp4", 0, mirror=True)
    video = probe(tmp_path / "mirrored.mp4").video
    assert (video.rotation_degrees, video.mirrored) == (0, True)


def test_sample_aspect_ratio() -> None:
    assert probe(made("wide.mp4", aspect=Fraction(4, 3), seconds=1.0)).video.sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize("name", ["late.mkv", "late.webm"])
def test_first_timestamp_is_time_zero(name: str) -> None:
    webm = {"codec": "libvpx", "options": (("deadline", "realtime"),), "sound_codec": "libopus"}
    source = probe(made(name, offset=10.0, seconds=2.0, **(webm if name.endswith("webm") else {})))
    assert source.start_seconds == pytest.approx(10.0, abs=0.03)
    assert source.duration_seconds == pytest.approx(2.0, abs=0.03)


def test_duration_ends_with_the_video_not_the_sound() -> None:
    source = probe(made("long-sound.mp4", seconds=2.0, sound_seconds=5.0))
    assert source.duration_seconds == pytest.approx(2.0, abs=1e-6)


def test_duration_of_variable_frame_rate_ends_after_the_last_frame() -> None:
    times = tuple(variable_times(3.0))
    source = probe(made("variable.mkv", times=times))
    assert float(times[-1]) < source.duration_seconds < float(times[-1]) + 0.31


def test_missing_duration_is_read_from_the_packets() -> None:
    path = made("live.mkv", seconds=2.0, muxing=(("live", "1"),))
    with av.open(str(path)) as container:
        assert container.duration is None, "the point of this test is a file that does not tell its duration"
    assert probe(path).duration_seconds == pytest.approx(2.0, abs=0.01)


def test_the_larger_of_two_video_streams_is_chosen() -> None:
    video = probe(made("two.mp4", second_size=(640, 360), seconds=1.0)).video
    assert (video.width, video.height) == (640, 360)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "mjpeg"), (".mov", "png"), (".mkv", "mjpeg")])
def test_a_larger_still_beside_the_video_is_not_chosen(suffix: str, codec: str, tmp_path: Path) -> None:
    path = tmp_path / f"cover{suffix}"
    still = ["-f", "lavfi", "-i", "color=red:s=1200x1200:d=0.04"]
    tracks = ["-map", "1:v", "-map", "0:v", "-c:v:0", codec, "-c:v:1", "copy"]
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", *still, *tracks, f"file:{path}"])
    source = probe(path)
    assert (source.video.width, source.video.codec) == (SIZE[0], "h264")
    assert source.duration_seconds == pytest.approx(4.0, abs=0.05)


def test_of_several_streams_the_pictures_are_counted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(shutil.copy(made("two.ts", second_size=(640, 360), seconds=1.0), tmp_path))
    counts: list[int] = []

    def counted(container: Any, *streams: Any) -> Iterator[Any]:
        counts.append(len(streams))
        return packets(container, *streams)

    monkeypatch.setattr("highlightr.media._container.opening.packets", counted)
    assert probe(path).video.width == 640  # Its packets are read as a whole, too, by another opening of the file.
    assert counts == [2]


def test_of_stills_alone_the_larger_is_the_video(tmp_path: Path) -> None:
    path = tmp_path / "stills.mkv"
    stills = [word for size in ("64x48", "320x240") for word in ("-f", "lavfi", "-i", f"color=red:s={size}:d=0.04")]
    run_ffmpeg([*stills, "-map", "0:v", "-map", "1:v", "-c:v", "mjpeg", f"file:{path}"])
    assert probe(path).video.width == 320


def test_a_codec_that_nobody_knows_is_told(tmp_path: Path) -> None:
    path, content = tmp_path / "unknown.mkv", made("plain.mkv", seconds=1.0).read_bytes()
    path.write_bytes(content.replace(b"V_MPEG4/ISO/AVC", b"V_UNKNOWN/CODEC"))
    with pytest.raises(MediaError, match=r"the video codec is unknown or its description is missing; convert it"):
        probe(path)


def test_no_sound() -> None:
    assert probe(made("silent.mp4", sound=False, seconds=1.0)).audio is None


@pytest.mark.parametrize(
    "name",
    [
        "two words.mp4",
        'it\'s "quoted".mp4',
        "ünïcödé 映画.mp4",
        "-leading-dash.mp4",
        "%d.mp4",
        "100%.mp4",
        "concat:a|b.mp4",
        "http:video.mp4",
        "pipe:0.mp4",
        "new\nline.mp4",
        "[0]*?{a}.mp4",
    ],
)
def test_a_name_is_only_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(made("plain.mp4"), tmp_path / name)
    assert probe(tmp_path / name).duration_seconds == pytest.approx(4.0)
    monkeypatch.chdir(tmp_path)
    assert probe(Path(name)).duration_seconds == pytest.approx(4.0)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.mp4: no such file"):
        probe(tmp_path / "gone.mp4")


def test_directory(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="a directory; give one video file"):
        probe(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(MediaError, match="empty"):
        probe(tmp_path / "empty.mp4")


def test_fifo_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.mp4")
    with pytest.raises(MediaError, match="not a regular file"):
        probe(tmp_path / "fifo.mp4")


def test_a_file_that_this_process_holds_open_alone_is_refused(tmp_path: Path) -> None:
    with made("plain.mp4").open("rb") as file:
        own = Path(f"/dev/fd/{file.fileno()}")
        link = tmp_path / "link.mp4"
        link.symlink_to(own)
        for path in (own, link):
            with pytest.raises(MediaError, match="open in this process alone"):
                probe(path)
    link.unlink()
    link.symlink_to(made("plain.mp4"))
    assert probe(link).duration_seconds == pytest.approx(4.0)


def test_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(made("plain.mp4"), tmp_path / "locked.mp4")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may read everything
    with pytest.raises(MediaError, match="no permission"):
        probe(tmp_path / "locked.mp4")


def test_text_is_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video\n" * 100, encoding="utf-8")
    with pytest.raises(MediaError, match="not a video that can be read"):
        probe(tmp_path / "notes.mp4")


@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "tiff", "bmp"])
def test_a_picture_is_not_a_video(format: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.mp4"
    Image.new("RGB", (64, 48)).save(path, format=format)
    with pytest.raises(MediaError, match="a picture"):
        probe(path)


@pytest.mark.parametrize("brand", ["heic", "avif", "mif1"])
def test_a_picture_in_tiles_is_not_a_video(brand: str, tmp_path: Path) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(b"\0\0\0\x18ftyp" + brand.encode() + made("plain.mp4").read_bytes()[12:])
    with pytest.raises(MediaError, match="a picture"):
        probe(path)


def test_cut_off_before_its_index(tmp_path: Path) -> None:
    whole = made("plain.mp4").read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="cut off before its index"):
        probe(tmp_path / "half.mp4")


def test_cut_off_after_its_index_ends_where_the_frames_end(tmp_path: Path) -> None:
    whole = made("first.mp4", muxing=(("movflags", "faststart"),)).read_bytes()
    (tmp_path / "half.mp4").write_bytes(whole[: len(whole) // 2])
    assert 0.5 < probe(tmp_path / "half.mp4").duration_seconds < 3.5


def test_audio_only() -> None:
    with pytest.raises(MediaError, match="no video stream, only audio"):
        probe(made("only.mp4", video=False, seconds=1.0))


def test_audio_with_a_cover_picture(tmp_path: Path) -> None:
    picture, song = tmp_path / "cover.png", tmp_path / "song.m4a"
    Image.new("RGB", (16, 16)).save(picture)
    inputs = ["-i", f"file:{made('only.mp4', video=False, seconds=1.0)}", "-i", f"file:{picture}"]
    run_ffmpeg([*inputs, "-map", "0", "-map", "1", "-c", "copy", "-disposition:v:0", "attached_pic", f"file:{song}"])
    with pytest.raises(MediaError, match="no video stream, only audio and cover pictures;"):
        probe(song)


def test_zero_frames(tmp_path: Path) -> None:
    """A fragmented file that was cut off after its header: the streams are described, and nothing follows."""
    whole = made("pieces.mp4", muxing=(("movflags", "frag_keyframe+empty_moov+default_base_moof"),)).read_bytes()
    (tmp_path / "none.mp4").write_bytes(whole[: whole.index(b"moof") - 4])
    with pytest.raises(DecodeError, match="holds no frames"):
        probe(tmp_path / "none.mp4")


def test_damage_from_the_first_byte_on(tmp_path: Path) -> None:
    whole = bytearray(made("first.mp4", muxing=(("movflags", "faststart"),)).read_bytes())
    body = whole.index(b"mdat") + 4
    whole[body:] = bytes(len(whole) - body)
    (tmp_path / "zeros.mp4").write_bytes(whole)
    with pytest.raises(MediaError, match="not one frame"):
        probe(tmp_path / "zeros.mp4")


def test_a_stream_that_appears_late_does_not_end_the_reading() -> None:
    """PyAV stumbles over its own list of streams when it flushes them; no packet may be lost by that."""

    class Stumbling:
        def __init__(self, real: Any) -> None:
            self._real = real

        def demux(self, *streams: Any) -> Iterator[Any]:
            yield from (packet for packet in self._real.demux(*streams) if packet.size)
            raise IndexError("list index out of range")

    with open_container(made("plain.flv")) as container:
        stream = container.streams.video[0]
        frames = [frame for packet in packets(Stumbling(container), stream) for frame in packet.decode()]
    assert len(frames) == 100


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A local web server and the requests it has seen."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}", seen
        httpd.shutdown()


PLAYLISTS = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n",
    "list.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile {target}\n",
    "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
}


@pytest.mark.parametrize("name", sorted(PLAYLISTS))
def test_a_playlist_is_refused_and_nothing_else_is_opened(
    name: str, tmp_path: Path, server: tuple[str, list[str]]
) -> None:
    address, seen = server
    shutil.copy(made("plain.mp4"), tmp_path / "other.mp4")
    for target in (f"{address}/video.mp4", "other.mp4", str(tmp_path / "other.mp4")):
        (tmp_path / name).write_text(PLAYLISTS[name].replace("{target}", target), encoding="utf-8")
        with pytest.raises(MediaError, match="a playlist, which points to other files"):
            probe(tmp_path / name)
    assert seen == []
