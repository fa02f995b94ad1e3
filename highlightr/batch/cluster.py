"""The Ray engine: the same work as the local one, as tasks on the nodes of a Ray cluster.

In: jobs. Out: their outcomes. A Ray worker loads its models once and serves many tasks; Ray puts a task on another node
when its own is lost. The output folder has to be one that every node sees, which is checked before any work.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

from highlightr.batch.jobs import Attempt, Job, JobResult
from highlightr.batch.options import BatchOptions
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.process import CORES_PER_WORKER
from highlightr.batch.progress import ResultRecorder
from highlightr.batch.work import JobRunner, ModelsUnusableError
from highlightr.core import errors
from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError, HighlightrError

TICK_SECONDS = 0.5


def run_on_ray(jobs: Sequence[Job], output_dir: OutputDir, options: BatchOptions, recorder: ResultRecorder) -> None:
    """Do all jobs on a Ray cluster: the one at `options.address`, else the one that Ray finds, else a local one.

    Raises:
        ConfigError: there is no cluster or no GPU where one is asked for, or a node does not see the output folder.
        WeightsError: a node lacks weights.
    """
    import ray

    ours = not ray.is_initialized()
    if ours:
        try:
            ray.init(address=options.address, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigError(f"no Ray cluster at {options.address or 'hand'}: {error}") from error
    try:
        _Cluster(ray, output_dir, options, recorder).run(jobs)
    finally:
        if ours:
            ray.shutdown()


class _Cluster:
    """One batch on one cluster."""

    def __init__(self, ray: Any, output_dir: OutputDir, options: BatchOptions, recorder: ResultRecorder) -> None:
        self._ray, self._options, self._recorder = ray, options, recorder
        self._device, resources = _resources(ray, options.device)
        self._settings = json.dumps(asdict(options))
        self._task = ray.remote(_do).options(max_retries=options.retries, **resources)
        self._output_dir = output_dir
        self._running: dict[Any, Attempt] = {}

    def run(self, jobs: Sequence[Job]) -> None:
        waiting = deque(map(Attempt, jobs))
        # All are submitted at once unless the caller limits them: a cluster that grows on demand sees the demand.
        most = self._options.workers or len(jobs)
        token = self._output_dir.token()
        while waiting or self._running:
            while waiting and len(self._running) < most and waiting[0].not_before <= time.monotonic():
                one = waiting.popleft()
                arguments = (str(self._output_dir.root), self._settings, self._device, token, asdict(one.job))
                self._running[self._task.remote(*arguments)] = one
            if not self._running:
                time.sleep(TICK_SECONDS)
                continue
            ready, _ = self._ray.wait(list(self._running), timeout=TICK_SECONDS)
            for reference in ready:
                waiting.extend(self._take(reference, self._running.pop(reference)))
            self._recorder.ticked()

    def _take(self, reference: Any, one: Attempt) -> list[Attempt]:
        """Tell the outcome; what has to be tried again comes back."""
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            if one.number <= self._options.retries:
                return [one.again()]
            return self._end(one.given_up(" ".join(str(error.cause or error).split())))
        except self._ray.exceptions.RayError as error:
            # Ray has tried as often as it was told to.
            reason = " ".join(str(error).split())[:300]
            return self._end(one.failed(f"its Ray worker died or took too long: {reason}"))
        if "unusable" in answer:
            raise getattr(errors, answer["error_class"], HighlightrError)(answer["unusable"])
        outcome = from_plain(JobResult, answer, "a job's result")
        if outcome.state == "busy":
            return [one.later()]
        self._recorder.finished(replace(outcome, attempts=one.number))
        return []

    def _end(self, failed: JobResult) -> list[Attempt]:
        self._output_dir.sweep()
        self._recorder.finished(failed)
        return []


def _resources(ray: Any, device: str) -> tuple[str, dict[str, float]]:
    """The device that tasks run on, and what each asks of its node."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    cores = max((node.get("CPU", 0) for node in nodes), default=0)
    gpus = any(node.get("GPU", 0) >= 1 for node in nodes)
    if device == "cuda" and not gpus:
        raise ConfigError("no node of the Ray cluster offers a GPU; use --device cpu, or add such nodes")
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"no device {device!r}; there are auto, cpu, cuda")
    wanted = {"num_cpus": float(min(CORES_PER_WORKER, max(cores, 1)))}
    return ("cuda", {**wanted, "num_gpus": 1.0}) if gpus and device != "cpu" else ("cpu", wanted)


def _do(root: str, settings: str, device: str, token: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """One job, on whichever node Ray chose."""
    if not OutputDir(Path(root)).shows(token):
        node = socket.gethostname()
        words = f"the node {node} does not see the output folder {root}; choose one that all nodes share"
        return {"unusable": words, "error_class": "ConfigError"}
    work = _work(root, settings, device)
    try:
        return asdict(work(Job(**job)))
    except ModelsUnusableError as error:
        return {"unusable": str(error.__cause__), "error_class": type(error.__cause__).__name__}
    except Exception:
        # Nothing of what was in memory is to be trusted: the next task loads the models again.
        _work.cache_clear()
        raise


@cache
def _work(root: str, settings: str, device: str) -> JobRunner:
    """What does jobs in this Ray worker, made once; Ray sees it die where one has had its time."""
    return JobRunner(OutputDir(Path(root)), BatchOptions(**json.loads(settings)), device)
