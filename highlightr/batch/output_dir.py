"""The output folder of a batch: what lies where, who is at work in it, and what is done.

Each job has a folder with its outputs. The hidden folder `.highlightr` keeps a lock per job that dies with its holder,
a mark that work began, and a record that it was finished: a job is done if its record has the wanted key and its
outputs are whole. Every file is written beside its place and renamed.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from highlightr.batch.jobs import Job, JobResult
from highlightr.batch.names import is_inside
from highlightr.core.config import read_json_or_none
from highlightr.core.errors import HighlightrError, OutputError
from highlightr.core.files import remove_abandoned, write_whole
from highlightr.core.folders import make_folder
from highlightr.core.locks import file_lock
from highlightr.export.outputs import BESIDE

SUFFIXES = {
    "video": ".summary.mp4",
    "receipt": ".summary.json",
    "report": ".summary.html",
    **{name: f".summary{suffix}" for name, suffix in BESIDE.items()},
}
"""Of each output; before it stands the name of the video's folder."""

STATE_FOLDER = ".highlightr"
RESULTS_NAME = "results.jsonl"
INDEX_NAME = "index.html"


@dataclass(frozen=True)
class JobRecord:
    """What is remembered of a finished job."""

    key: str
    outcome: JobResult
    sizes: Mapping[str, int]
    """Bytes of each output."""
    curve: tuple[int, ...] = ()
    """Scores for the index page: the largest of each of some columns, in percent."""
    bands: tuple[tuple[float, float], ...] = ()
    """Start and length of each segment as shares of the video."""
    poster: str = ""
    """A small JPEG in base64."""


@dataclass(frozen=True)
class _Mark:
    """What is remembered of a job that has begun."""

    folder: str
    video_folder: str = ""
    before: Mapping[str, int] = field(default_factory=dict)
    """Bytes of the outputs that were there."""


