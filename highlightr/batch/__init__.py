"""Batch: many videos in, a summary of each, results and an index page out; nothing is lost when something breaks.

from highlightr.batch import BatchOptions, plan_jobs, run_batch
jobs = plan_jobs(["videos/"], "out", query="a cat")
result = run_batch(jobs, "out", BatchOptions(workers=2))
"""

from __future__ import annotations

from highlightr.batch.jobs import Job, JobResult
from highlightr.batch.options import BatchOptions
from highlightr.batch.plan import plan_jobs
from highlightr.batch.progress import BatchProgress, BatchProgressHook, RunningJob
from highlightr.batch.run import BatchResult, run_batch, watch_batch

__all__ = [
    "BatchOptions",
    "BatchProgress",
    "BatchProgressHook",
    "BatchResult",
    "Job",
    "JobResult",
    "RunningJob",
    "plan_jobs",
    "run_batch",
    "watch_batch",
]
