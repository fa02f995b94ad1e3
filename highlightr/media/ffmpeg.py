"""Finding the ffmpeg program and running it.

An argument list comes in (never a shell string), a finished run comes out. The exit status is checked; the
last lines of what ffmpeg said are in the `CutError`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import IO

from highlightr.core.errors import CutError, shortage

FfmpegProgress = Callable[[int], None]
"""Called with the number of frames written so far."""

_NO_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")
"""Which of these is in the way is what the user should read, not what followed from it."""

_WRITING_FAILED = (
    "Error writing trailer",
    "Error submitting a packet to the muxer",
    *_NO_ROOM,
)
"""What ffmpeg says of an output that is not whole; some releases end with status 0 even so."""

_TAIL_LINES = 4
_ADDRESS = re.compile(r" @ 0x[0-9a-f]+(?=\])")
"""Of a part of ffmpeg, which is another one at every run."""

_DIES_WITH_PARENT = """\
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGKILL = 1, 9
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
try:
    if os.getppid() == int(sys.argv[1]):
        os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"{sys.argv[2]} cannot be started ({error.strerror}); reinstall ffmpeg")
"""
"""Becomes a program that the system ends when the thread that started it ends, were it by SIGKILL. A program of its own
and not `preexec_fn`, which may lock up where other threads run."""


def ffmpeg_path() -> str:
    """The program to run: HIGHLIGHTR_FFMPEG, else the system's, else imageio-ffmpeg's.

    What plans a cut and what cuts must read a file alike, so the system's is passed over if it is older than the
    libraries inside PyAV, and the one of imageio-ffmpeg is not older than it; or if it cannot encode H.264.

    Raises:
        CutError: there is none.
    """
    named = os.environ.get("HIGHLIGHTR_FFMPEG")
    if named:
        if not shutil.which(named):
            raise CutError(f"HIGHLIGHTR_FFMPEG names {named}, which is not a program; correct or unset it")
        return named
    system, bundled = shutil.which("ffmpeg"), _bundled()
    if system and _is_usable(system, bundled):
        return system
    if bundled is None:
        raise CutError("no usable ffmpeg with libx264; install ffmpeg or the imageio-ffmpeg package")
    return bundled


def _is_usable(system: str, bundled: str | None) -> bool:
    generation = ffmpeg_generation(system) or 0
    if bundled and generation < av_generation() and generation <= (ffmpeg_generation(bundled) or 0):
        return False
    try:
        return has_encoder("libx264", system)
    except CutError as error:
        if shortage(error):  # The system can start no program; one that does not run is passed over.
            raise
        return False


def av_generation() -> int:
    """Major version of the libavformat inside PyAV, which probes and plans."""
    import av

    return int(av.library_versions["libavformat"][0])


def ffmpeg_generation(program: str | None = None) -> int | None:
    """The same of the program that cuts, or of another one; `None` if it does not tell, a `CutError` if absent."""
    program = program or ffmpeg_path()
    try:
        match = re.search(r"^libavformat +(\d+)\.", _asked(program, "-version"), re.MULTILINE)
    except CutError as error:
        if shortage(error):
            raise
        return None
    return int(match[1]) if match else None


def ffmpeg_version() -> str:
    """What the program calls itself, such as ``7.1.1``; a `CutError` where there is none, or it does not run."""
    match = re.match(r"ffmpeg version (\S+)", _asked(program := ffmpeg_path(), "-version"))
    if match is None:
        raise CutError(f"{program} does not tell its version; reinstall ffmpeg")
    return match[1]


def has_encoder(name: str, program: str | None = None) -> bool:
    """Whether the program that runs, or another one, encodes with this, such as ``libx265``."""
    return f" {name} " in _asked(program or ffmpeg_path(), "-encoders")


def has_filter(name: str) -> bool:
    """Whether the program that runs has a filter of this name."""
    return f" {name} " in _asked(ffmpeg_path(), "-filters")


def run_ffmpeg(arguments: Sequence[str], *, progress: FfmpegProgress | None = None, folder: Path | None = None) -> None:
    """Run ffmpeg to its end; if this thread is interrupted, ffmpeg is killed.

    Args:
        arguments: everything after the global options; a file is named by its ``file:`` URL.
        progress: told the number of frames written, about twice a second.
        folder: where it runs. A list of files (concat) is named from there, without its folder, in whose name ffmpeg
            would take ``#`` and ``?`` for parts of a URL.

    Raises:
        CutError: ffmpeg is missing, cannot start, ends with an error or says that it could not write; the message
            holds its last words. Or there is no room for a temporary file.
    """
    command = [ffmpeg_path(), "-nostdin", "-hide_banner", "-loglevel", "error", "-max_error_rate", "1"]
    command += ["-progress", "pipe:1", *arguments]
    with _transcript() as said, ThreadPoolExecutor(max_workers=1) as starter:
        process = _started(command, said, starter, folder)
        try:
            _follow(process, progress)
        except BaseException:
            process.kill()
            process.wait()
            raise
        text = _transcribed(said)
        if process.returncode != 0 or any(phrase in text for phrase in _WRITING_FAILED):
            failure = subprocess.CalledProcessError(process.returncode, command, stderr=text)
            raise CutError(_in_words(process.returncode, text)) from failure


def _transcript() -> IO[bytes]:
    """A file for what ffmpeg says."""
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise CutError(
            f"no temporary file can be made ({error.strerror or error}); free some space, or set TMPDIR"
        ) from error


def _started(
    command: list[str], said: IO[bytes], starter: ThreadPoolExecutor, folder: Path | None
) -> subprocess.Popen[str]:
    """The running program.

    A thread starts it: what a signal raises reaches only the main thread, and would there, in the middle of `Popen`,
    lose sight of a program that runs already. The thread lives as long as the program may run.
    """
    found = shutil.which(command[0])
    program = str(Path(found).absolute()) if found else command[0]
    command = [program, *command[1:]]
    if sys.platform == "linux" and sys.executable:
        command = [sys.executable, "-I", "-S", "-c", _DIES_WITH_PARENT, str(os.getpid()), *command]
    starting = starter.submit(
        subprocess.Popen, command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, text=True, cwd=folder
    )
    try:
        return starting.result()
    except OSError as error:
        raise CutError(f"{command[0]} cannot be started ({error.strerror}); reinstall ffmpeg") from error
    except BaseException:
        starting.result().kill()
        starting.result().wait()
        raise


def _follow(process: subprocess.Popen[str], progress: FfmpegProgress | None) -> None:
    """Read progress reports until the program ends."""
    assert process.stdout is not None
    with process.stdout as reports:
        for line in reports:
            key, _, value = line.strip().partition("=")
            if progress is not None and key == "frame" and value.strip().isdigit():
                progress(int(value))
    process.wait()


def _transcribed(said: IO[bytes]) -> str:
    """The last of what it said."""
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - 16384))
    return said.read().decode("utf-8", "replace")


def _in_words(status: int, text: str) -> str:
    if reason := next((phrase for phrase in _NO_ROOM if phrase in text), None):
        return f"ffmpeg could not write the output ({reason}); make room, or choose another place"
    lines = [_ADDRESS.sub("", line.strip()) for line in text.splitlines() if line.strip()]
    return f"ffmpeg failed with status {status}: {' | '.join(lines[-_TAIL_LINES:]) or 'it said nothing'}"


@cache
def _asked(program: str, question: str) -> str:
    try:
        run = subprocess.run(
            [program, "-hide_banner", question], stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise CutError(f"{program} cannot be run; reinstall ffmpeg") from error
    return run.stdout.decode("utf-8", "replace")


def _bundled() -> str | None:
    """The binary inside imageio-ffmpeg, found without letting that package look elsewhere."""
    try:
        import imageio_ffmpeg
    except ImportError:
        return None
    folder = Path(imageio_ffmpeg.__file__).parent / "binaries"
    programs = sorted(path for path in folder.glob("ffmpeg*") if os.access(path, os.X_OK))
    return str(programs[0]) if programs else None
