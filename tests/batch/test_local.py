"""The local engine: workers that crash, hang, take too long or fill the disk lose their own video only."""

from __future__ import annotations

import os
import shutil
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from highlightr.batch import BatchOptions, BatchProgress, Job, plan_jobs, run_batch
from highlightr.core.errors import ConfigError, HighlightrError, WeightsError
from tests.batch.conftest import leftovers, results, snapshot
from tests.mediamaker import made


class Killer:
    """A watcher that sends a signal to the worker of one video, so many times, once it is past a stage."""

    def __init__(self, name: str, what: signal.Signals, times: int = 1) -> None:
        self.name, self.what, self.times = name, what, times
        self.seen: set[int] = set()

    def __call__(self, progress: BatchProgress) -> None:
        for one in progress.running.values():
            if one.job.title == self.name and one.stage and one.pid not in self.seen and len(self.seen) < self.times:
                self.seen.add(one.pid)
                os.kill(one.pid, self.what)


def alive(pid: int) -> bool:
    """Whether any process of this group is left that is not a zombie."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, group = entry.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(group) == pid and state != "Z":
            return True
    return False


def test_a_folder_becomes_summaries_results_and_an_index(videos: Path, tmp_path: Path, options: Any) -> None:
    (videos / "broken.mp4").write_bytes(b"nothing")
    boards: list[tuple[int, int, int]] = []
    result = run_batch(
        plan_jobs([videos], tmp_path / "out"),
        tmp_path / "out",
        BatchOptions(**options),
        progress=lambda progress: boards.append((progress.done, progress.failed, len(progress.running))),
    )
    assert {one.job.title: one.state for one in result.outcomes} == {
        "a.mp4": "done",
        "b.mp4": "done",
        "broken.mp4": "failed",
        "deep/a.mp4": "done",
    }
    (failed,) = result.failed
    assert "not a video that can be read" in str(failed.error)
    for folder, seconds in (("a", 2.0), ("b", 3.0), ("deep/a", 2.5)):
        made_here = {path.name for path in (tmp_path / "out" / folder).iterdir()}
        assert made_here == {f"{Path(folder).name}.summary.{end}" for end in ("mp4", "json", "html")}
        (line,) = [line for line in results(tmp_path / "out") if line["folder"] == folder]
        assert line["video_seconds"] == pytest.approx(seconds, abs=0.05)
        assert 0 < line["summary_seconds"] <= seconds
        assert line["notes"]
    assert not (tmp_path / "out" / "broken").exists()
    assert "3 summaries" in result.index.read_text()
    assert boards[-1] == (3, 1, 0)
    assert max(running for _, _, running in boards) == 1


@pytest.mark.parametrize("gone", ["", "a"], ids=["all", "one"])
def test_what_was_removed_meanwhile_is_not_done(gone: str, videos: Path, tmp_path: Path, options: Any) -> None:
    jobs, removed = plan_jobs([videos], tmp_path / "out"), []

    def remove(progress: BatchProgress) -> None:
        if progress.done == 2 and not removed:
            removed.append(gone)
            shutil.rmtree(tmp_path / "out" / gone)

    result = run_batch(jobs, tmp_path / "out", BatchOptions(**options), progress=remove)
    assert [one.state for one in result.outcomes].count("failed") == (1 if gone else 2)
    assert {one.error for one in result.failed} == {"its summary was removed while the batch ran; run it again"}
    assert sorted(line["state"] for line in results(tmp_path / "out")) == sorted(one.state for one in result.outcomes)
    again = run_batch(jobs, tmp_path / "out", BatchOptions(**options))
    assert not again.failed


def test_what_is_done_is_kept_and_what_changed_is_made_again(videos: Path, tmp_path: Path, options: Any) -> None:
    out, jobs = tmp_path / "out", plan_jobs([videos], tmp_path / "out")
    run_batch(jobs, out, BatchOptions(**options))
    first = snapshot(out)
    kept = run_batch(jobs, out, BatchOptions(**options, summarize={"max_seconds": 20.0, "copy": False}))
    assert [one.state for one in kept.outcomes] == ["kept"] * 3
    assert snapshot(out) == first
    shutil.copy(made("tiny.mp4", seconds=2.2, size=(160, 120)), videos / "a.mp4")
    (out / "b" / "b.summary.html").unlink()
    again = run_batch(jobs, out, BatchOptions(**options))
    assert [one.state for one in again.outcomes] == ["done", "done", "kept"]
    other = run_batch(jobs, out, BatchOptions(**options, summarize={"ratio": 0.9}))
    assert [one.state for one in other.outcomes] == ["done"] * 3
    forced = run_batch(jobs[:1], out, BatchOptions(**options, summarize={"ratio": 0.9}, overwrite=True))
    assert [one.state for one in forced.outcomes] == ["done"]
    assert len(results(out)) == 3


def test_a_worker_that_was_killed_once_is_replaced(videos: Path, tmp_path: Path, options: Any) -> None:
    jobs = plan_jobs([videos], tmp_path / "out")
    run_batch(jobs, tmp_path / "calm", BatchOptions(**options))
    killer = Killer("b.mp4", signal.SIGKILL)
    result = run_batch(jobs, tmp_path / "out", BatchOptions(**options), progress=killer)
    assert [(one.state, one.attempts) for one in result.outcomes] == [("done", 1), ("done", 2), ("done", 1)]
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "calm")
    assert leftovers(tmp_path / "out") == []
    assert not any(map(alive, killer.seen))


def test_a_video_that_crashes_its_worker_fails_alone(videos: Path, tmp_path: Path, options: Any) -> None:
    killer = Killer("b.mp4", signal.SIGSEGV, times=2)
    result = run_batch(plan_jobs([videos], tmp_path), tmp_path / "out", BatchOptions(**options), progress=killer)
    assert [one.state for one in result.outcomes] == ["done", "failed", "done"]
    (failed,) = result.failed
    assert "ended by signal 11 (SIGSEGV)" in str(failed.error)
    assert "(tried 2 times)" in str(failed.error)
    assert not (tmp_path / "out" / "b").exists()
    none = BatchOptions(**options, retries=0)
    killer = Killer("b.mp4", signal.SIGKILL)
    (failed,) = run_batch(plan_jobs([videos], tmp_path), tmp_path / "out", none, progress=killer).failed
    assert failed.attempts == 1


def test_a_worker_that_hangs_is_given_up(videos: Path, tmp_path: Path, options: Any) -> None:
    killer = Killer("a.mp4", signal.SIGSTOP)
    wanted = BatchOptions(**options, stall_seconds=5.0)
    result = run_batch(plan_jobs([videos], tmp_path), tmp_path / "out", wanted, progress=killer)
    assert [one.state for one in result.outcomes] == ["failed", "done", "done"]
    assert "no progress for 5 s: it hangs" in str(result.failed[0].error)
    assert result.failed[0].attempts == 1
    assert not any(map(alive, killer.seen))
    assert leftovers(tmp_path / "out") == []


def test_a_video_has_its_time(videos: Path, tmp_path: Path, options: Any) -> None:
    wanted = BatchOptions(**options, time_limit_seconds=0.01)
    result = run_batch(plan_jobs([videos / "a.mp4"], tmp_path), tmp_path / "out", wanted)
    assert "not done within 0.01 s" in str(result.failed[0].error)


def test_two_workers_share_the_work(videos: Path, tmp_path: Path, options: Any) -> None:
    pids: set[int] = set()
    wanted = BatchOptions(**{**options, "workers": 2})
    result = run_batch(
        plan_jobs([videos], tmp_path),
        tmp_path / "out",
        wanted,
        progress=lambda progress: pids.update(one.pid for one in progress.running.values()),
    )
    assert not result.failed
    assert len(pids) == 2
    assert not any(map(alive, pids))


def test_several_queries_of_one_video_lie_apart(videos: Path, tmp_path: Path, options: Any) -> None:
    text = Path(options["preset"]).read_text().replace("text: null", "text: minilm")
    with_text = tmp_path / "text.yaml"
    with_text.write_text(text)
    queries = tmp_path / "q.csv"
    queries.write_text("video,query\na.mp4,a dog\na.mp4,a cat\n")
    jobs = plan_jobs([videos / "a.mp4"], tmp_path / "out", queries=queries)
    run_batch(jobs, tmp_path / "out", BatchOptions(**{**options, "preset": str(with_text)}))
    lines = results(tmp_path / "out")
    assert [(line["query"], line["state"]) for line in lines] == [("a cat", "done"), ("a dog", "done")]
    assert [line["outputs"]["video"] for line in lines] == ["a/a-cat/a.summary.mp4", "a/a-dog/a.summary.mp4"]
    assert len({line["key"] for line in lines}) == 2


def test_a_full_disk_fails_what_does_not_fit(videos: Path, tmp_path: Path, options: Any, small_disk: Path) -> None:
    filled = "keyint=1:bitrate=4000:nal-hrd=cbr:vbv-maxrate=4000:vbv-bufsize=4000:filler=1"
    big = (("preset", "ultrafast"), ("x264-params", filled))
    shutil.copy(made("big.mp4", seconds=8.0, size=(640, 480), options=big), videos / "b.mp4")
    wanted = BatchOptions(**options, summarize={"ratio": 1.0, "copy": True})
    result = run_batch(plan_jobs([videos], small_disk), small_disk / "out", wanted)
    assert [one.state for one in result.outcomes] == ["done", "failed", "done"]
    assert "No space left on device" in str(result.failed[0].error)
    assert leftovers(small_disk / "out") == []
    assert not (small_disk / "out" / "b").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of 1 MiB; mounting one takes privileges."""
    import subprocess

    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no privilege to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_bad_requests_are_said_before_any_work(videos: Path, tmp_path: Path, options: Any) -> None:
    jobs = plan_jobs([videos], tmp_path)
    for wanted, words in (
        ({"preset": "nosuch"}, "no preset named 'nosuch'"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"summarize": {"ratio": 3}}, "ratio must be"),
        ({"summarize": {"output": "x"}}, "not an option of a batch"),
        ({"summarize": {"nosuch": 1}}, "no option named"),
        ({"precision": "fp8"}, "precision must be fp32"),
        ({"allow_private": "no"}, "allow_private must be True or False, got 'no'"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"retries": -1}, "retries must be"),
        ({"stall_seconds": float("nan")}, "stall_seconds must be"),
        ({"time_limit_seconds": 0}, "time_limit_seconds must be"),
        ({"engine": "spark"}, "engine must be local or ray"),
        ({"address": "auto"}, "add --engine ray"),
        ({"remote_limit_bytes": 0}, "remote_limit_bytes must be"),
    ):
        with pytest.raises(ConfigError, match=words):
            run_batch(jobs, tmp_path / "out", BatchOptions(**{**options, **wanted}))
    with pytest.raises(ConfigError, match="at least one video"):
        run_batch([], tmp_path / "out")
    with pytest.raises(ConfigError, match=r"two jobs would write to a\.mp4"):
        run_batch([Job("/x", None, "a.mp4"), Job("/y", None, "a.mp4")], tmp_path / "out")