class OutputDir:
    """The output folder of a batch."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._state = self.root / STATE_FOLDER

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            OutputError: it cannot be made or written, or holds a page or results that no batch made.
        """
        if not self._state.exists():
            foreign = [name for name in (RESULTS_NAME, INDEX_NAME) if (self.root / name).exists()]
            if foreign:
                raise OutputError(
                    f"{self.root / foreign[0]}: exists already, and no batch made it; choose another folder"
                )
        for folder in (self.root, *(self._state / name for name in ("locks", "began", "done"))):
            make_folder(folder)

    def folder(self, job: Job) -> Path:
        """Where the outputs of a job lie."""
        return self.root / job.folder

    def outputs(self, job: Job) -> dict[str, Path]:
        """Name to path of each output."""
        name = PurePosixPath(job.video_folder or job.folder).name
        return {kind: self.folder(job) / f"{name}{suffix}" for kind, suffix in SUFFIXES.items()}

    def known_folders(self) -> dict[str, str]:
        """Video to folder, as earlier runs gave them out; empty where nothing can be read."""
        found = read_json_or_none(self._state / "folders.json", dict[str, str]) or {}
        return {video: folder for video, folder in found.items() if is_inside(folder)}

    def remember_folders(self, jobs: Iterable[Job]) -> None:
        """Keep which folder each video has; an `OutputError` where it cannot be written."""
        with file_lock(self._state / "locks" / "folders", wait_seconds=30.0):
            folders = self.known_folders() | {job.video: job.video_folder for job in jobs if job.video_folder}
            write_whole(self._state / "folders.json", json.dumps(folders, indent=1))

    def relative(self, path: Path) -> str:
        """A path inside, relative to the output folder, with ``/``."""
        return path.relative_to(self.root).as_posix()

    def fetched(self, job: Job) -> Path:
        """Where a video from an address lies while it is worked on."""
        return self._state / "fetched" / job.id / Path(job.folder.partition("/")[0]).name

    def shown_in(self, error: str) -> str:
        """An error whose text names a file of the hidden folder names this one instead, which the user chose."""
        return re.sub(rf"{re.escape(str(self._state))}(/[^\s:/]+)*", lambda _: str(self.root), error)

    @contextmanager
    def named_in_errors(self) -> Iterator[None]:
        """Errors that leave the block are as `shown_in` has them."""
        try:
            yield
        except HighlightrError as error:
            error.args = (self.shown_in(str(error)),)
            raise

    def token(self) -> str:
        """What this folder alone holds, by which another machine can tell whether it sees the same one.

        Raises:
            OutputError: the folder cannot be written.
        """
        mark = self._state / "token"
        if not mark.exists():
            write_whole(mark, secrets.token_hex(16))
        return mark.read_text(encoding="utf-8")

    def shows(self, token: str) -> bool:
        """Whether this is the folder that `token` was read from."""
        try:
            return (self._state / "token").read_text(encoding="utf-8") == token
        except OSError:
            return False

    @contextmanager
    def claim(self, job: Job) -> Iterator[bool]:
        """Claim a job without waiting; the value is false where another process is at it.

        What a dead process left of it is removed first.
        """
        with file_lock(self._state / "locks" / job.id) as is_held:
            if is_held:
                self._sweep(job)
            yield is_held

    @contextmanager
    def at_work_on(self, job: Job) -> Iterator[None]:
        """Mark that work goes on; the caller holds the claim. From here on the outputs' names are the batch's own.

        Unless `finish` is called, what was written is removed again; whole outputs of an earlier run that nothing has
        replaced yet stay.

        Raises:
            OutputError: outputs are there that no batch made, or the folder cannot be written.
        """
        began, done = self._began(job.id), self._done(job.id)
        if not began.exists() and not done.exists():
            foreign = [path for path in self.outputs(job).values() if path.exists()]
            if foreign:
                raise OutputError(f"{foreign[0]}: exists already, and no batch made it; choose another output folder")
        make_folder(self.folder(job))
        # The claim has removed what does not belong together, so what is there is whole.
        mark = _Mark(job.folder, job.video_folder, self.sizes(job))
        write_whole(began, json.dumps(asdict(mark)))
        done.unlink(missing_ok=True)
        try:
            yield
        finally:
            if not done.exists():
                self._sweep(job)

    def finish(self, job: Job, record: JobRecord) -> None:
        """Remember that a job is done; the caller holds the claim. An `OutputError` where that cannot be written."""
        write_whole(self._done(job.id), json.dumps(asdict(record)))
        self._began(job.id).unlink(missing_ok=True)

    def record(self, job_id: str) -> JobRecord | None:
        """What is remembered of a finished job; `None` if nothing is, or nothing that can be understood."""
        return read_json_or_none(self._done(job_id), JobRecord)

    def whole(self, job: Job) -> JobRecord | None:
        """The record of a job whose outputs are all there with the sizes that were written."""
        record = self.record(job.id)
        return record if record is not None and record.sizes == self.sizes(job) else None

    def sizes(self, job: Job) -> dict[str, int]:
        """Bytes of each output that is there."""
        found = {}
        for name, path in self.outputs(job).items():
            with suppress(OSError):
                found[name] = path.stat().st_size
        return found

    def sweep(self) -> None:
        """Remove what processes that are dead left of jobs they had begun, of this run's jobs or not."""
        for began in sorted((self._state / "began").iterdir()):
            mark = self._read_mark(began)
            if mark is None:
                continue
            with file_lock(self._state / "locks" / began.name) as is_held:
                if is_held:
                    self._sweep(Job("", None, mark.folder, video_folder=mark.video_folder))

    def _sweep(self, job: Job) -> None:
        began, done = self._began(job.id), self._done(job.id)
        for written in (self.folder(job), began.parent, done.parent):
            remove_abandoned(written)
        shutil.rmtree(self._state / "fetched" / job.id, ignore_errors=True)
        if began.exists() and not done.exists():
            mark = self._read_mark(began)
            # Some of the outputs may be from before, some from after: each is whole, but they do not belong together.
            if mark is None or mark.before != self.sizes(job):
                for path in self.outputs(job).values():
                    path.unlink(missing_ok=True)
            with suppress(OSError):  # Until one that is not empty, or was not made yet.
                for folder in (self.folder(job), *self.folder(job).parents):
                    if folder == self.root:
                        break
                    folder.rmdir()

    def _read_mark(self, began: Path) -> _Mark | None:
        """A mark, if its folder is the one that its own name was made from."""
        mark = read_json_or_none(began, _Mark)
        if mark is None or not all(is_inside(each) for each in (mark.folder, mark.video_folder or mark.folder)):
            return None
        return mark if Job("", None, mark.folder).id == began.name else None

    def _began(self, job_id: str) -> Path:
        return self._state / "began" / job_id

    def _done(self, job_id: str) -> Path:
        return self._state / "done" / job_id
