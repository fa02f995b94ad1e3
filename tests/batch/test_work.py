"""The work on one job: what its key stands for, what is remembered, and how a worker ends itself."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from highlightr.batch import BatchOptions, Job, plan_jobs, run_batch, work
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.work import JobRunner
from highlightr.core.errors import NoMatchError, OutputError
from highlightr.core.types import Segment
from highlightr.pipeline import Highlighter

JOB = Job("/videos/a.mp4", None, "a.mp4")


@pytest.fixture
def output_dir(tmp_path: Path) -> OutputDir:
    made = OutputDir(tmp_path / "out")
    made.prepare()
    return made


def key(output_dir: OutputDir, options: dict[str, Any], job: Job = JOB, digest: str = "12") -> str:
    return JobRunner(output_dir, BatchOptions(**options))._key(job, {"hash": digest})


def test_the_key_changes_with_all_that_a_result_depends_on(
    output_dir: OutputDir, options: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other_preset = tmp_path / "other.yaml"
    other_preset.write_text(Path(options["preset"]).read_text().replace("clip_seconds: 1.0", "clip_seconds: 0.5"))
    keys = [
        key(output_dir, options),
        key(output_dir, options, digest="34"),
        key(output_dir, options, Job("/videos/a.mp4", "a cat", "a.mp4")),
        key(output_dir, {**options, "preset": str(other_preset)}),
        key(output_dir, {**options, "summarize": {"ratio": 0.2}}),
        key(output_dir, {**options, "summarize": {"copy": True}}),
        key(output_dir, options, Job("/videos/a.mp4", None, "a.mp4", options={"duration": 5})),
        key(output_dir, {**options, "scorer": "debug"}),
        key(output_dir, {**options, "precision": "bf16"}),
    ]
    monkeypatch.setattr(work, "__version__", "99")
    keys.append(key(output_dir, options))
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_change_with_what_makes_no_difference(
    output_dir: OutputDir, options: Any, tmp_path: Path
) -> None:
    same_preset = tmp_path / "same.yaml"
    same_preset.write_text(Path(options["preset"]).read_text().replace("summary: ", "summary: Other words. "))
    assert {
        key(output_dir, options),
        key(output_dir, options, Job("/elsewhere/b.mp4", None, "b.mp4")),
        key(output_dir, {**options, "preset": str(same_preset)}),
        key(output_dir, options, Job("/videos/a.mp4", None, "a.mp4", options={"max_seconds": 20.0})),
        key(output_dir, {**options, "workers": 7, "retries": 3, "cache": True, "stall_seconds": 5.0}),
        key(output_dir, {**options, "summarize": {"max_seconds": 20.0, "mode": "moments", "detector": "cheap"}}),
    } == {key(output_dir, options)}


def test_the_key_follows_the_content_of_weights_beside_the_preset(
    output_dir: OutputDir, options: Any, tmp_path: Path
) -> None:
    text = Path(options["preset"]).read_text().replace("random_seed: 0", "weights: own.safetensors")
    folders = [tmp_path / name for name in ("one", "moved")]
    for folder in folders:
        folder.mkdir()
        (folder / "preset.yaml").write_text(text)
        (folder / "own.safetensors").write_bytes(b"first")
    first, moved = (key(output_dir, {**options, "preset": str(folder)}) for folder in folders)
    runner = JobRunner(output_dir, BatchOptions(**{**options, "preset": str(folders[0])}))
    (folders[0] / "own.safetensors").write_bytes(b"again")  # Trained anew, into the same folder.
    assert moved == first
    assert key(output_dir, {**options, "preset": str(folders[0])}) != first
    assert runner._key(JOB, {"hash": "12"}) == first, "this one has loaded what was there before"


def test_subtitles_that_change_during_the_work_are_read_by_the_next_run(
    output_dir: OutputDir, videos: Path, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = videos / "b.srt"
    beside.write_text("1\n00:00:00,000 --> 00:00:02,000\nThe first words\n")
    (job,) = plan_jobs([videos / "b.mp4"], output_dir.root)
    summarize = Highlighter.summarize

    def summarize_and_edit(*arguments: Any, **keywords: Any) -> Any:
        summary = summarize(*arguments, **keywords)
        beside.write_text("1\n00:00:00,000 --> 00:00:02,000\nOther words that came later\n")
        return summary

    monkeypatch.setattr(Highlighter, "summarize", summarize_and_edit)
    assert JobRunner(output_dir, BatchOptions(**options))(job).state == "done"
    monkeypatch.undo()
    assert JobRunner(output_dir, BatchOptions(**options))(job).state == "done"
    assert "later" in output_dir.outputs(job)["srt"].read_text()
    assert JobRunner(output_dir, BatchOptions(**options))(job).state == "kept"


def test_what_the_index_shows_is_remembered(output_dir: OutputDir, videos: Path, options: Any) -> None:
    (job,) = plan_jobs([videos / "b.mp4"], output_dir.root)
    outcome = JobRunner(output_dir, BatchOptions(**options))(job)
    assert outcome.state == "done", outcome.error
    record = output_dir.whole(job)
    assert record is not None
    assert record.key == outcome.key
    assert len(record.curve) == 3
    assert all(0 <= value <= 100 for value in record.curve)
    assert sum(length for _, length in record.bands) == pytest.approx(
        outcome.summary_seconds / outcome.video_seconds, abs=1e-3
    )
    assert base64.b64decode(record.poster).startswith(b"\xff\xd8")


def test_a_missing_picture_is_no_failure() -> None:
    for segments, stills in (((), ()), ((Segment(0.0, 1.0, 0.5),), (b"",))):
        assert work._poster(SimpleNamespace(segments=segments, stills=stills)) == ""  # type: ignore[arg-type]


def test_marks_that_a_note_explains_are_not_repeated() -> None:
    assert work._notes(["random weights"], ["Random weights: the scores mean nothing."]) == (
        "Random weights: the scores mean nothing.",
    )
    assert work._notes(["random weights"], ["A weak match."]) == ("random weights", "A weak match.")


def test_a_worker_that_hangs_without_a_parent_ends_itself() -> None:
    # The pattern takes for ever and holds the interpreter's lock meanwhile: no thread of Python's could end it.
    program = (
        "import re\nfrom highlightr.batch.time_limit import TimeLimit\n"
        "with TimeLimit(None, 0.5).ending_this_process():\n    re.match('(a+)+$', 'a' * 60 + 'b')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "Timeout" in done.stderr


def test_what_strict_does_not_find_is_no_failure(
    output_dir: OutputDir, options: Any, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> tuple[str, ...]:
        raise NoMatchError("nothing in this video seems to be 'a zebra'")

    monkeypatch.setattr("highlightr.selection.options.selection_notes", absent)
    (job,) = plan_jobs([videos / "a.mp4"], output_dir.root)
    result = JobRunner(output_dir, BatchOptions(**options))(job)
    assert (result.state, result.error) == ("no_match", None)
    assert result.notes == ("nothing in this video seems to be 'a zebra'",)
    assert not list(output_dir.root.rglob("*.summary.*"))


@pytest.mark.parametrize("name", ["began", "locks", "done"])
def test_what_cannot_be_written_in_the_hidden_folder_is_told_of_the_output_folder(
    output_dir: OutputDir, options: Any, videos: Path, name: str
) -> None:
    (output_dir.root / ".highlightr" / name).rmdir()
    (output_dir.root / ".highlightr" / name).touch()
    (job,) = plan_jobs([videos / "a.mp4"], output_dir.root)
    result = JobRunner(output_dir, BatchOptions(**options))(job)
    assert result.state == "failed"
    assert str(result.error).startswith(f"{output_dir.root}: ")
    assert ".highlightr" not in str(result.error)
    with pytest.raises(OutputError, match=f"^{output_dir.root}: cannot be written"):
        run_batch([job], output_dir.root, BatchOptions(**options))
