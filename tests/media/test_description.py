"""FFmpeg's log, of which the process has one: borrowed, and given back as it was."""

from __future__ import annotations

import logging
import random
import subprocess
import sys
import threading
from pathlib import Path

import av
import av.logging as av_log
import pytest

from highlightr.media._container.description import describe, ffmpeg_log
from tests.mediamaker import made, make_video


def test_a_callers_own_log_is_as_it_was() -> None:
    av_log.set_level(av_log.ERROR)
    av_log.set_skip_repeated(False)
    try:
        with av.open(str(made("plain.mp4", seconds=1.0))) as container:
            assert describe(container)[0].codec_name == "h264"
        with pytest.raises(ZeroDivisionError), ffmpeg_log():
            raise ZeroDivisionError
        assert (av_log.get_level(), av_log.get_skip_repeated()) == (av_log.ERROR, False)
    finally:
        av_log.set_level(None)
        av_log.set_skip_repeated(True)


def test_what_is_said_on_other_threads_is_neither_taken_nor_shown(caplog: pytest.LogCaptureFixture) -> None:
    other = threading.Thread(target=av_log.log, args=(av_log.ERROR, "h264", "of another file"))
    with caplog.at_level(logging.DEBUG, logger="libav"), ffmpeg_log() as said:
        other.start()
        other.join()
        av_log.log(av_log.INFO, "mov", "of this one")
    assert [text for _, _, text in said] == ["of this one"]
    assert not caplog.records


_BESIDE = """
import sys, threading
from pathlib import Path
import av
from highlightr.media import FrameRequest, decode, grab_thumbnails, probe
from highlightr.media._container.description import describe

def describe_all_the_time():
    with av.open(sys.argv[1]) as container:
        while True:
            describe(container)

source = probe(Path(sys.argv[1]))
threading.Thread(target=describe_all_the_time, daemon=True).start()
for _ in range(10):
    {work}
"""


@pytest.mark.parametrize(
    "work",
    [
        "grab_thumbnails(source, [1.0])",
        "next(decode(source, {'frames': FrameRequest(frames_per_second=25, short_side=48)}, threads=4))",
    ],
    ids=["thumbnails", "decode"],
)
def test_a_damaged_video_is_decoded_while_another_is_described(work: str, tmp_path: Path) -> None:
    """A decoder's threads write to the log; to wait for them must not keep the log from them."""
    path = make_video(tmp_path / "damaged.mp4", seconds=8.0, size=(640, 360), options=(("g", "300"),))
    data, noise = bytearray(path.read_bytes()), random.Random(1)
    for place in range(5000, len(data) - 20_000, 50):
        data[place] = noise.randrange(256)
    path.write_bytes(data)
    script = [sys.executable, "-c", _BESIDE.format(work=work), str(path)]
    subprocess.run(script, check=True, timeout=300, capture_output=True)
