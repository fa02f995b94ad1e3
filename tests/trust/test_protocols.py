"""Files that point at other files or addresses: they are refused or read as they stand, and nothing else is opened."""

from __future__ import annotations

import ast
import shutil
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

import highlightr
from highlightr.core.errors import HighlightrError, MediaError
from highlightr.core.source import Source
from highlightr.core.types import Segment
from highlightr.media import FrameRequest, ThumbnailRequest, decode, grab_thumbnails, probe
from highlightr.media import ffmpeg as _ffmpeg
from highlightr.media._container.contents import Contents
from highlightr.media._container.picture_format import PictureFormat
from highlightr.media._cut import inputs as _inputs
from highlightr.media._cut.exact_cut import encode_pieces
from highlightr.media._cut.frame_times import Reach
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.plan import Take
from highlightr.media.choices import CutChoice
from highlightr.media.cut import CutOptions, Piece, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.pipeline import Highlighter
from tests.mediamaker import CLOSED_GOP, made, make_video
from tests.trust.baits import PLAYLISTS, Listener, Watch, with_alias, with_url, write_playlist

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="openings are watched with Linux inotify")

LOOSE = {"protocol_whitelist": "file,http,tcp"}
HLS = {"allowed_extensions": "ALL", "allowed_segment_extensions": "ALL", "extension_picky": "0"}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file beside the bait that nobody may open."""
    (tmp_path / "elsewhere").mkdir()
    made_there = tmp_path / "elsewhere" / "secret.mp4"
    shutil.copy(made("secret.mp4", seconds=1.0, size=(96, 64), sound=False), made_there)
    shutil.copy(made_there, tmp_path / "secret.mp4")
    (tmp_path / "list.sub").write_bytes(bytes(4096))
    return tmp_path / "secret.mp4"


@pytest.fixture
def watches(secret: Path) -> Iterator[list[Watch]]:
    """One on every file that a bait can point at."""
    folder = secret.parent
    made_here = [Watch(path) for path in (secret, folder / "elsewhere" / "secret.mp4", folder / "list.sub")]
    yield made_here
    for watch in made_here:
        watch.close()


def _movie() -> bytes:
    return made("plain.mov", seconds=2.0, size=(96, 64), sound=False).read_bytes()


def _careless(path: Path, **options: str) -> None:
    """Read a file the way a program does that lets every protocol through."""
    try:
        with av.open(str(path), options=LOOSE | options) as container:
            for _ in container.demux():
                pass
    except av.FFmpegError:
        pass


def _alias(folder: Path, secret: Path) -> Path:
    (folder / "alias.mov").write_bytes(with_alias(_movie(), secret))
    return folder / "alias.mov"


@pytest.mark.parametrize(
    ("bait", "options"),
    [
        ("list.m3u8", HLS),
        ("master.m3u8", HLS),
        ("list.ffconcat", {"safe": "0"}),
        ("alias.mov", {"enable_drefs": "1"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_careless_reader_takes_the_bait(
    bait: str, options: dict[str, str], secret: Path, watches: list[Watch], listener: Listener
) -> None:
    """What follows would prove nothing if these files, the watch or the server did not work."""
    folder = secret.parent
    path = _alias(folder, secret) if bait == "alias.mov" else write_playlist(folder, bait, str(secret))
    _careless(path, **options)
    assert watches[0].opened()
    if bait in PLAYLISTS:
        _careless(write_playlist(folder, bait, listener.address), **options)
        assert "/secret.mp4" in listener.seen


def test_a_careless_ffmpeg_takes_the_bait(tmp_path: Path, listener: Listener) -> None:
    loose = [word for name, value in (LOOSE | HLS).items() for word in (f"-{name}", value)]
    path = write_playlist(tmp_path, "list.m3u8", listener.address)
    run_ffmpeg([*loose, "-i", f"file:{path}", f"file:{tmp_path}/out.mkv"])
    assert listener.seen


@pytest.mark.parametrize("where", ["address", "absolute", "beside", "above", "protocol"])
@pytest.mark.parametrize("name", sorted(PLAYLISTS))
def test_a_playlist_is_refused_and_opens_nothing(
    name: str, where: str, light: Highlighter, secret: Path, watches: list[Watch], listener: Listener
) -> None:
    target = {
        "address": listener.address,
        "absolute": str(secret),
        "beside": secret.name,
        "above": f"../{secret.parent.name}/elsewhere/secret.mp4",
        "protocol": f"concat:{secret}|{secret}",
    }[where]
    path = write_playlist(secret.parent, name, target)
    with pytest.raises(MediaError, match=f"{name}: (a playlist|not a video)") as caught:
        light.summarize(path)
    assert "\n" not in str(caught.value)
    assert [watch.opened() for watch in watches] == [False] * 3
    assert listener.seen == []


def test_samples_in_another_file_are_not_fetched(light: Highlighter, secret: Path, watches: list[Watch]) -> None:
    with pytest.raises(MediaError, match=r"alias\.mov: "):
        light.summarize(_alias(secret.parent, secret))
    assert [watch.opened() for watch in watches] == [False] * 3


def test_samples_at_an_address_are_not_fetched(light: Highlighter, tmp_path: Path, listener: Listener) -> None:
    path = tmp_path / "url.mov"
    path.write_bytes(with_url(_movie(), listener.address))
    assert light.summarize(path).source.duration_seconds == pytest.approx(2.0)
    assert listener.seen == []


def _uses(source: Source, output: Path, copy: bool) -> list[Callable[[], object]]:
    """Everything that opens a file again after it was probed."""
    take = Take(Reach(Fraction(0)), Fraction(0), Fraction(1), Fraction(0), (Fraction(0),))
    plan = OutputPlan(source, Contents(PictureFormat()), (Piece(0, 1, 0, 1, 0),), (take,))
    return [
        lambda: list(decode(source, {"frames": FrameRequest(2.0), "all": ThumbnailRequest()})),
        lambda: grab_thumbnails(source, [0.5]),
        lambda: cut_summary(source, [Segment(0.0, 1.0, 1.0)], output, CutOptions(cut="copy" if copy else "exact")),
        lambda: encode_pieces(plan, output, None),  # Straight to ffmpeg.
    ]


@pytest.mark.parametrize("copy", [False, True], ids=["encode", "copy"])
@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat", "list.mpd"])
def test_a_file_that_turns_into_a_playlist_after_it_was_probed(
    name: str, copy: bool, secret: Path, watches: list[Watch], listener: Listener
) -> None:
    for target in (listener.address, str(secret)):
        path = secret.with_name("video.mp4")
        make_video(path, seconds=1.0, size=(96, 64), sound=False)
        source = probe(path)
        write_playlist(secret.parent, name, target).replace(path)
        for use in _uses(source, secret.with_name("out.mp4"), copy):
            with pytest.raises(HighlightrError):
                use()
    assert [watch.opened() for watch in watches] == [False] * 3
    assert listener.seen == []


def test_an_attachment_stays_where_it_is(light: Highlighter, tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "font.ttf"
    inner.mkdir()
    outer.write_text("an attachment")
    plain = made("plain.mkv", seconds=2.0, size=(96, 64))
    attach = ["-attach", str(outer), "-metadata:s:t", "mimetype=text/html", "-metadata:s:t", "filename=../evil.html"]
    run_ffmpeg(["-i", f"file:{plain}", "-c", "copy", *attach, f"file:{inner}/attached.mkv"])
    outer.unlink()
    light.summarize(inner / "attached.mkv")
    made_here = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert made_here == {f"inner/attached{end}" for end in (".mkv", ".summary.mp4", ".summary.json", ".summary.html")}


def test_a_pattern_is_a_name(light: Highlighter, tmp_path: Path) -> None:
    make_video(tmp_path / "shot001.mp4", seconds=1.0, size=(96, 64), sound=False)
    with pytest.raises(MediaError, match="no such file"):
        light.summarize(tmp_path / "shot%03d.mp4")
    make_video(tmp_path / "shot%03d.mp4", seconds=2.0, size=(96, 64), sound=False)
    summary = light.summarize(tmp_path / "shot%03d.mp4", clips=tmp_path / "clips")
    assert summary.source.duration_seconds == pytest.approx(2.0)
    assert (tmp_path / "shot%03d.summary.mp4").exists()
    assert [path.suffix for path in (tmp_path / "clips").iterdir()] == [".mp4"]


@pytest.mark.parametrize("how", ["exact", "smart", "copy"])
def test_every_input_of_ffmpeg_is_fenced_in(how: CutChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those of a cut in several runs, which are joined by a list of our own."""
    commands: list[list[str]] = []
    started = _ffmpeg._started

    def record(command: list[str], *rest: Any) -> Any:
        commands.append(list(command))
        return started(command, *rest)

    monkeypatch.setattr(_ffmpeg, "_started", record)
    monkeypatch.setattr(_inputs, "_MOST_INPUTS", 1)
    source = probe(made("closed.mp4", **CLOSED_GOP))
    segments = [Segment(0.2, 1.6, 1.0), Segment(2.2, 3.6, 1.0)]
    cut_summary(source, segments, tmp_path / "out.mp4", CutOptions(cut=how))
    assert len(commands) >= (1 if how == "copy" else 3)
    for command in commands:
        inputs = [k for k, word in enumerate(command) if word == "-i"]
        assert inputs
        for first, last in zip([0, *inputs], inputs, strict=False):
            options = command[first:last]
            assert options[options.index("-protocol_whitelist") + 1] == "file"
            assert command[last + 1].startswith("file:")


def _called(path: Path) -> set[str]:
    """The names that a file calls, with what is before the dots."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    calls = [
        node.func for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    ]
    return {ast.unparse(name) for name in calls if _last(name) in ("open", "run_ffmpeg")}


def _last(name: ast.Name | ast.Attribute) -> str:
    return name.id if isinstance(name, ast.Name) else name.attr


def test_files_are_opened_in_one_place_only() -> None:
    """A new call of `av.open` or ffmpeg would have to bring its own fence: use the existing one."""
    package = Path(highlightr.__file__).parent
    called = {str(path.relative_to(package)): _called(path) for path in package.rglob("*.py")}
    opens = {path for path, names in called.items() if names & {"av.open", "av.container.open"}}
    assert opens == {
        "media/_container/opening.py",
        *(f"media/_cut/{name}.py" for name in ("copy_cut", "smart_cut")),
    }  # To write.
    runs = {path for path, names in called.items() if any(name.split(".")[-1] == "run_ffmpeg" for name in names)}
    cutting = {f"media/_cut/{name}.py" for name in ("encoders", "exact_cut", "extras", "smart_cut")}
    assert runs == {*cutting, "media/_container/subtitle_tracks.py"}
