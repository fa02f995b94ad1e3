"""The work on one job, the same for every engine: from a video to its outputs and the record that they are whole.

In: jobs, one after the other. Out: a `JobResult` each. The models are loaded when the first job needs them and serve
all that follow. What a user or a file can cause becomes a result; anything else is raised, and the process is not to be
trusted afterwards.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from highlightr import __version__
from highlightr.batch.jobs import Job, JobResult
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import JobRecord, OutputDir
from highlightr.batch.remote import fetched
from highlightr.batch.time_limit import TimeLimit
from highlightr.core.errors import HighlightrError, NoMatchError, shortage
from highlightr.core.hashing import FileIdentity, content_key, file_sha256
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.types import Summary
from highlightr.export.curve import columns
from highlightr.media.transcript import FileVersion, sidecar_versions
from highlightr.options import PLACES, SummarizeOptions
from highlightr.pipeline import Highlighter
from highlightr.zoo import Preset, load_preset
from highlightr.zoo.presets import OWN_WEIGHTS

POSTER_WIDTH = 192
POSTER_QUALITY = 82
MAX_COLUMNS = 120

TELL_SECONDS = 0.2


class ModelsUnusableError(Exception):
    """The models cannot be loaded, so no job can be done; the cause is what the user should read."""


class JobRunner:
    """Does jobs, one at a time, and ends this process where one hangs or has had its time: what watches it may be gone.

    Progress is told at most every `TELL_SECONDS`, and the beginning of each stage always; `grace_seconds` are what the
    one who watches has to end the process first.
    """

    def __init__(
        self,
        output_dir: OutputDir,
        options: BatchOptions,
        device: str = "cpu",
        tell: ProgressHook = silent,
        grace_seconds: float = 0.0,
    ) -> None:
        self._output_dir, self._options, self._device = output_dir, options, device
        self._tell, self._stage, self._told = tell, "", 0.0
        self._time_limit = TimeLimit(options.time_limit_seconds, options.stall_seconds, grace_seconds)
        # Before the models are loaded: weights that are trained anew later are not those of what is made now.
        self._preset_key = _preset_key(load_preset(options.preset, model=options.model))
        self._highlighter: Highlighter | None = None

    def __call__(self, job: Job) -> JobResult:
        """Do one job, unless another process is at it or it is done already.

        Raises:
            ModelsUnusableError: the models cannot be loaded.
        """
        clock = time.monotonic()
        try:
            with self._time_limit.ending_this_process(), self._output_dir.claim(job) as is_claimed:
                outcome = self._claimed(job) if is_claimed else JobResult(job, "busy")
        except NoMatchError as error:
            outcome = JobResult(job, "no_match", notes=(" ".join(str(error).split()),))
        except HighlightrError as error:
            outcome = JobResult(job, "failed", error=" ".join(str(error).split()))
        except OSError as error:
            # A disk that is full or a folder that went away while something else was at work.
            where = f"{error.filename}: " if error.filename else ""
            outcome = JobResult(job, "failed", error=shortage(error) or f"{where}{error.strerror or error}")
        told = None if outcome.error is None else self._output_dir.shown_in(outcome.error)
        return replace(outcome, error=told, seconds=round(time.monotonic() - clock, 3))

    def _progress(self, stage: str, completed: float, total: float) -> None:
        now = time.monotonic()
        if stage == self._stage and now < self._told + TELL_SECONDS:
            return
        self._stage, self._told = stage, now
        self._time_limit.progressed()
        self._tell(stage, completed, total)

    def _claimed(self, job: Job) -> JobResult:
        if not self._options.overwrite and (record := self._output_dir.whole(job)) is not None:
            self._progress("hash", 0.0, 1.0)
            if record.key == self._key(job, self._content(job, sidecar_versions(Path(job.video)))):
                return replace(record.outcome, job=job, state="kept", attempts=1)
        highlighter = self._loaded()
        with self._output_dir.at_work_on(job), self._video(job) as video:
            wanted = self._options.for_job(job)
            output = self._output_dir.outputs(job)["video"]
            # As they are now: what is edited from here on may not have been read.
            subtitles = sidecar_versions(Path(job.video))
            summary = highlighter.summarize(video, job.query, **wanted, output=output, overwrite=True)
            key = self._key(job, self._content(job, subtitles, summary.source.identity))
            record = self._recorded(job, summary, key)
            self._output_dir.finish(job, record)
        return record.outcome

    def _loaded(self) -> Highlighter:
        if self._highlighter is None:
            self._progress("load", 0.0, 1.0)
            try:
                models = {**self._options.for_highlighter(), "device": self._device}
                self._highlighter = Highlighter.from_preset(**models, progress=self._progress)
            except HighlightrError as error:
                raise ModelsUnusableError from error
        return self._highlighter

    def _video(self, job: Job) -> AbstractContextManager[Path]:
        if not job.remote:
            return nullcontext(Path(job.video))
        limit, private = self._options.remote_limit_bytes, self._options.allow_private
        return fetched(job.video, self._output_dir.fetched(job), limit, self._progress, allow_private=private)

    def _content(
        self, job: Job, subtitles: Sequence[FileVersion], identity: FileIdentity | None = None
    ) -> dict[str, object]:
        """What stands for the video's content; for an address itself, because to look means to fetch."""
        if job.remote:
            return {"address": job.video}
        said = {"subtitles": subtitles} if subtitles else {}
        return {**content_key(Path(job.video), identity), **said}

    def _key(self, job: Job, content: dict[str, object]) -> str:
        # All of them, so that a default that was spelled out makes no difference.
        chosen = SummarizeOptions.from_keywords(**self._options.for_job(job)).as_flat()
        options = {name: value for name, value in chosen.items() if name not in PLACES}
        made_from = {
            "version": __version__,
            "content": content,
            "query": job.query,
            "preset": self._preset_key,
            "scorer": self._options.scorer,
            "precision": self._options.precision,
            "options": options,
        }
        text = json.dumps(made_from, sort_keys=True, ensure_ascii=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def _recorded(self, job: Job, summary: Summary, key: str) -> JobRecord:
        receipt: Mapping[str, Any] = summary.receipt
        outcome = JobResult(
            job,
            "done",
            video_seconds=round(summary.source.duration_seconds, 3),
            summary_seconds=round(summary.seconds, 3),
            segments=len(summary.segments),
            match=summary.match,
            best_title=min(summary.segments, key=lambda segment: segment.rank).title,
            outputs={name: self._output_dir.relative(path) for name, path in summary.outputs.items()},
            notes=_notes(receipt["marks"], summary.notes),
            key=key,
        )
        duration = summary.source.duration_seconds
        curve = tuple(round(100 * value) for value in columns(summary.scores.values, MAX_COLUMNS))
        bands = tuple((round(s.start_seconds / duration, 4), round(s.seconds / duration, 4)) for s in summary.segments)
        sizes = self._output_dir.sizes(job)
        return JobRecord(key, outcome, sizes, curve, bands, _poster(summary))


_WORDS = ("summary", "cost", "measured")
"""Fields of a preset that are for people."""


def _preset_key(preset: Preset) -> dict[str, Any]:
    """What stands for a preset in keys: weights beside it by their content, because training writes them anew."""
    found = {name: value for name, value in asdict(preset).items() if name not in _WORDS}
    for name, choice in preset.scorers.items():
        if choice.weights is not None and choice.weights.endswith(OWN_WEIGHTS):
            with suppress(OSError):  # Where they are missing, loading them says so, if they are needed.
                found["scorers"][name]["weights"] = file_sha256(Path(choice.weights))
    return found


def _notes(marks: Sequence[str], notes: Sequence[str]) -> tuple[str, ...]:
    """The notes, and before them the marks that none of them explains."""
    return (*(mark for mark in marks if not any(mark.lower() in note.lower() for note in notes)), *notes)


def _poster(summary: Summary) -> str:
    """The best segment's still, small, as base64; empty where none could be decoded."""
    best = max(zip(summary.segments, summary.stills, strict=False), key=lambda pair: pair[0].score, default=None)
    if best is None or not best[1]:
        return ""
    from PIL import Image

    small, buffer = Image.open(io.BytesIO(best[1])), io.BytesIO()
    small.thumbnail((POSTER_WIDTH, small.height))
    small.save(buffer, "JPEG", quality=POSTER_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