def test_weights_that_are_missing_stop_the_batch_at_once(videos: Path, tmp_path: Path, options: Any) -> None:
    with pytest.raises(WeightsError, match="weights"):
        run_batch(plan_jobs([videos], tmp_path), tmp_path / "out", BatchOptions(**{**options, "preset": "clip"}))
    assert results(tmp_path / "out") == []


def test_workers_that_never_start_end_the_batch(
    videos: Path, tmp_path: Path, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from highlightr.batch import process

    given = process.WorkerProcess.give

    def give_when_it_has_ended(worker: process.WorkerProcess, job: Job) -> None:
        worker.exit_reason()
        given(worker, job)

    monkeypatch.setattr(process, "_PROGRAM", "raise SystemExit('no such module')")
    monkeypatch.setattr(process.WorkerProcess, "give", give_when_it_has_ended)
    with pytest.raises(HighlightrError, match=r"no worker can be started: .*status 1: no such module"):
        run_batch(plan_jobs([videos], tmp_path), tmp_path / "out", BatchOptions(**options))


def test_the_work_of_another_run_is_waited_for(videos: Path, tmp_path: Path, options: Any) -> None:
    from highlightr.batch.output_dir import OutputDir

    output_dir = OutputDir(tmp_path / "out")
    output_dir.prepare()
    jobs = plan_jobs([videos], tmp_path / "out")
    order: list[str] = []
    holding = output_dir.claim(jobs[0])
    assert holding.__enter__()

    def watch(progress: BatchProgress) -> None:
        for one in progress.running.values():
            if one.job.title not in order:
                order.append(one.job.title)
        if progress.done == 2:
            holding.__exit__(None, None, None)

    result = run_batch(jobs, tmp_path / "out", BatchOptions(**options), progress=watch)
    assert [one.state for one in result.outcomes] == ["done"] * 3


def test_outputs_of_the_user_are_left_alone(videos: Path, tmp_path: Path, options: Any) -> None:
    mine = tmp_path / "out" / "a" / "a.summary.mp4"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    result = run_batch(plan_jobs([videos], tmp_path), tmp_path / "out", BatchOptions(**options))
    assert "no batch made it" in str(result.failed[0].error)
    assert mine.read_text() == "mine"
    assert stat.S_ISREG(mine.stat().st_mode)
