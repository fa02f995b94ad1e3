"""The output folder: claims, marks and records, and what is removed of the dead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from highlightr.batch import Job
from highlightr.batch.jobs import JobResult
from highlightr.batch.output_dir import JobRecord, OutputDir
from highlightr.core.errors import OutputError

JOB = Job("/videos/a.mp4", "a cat", "deep/a.mp4/a-cat-12345678")


@pytest.fixture
def output_dir(tmp_path: Path) -> OutputDir:
    made = OutputDir(tmp_path / "out")
    made.prepare()
    return made


def record_of(output_dir: OutputDir, key: str = "key") -> JobRecord:
    return JobRecord(key, JobResult(JOB, "done"), output_dir.sizes(JOB), (0, 50, 100), ((0.25, 0.5),), "cGljdHVyZQ==")


def write_outputs(output_dir: OutputDir, text: str = "text") -> None:
    for path in output_dir.outputs(JOB).values():
        path.write_text(text)


def test_what_is_finished_is_remembered_with_its_sizes(output_dir: OutputDir) -> None:
    with output_dir.claim(JOB) as is_held, output_dir.at_work_on(JOB):
        assert is_held
        assert output_dir.whole(JOB) is None
        write_outputs(output_dir)
        output_dir.finish(JOB, record_of(output_dir))
    assert output_dir.whole(JOB) == record_of(output_dir)
    output_dir.outputs(JOB)["receipt"].write_text("cut")
    assert output_dir.whole(JOB) is None
    assert output_dir.record(JOB.id) == JobRecord(
        **{**vars(record_of(output_dir)), "sizes": dict.fromkeys(output_dir.outputs(JOB), 4)}
    )


def test_a_job_is_claimed_once(output_dir: OutputDir) -> None:
    with output_dir.claim(JOB) as first, OutputDir(output_dir.root).claim(JOB) as second:
        assert (first, second) == (True, False)
    with output_dir.claim(JOB) as again:
        assert again


def test_a_failure_removes_what_it_wrote_and_empty_folders(output_dir: OutputDir) -> None:
    with pytest.raises(RuntimeError), output_dir.claim(JOB), output_dir.at_work_on(JOB):
        write_outputs(output_dir)
        raise RuntimeError
    assert [path.name for path in output_dir.root.iterdir()] == [".highlightr"]


def test_a_second_beginning_replaces_the_first_record(output_dir: OutputDir) -> None:
    with output_dir.at_work_on(JOB):
        write_outputs(output_dir)
        output_dir.finish(JOB, record_of(output_dir))
    with output_dir.at_work_on(JOB):
        assert output_dir.record(JOB.id) is None
        write_outputs(output_dir, "longer text")
        output_dir.finish(JOB, record_of(output_dir, "other"))
    record = output_dir.whole(JOB)
    assert record is not None
    assert record.key == "other"


def test_what_is_said_is_an_output_like_others(output_dir: OutputDir) -> None:
    folder = output_dir.folder(JOB)
    with output_dir.claim(JOB), pytest.raises(KeyboardInterrupt), output_dir.at_work_on(JOB):
        for suffix in (".srt", ".vtt", ".mp4"):
            (folder / f"{folder.name}.summary{suffix}").write_text("half of a run")
        raise KeyboardInterrupt
    assert not folder.exists()


@pytest.mark.parametrize("replaced", [False, True])
def test_an_earlier_result_stays_until_it_is_replaced(replaced: bool, output_dir: OutputDir) -> None:
    with output_dir.at_work_on(JOB):
        write_outputs(output_dir)
        output_dir.finish(JOB, record_of(output_dir))
    for last in (False, True):
        with pytest.raises(RuntimeError), output_dir.claim(JOB), output_dir.at_work_on(JOB):
            if replaced and last:
                output_dir.outputs(JOB)["video"].write_text("a new one")
            raise RuntimeError
    output_dir.sweep()
    assert output_dir.sizes(JOB) == ({} if replaced else dict.fromkeys(output_dir.outputs(JOB), 4))
    assert output_dir.whole(JOB) is None


def test_files_that_no_batch_made_are_left_alone(output_dir: OutputDir) -> None:
    folder = output_dir.folder(JOB)
    folder.mkdir(parents=True)
    output_dir.outputs(JOB)["receipt"].write_text("the user's")
    for _ in range(2):
        with pytest.raises(OutputError, match="exists already, and no batch made it"), output_dir.at_work_on(JOB):
            pass
        output_dir.sweep()
    assert output_dir.outputs(JOB)["receipt"].read_text() == "the user's"


def test_sweeping_takes_what_the_dead_left_and_nothing_else(output_dir: OutputDir) -> None:
    other = Job("/videos/b.mp4", None, "b.mp4")
    state = output_dir.root / ".highlightr"
    for job in (JOB, other):
        folder = output_dir.folder(job)
        (folder / ".highlightr-abc.partial").mkdir(parents=True)
        (folder / ".highlightr-abc.partial" / "output.mp4").write_text("half")
        output_dir.outputs(job)["video"].write_text("of the dead")
        (folder / "notes.txt").write_text("the user's")
        (state / "began" / job.id).write_text(json.dumps({"folder": job.folder}))
        (state / "done" / ".highlightr-def.partial").mkdir(exist_ok=True)
        (state / "fetched" / job.id).mkdir(parents=True)
        (state / "fetched" / job.id / "v.mp4").write_text("half")
    with output_dir.claim(other):  # This one is alive.
        (output_dir.folder(other) / ".highlightr-new.partial").mkdir()
        OutputDir(output_dir.root).sweep()
        assert (output_dir.folder(other) / ".highlightr-new.partial").is_dir()
    assert [path.name for path in output_dir.folder(JOB).iterdir()] == ["notes.txt"]
    assert not (state / "done" / ".highlightr-def.partial").exists()
    assert not (state / "fetched" / JOB.id).exists()


def test_a_mark_cannot_lead_out_of_the_folder(output_dir: OutputDir, tmp_path: Path) -> None:
    (tmp_path / f"{tmp_path.name}.summary.mp4").write_text("the user's")
    began = output_dir.root / ".highlightr" / "began"
    for folder in ("..", "deep/../..", str(tmp_path)):
        (began / Job("", None, folder).id).write_text(json.dumps({"folder": folder}))
        (began / "0123").write_text(json.dumps({"folder": folder}))
    (began / "4567").write_text("{")
    output_dir.sweep()
    assert (tmp_path / f"{tmp_path.name}.summary.mp4").read_text() == "the user's"


@pytest.mark.parametrize("text", ["", "[]", '{"key": "k"}', '{"key": "k", "bands": 3, "curve": 1}', "\xff"])
def test_a_damaged_record_counts_as_none(text: str, output_dir: OutputDir) -> None:
    (output_dir.root / ".highlightr" / "done" / JOB.id).write_text(text, encoding="latin-1")
    assert output_dir.record(JOB.id) is None


@pytest.mark.parametrize("name", ["index.html", "results.jsonl"])
def test_a_folder_with_a_page_of_the_users_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("the user's")
    for _ in range(2):
        with pytest.raises(OutputError, match="exists already, and no batch made it"):
            OutputDir(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="out: cannot be written"):
        OutputDir(tmp_path / "file" / "out").prepare()


def test_another_folder_does_not_show_the_token(output_dir: OutputDir, tmp_path: Path) -> None:
    other = OutputDir(tmp_path / "other")
    other.prepare()
    assert output_dir.shows(output_dir.token())
    assert not other.shows(output_dir.token())
    assert other.token() != output_dir.token()
    assert not OutputDir(tmp_path / "nowhere").shows(output_dir.token())
