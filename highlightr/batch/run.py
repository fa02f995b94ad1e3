"""A batch from its jobs to its results: the engine is chosen, and what it tells is written down as it happens.

In: jobs, an output folder, options. Out: a `BatchResult`, and in the folder a summary per job, `results.jsonl` and
`index.html`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from highlightr.batch.jobs import Job, JobResult
from highlightr.batch.local import run_locally
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import INDEX_NAME, RESULTS_NAME, OutputDir
from highlightr.batch.progress import BatchProgress, BatchProgressHook, ResultRecorder
from highlightr.batch.watch import FolderWatch
from highlightr.core.checks import given_list, given_options, given_path
from highlightr.core.device import resolve_device
from highlightr.core.errors import ConfigError
from highlightr.core.extras import need
from highlightr.zoo import load_preset


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

    Returns:
        The outcome of every job; a video that fails does not stop the others.

    Raises:
        ConfigError: no jobs, two for one folder, options that do not go together, an unknown preset, an engine or a
            device that is not there.
        WeightsError: weights that the preset needs are not here.
        OutputError: the folder cannot be written.
    """
    todo, wanted = _distinct(given_list("jobs", jobs, Job)), given_options(options, BatchOptions)
    engine, output_dir = _ready(todo, output, wanted)
    recorder = ResultRecorder(output_dir, BatchProgress(len(todo)), progress)
    recorder.told_of(todo)
    with output_dir.named_in_errors(), closing(recorder.results):
        engine(todo, output_dir, wanted, recorder)
        recorder.ended()
    return BatchResult(
        tuple(recorder.outcomes[job.id] for job in todo),
        output_dir.root / RESULTS_NAME,
        output_dir.root / INDEX_NAME,
        recorder.progress.seconds,
    )


def watch_batch(
    plan: Callable[[], Sequence[Job]],
    output: str | Path,
    options: BatchOptions | None = None,
    *,
    progress: BatchProgressHook | None = None,
) -> NoReturn:
    """Do the jobs that a plan has now and later, until a signal stops it; workers keep their models meanwhile.

    Args:
        plan: called every few seconds; `plan_jobs` with `absent_ok`. Its errors are warnings after the first call.
        output, options, progress: as for `run_batch`; the results and the index page are renewed as videos finish.

    Raises:
        ConfigError, WeightsError, OutputError: as for `run_batch`; or another engine than the local one.
        StoppedBySignal: the end. What was at work is removed; the same call goes on where it was.
    """
    wanted = given_options(options, BatchOptions)
    if wanted.engine != "local":
        raise ConfigError(f"new files are watched for by the engine local, not {wanted.engine}; leave out --engine")
    from highlightr.pipeline import Highlighter

    Highlighter.from_preset(**wanted.for_highlighter())  # The first video may come in hours; what is wrong is told now.
    first = plan()
    _, output_dir = _ready(first, output, wanted)
    recorder = ResultRecorder(output_dir, BatchProgress(0, watching=True), progress)
    with output_dir.named_in_errors(), closing(recorder.results):
        run_locally((), output_dir, wanted, recorder, FolderWatch(plan, wanted.for_job))
    raise AssertionError("a watch ends by a signal")


def _ready(todo: Sequence[Job], output: str | Path, options: BatchOptions) -> tuple[_Engine, OutputDir]:
    """The engine and the output folder, which is made only once nothing speaks against the batch."""
    load_preset(options.preset, scorer=options.scorer, model=options.model)
    for job in todo:
        options.for_job(job)
    engine, output_dir = _engine(options), OutputDir(given_path("output", output))
    with output_dir.named_in_errors():
        output_dir.prepare()
        output_dir.sweep()
    return engine, output_dir


_Engine = Callable[[Sequence[Job], OutputDir, BatchOptions, ResultRecorder], None]


def _engine(options: BatchOptions) -> _Engine:
    """The engine, if it can run here: asked before a folder is made."""
    if options.engine == "ray":
        need("the engine ray", "ray")
        # Here, because it loads in this process what a local batch loads in its workers alone.
        from highlightr.batch.cluster import run_on_ray

        return run_on_ray
    resolve_device(options.device)
    return run_locally


def _distinct(todo: tuple[Job, ...]) -> tuple[Job, ...]:
    if not todo:
        raise ConfigError("a batch needs at least one video")
    folders = [job.folder for job in todo]
    if len(set(folders)) < len(folders):
        twice = next(folder for folder in folders if folders.count(folder) > 1)
        raise ConfigError(f"two jobs would write to {twice}; give each a folder of its own")
    return todo
