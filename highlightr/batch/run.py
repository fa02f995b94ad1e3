"""A batch from its jobs to its results: the engine is chosen, and what it tells is written down as it happens.

In: jobs, an output folder, options. Out: a `BatchResult`, and in the folder a summary per job, `results.jsonl` and
`index.html`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from highlightr.batch.jobs import Job, JobResult
from highlightr.batch.local import run_locally
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import INDEX_NAME, RESULTS_NAME, OutputDir
from highlightr.batch.progress import BatchProgress, BatchProgressHook, JobListener
from highlightr.batch.results import Results
from highlightr.core.device import resolve_device
from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.extras import need
from highlightr.core.stop import raise_if_stopped


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch."""

    outcomes: tuple[JobResult, ...]
    """One per job, in the order of the jobs."""
    results: Path
    """`results.jsonl`."""
    index: Path
    """`index.html`."""
    seconds: float
    """Wall time."""

    @property
    def failed(self) -> tuple[JobResult, ...]:
        """Those that failed."""
        return tuple(one for one in self.outcomes if one.state == "failed")


def run_batch(
    jobs: Iterable[Job],
    output: str | Path,
    options: BatchOptions | None = None,
    *,
    progress: BatchProgressHook | None = None,
) -> BatchResult:
    """Do all jobs; those that are done already in the same way are kept.

    Args:
        jobs: what `plan_jobs` returned, or some of it.
        output: the folder, made if need be. Another run may be at work in it: each job is done by one of them.
        options: the defaults if `None`.
        progress: told where the batch stands.

    Returns:
        The outcome of every job; a video that fails does not stop the others.

    Raises:
        ConfigError: no jobs, two for one folder, options that do not go together, an unknown preset, an engine or a
            device that is not there.
        WeightsError: weights that the preset needs are not here.
        OutputError: the folder cannot be written.
    """
    todo, wanted = _distinct(jobs), options or BatchOptions()
    wanted.load_preset()
    for job in todo:
        wanted.for_job(job)
    engine = _engine(wanted)
    output_dir = OutputDir(Path(output))
    output_dir.prepare()
    output_dir.sweep()
    remember = partial(output_dir.remember_folders, todo)
    recorder = _ResultRecorder(Results(output_dir), BatchProgress(len(todo)), progress, remember)
    try:
        engine(todo, output_dir, wanted, recorder)
    finally:
        recorder.results.close()
    return BatchResult(
        tuple(recorder.outcomes[job.id] for job in todo),
        output_dir.root / RESULTS_NAME,
        output_dir.root / INDEX_NAME,
        recorder.progress.seconds,
    )


_Engine = Callable[[Sequence[Job], OutputDir, BatchOptions, JobListener], None]


def _engine(options: BatchOptions) -> _Engine:
    """The engine, if it can run here: asked before a folder is made."""
    if options.engine == "ray":
        need("the engine ray", "ray")
        # Here, because it loads in this process what a local batch loads in its workers alone.
        from highlightr.batch.cluster import run_on_ray

        return run_on_ray
    resolve_device(options.device)
    return run_locally


def _distinct(jobs: Iterable[Job]) -> tuple[Job, ...]:
    todo = tuple(jobs)
    if not todo:
        raise ConfigError("a batch needs at least one video")
    folders = [job.folder for job in todo]
    if len(set(folders)) < len(folders):
        twice = next(folder for folder in folders if folders.count(folder) > 1)
        raise ConfigError(f"two jobs would write to {twice}; give each a folder of its own")
    return todo


class _ResultRecorder:
    """Writes down what an engine tells, and passes it to the progress hook."""

    def __init__(
        self, results: Results, progress: BatchProgress, hook: BatchProgressHook | None, remember: Callable[[], None]
    ) -> None:
        self.results, self.progress, self._remember = results, progress, remember
        self._remembered = False
        self.outcomes: dict[str, JobResult] = {}
        self._hook = hook

    def started(self, job: Job, where: str, pid: int) -> None:
        self.progress.start(job, where, pid)
        self.ticked()

    def progressed(self, job: Job, stage: str, completed: float, total: float) -> None:
        self.progress.advance(job, stage, completed, total)
        self.ticked()

    def requeued(self, job: Job) -> None:
        self.progress.running.pop(job.id, None)
        self.ticked()

    def finished(self, outcome: JobResult) -> None:
        self.outcomes[outcome.job.id] = outcome
        if not self._remembered:
            with suppress(OutputError):  # A disk that is full now may have room when the next one is finished.
                self._remember()
                self._remembered = True
        self.results.add(outcome)
        self.progress.finish(outcome)
        self.ticked()

    def ticked(self) -> None:
        raise_if_stopped()
        if self._hook is not None:
            self._hook(self.progress)
