"""The output folder: claims, marks and records, and what is removed of the dead."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from highlightr.batch import Job
from highlightr.batch.output_dir import OutputPlace, Record
from highlightr.core.errors import OutputError

JOB = Job("/videos/a.mp4", "a cat", "deep/a.mp4/a-cat-12345678")


@pytest.fixture
def place(tmp_path: Path) -> OutputPlace:
    made = OutputPlace(tmp_path / "out")
    made.prepare()
    return made


def record_of(place: OutputPlace, key: str = "key") -> Record:
    return Record(key, {"job": asdict(JOB)}, place.sizes(JOB), (0, 50, 100), ((0.25, 0.5),), "cGljdHVyZQ==")


def write_outputs(place: OutputPlace, text: str = "text") -> None:
    for path in place.outputs(JOB).values():
        path.write_text(text)


def test_what_is_finished_is_remembered_with_its_sizes(place: OutputPlace) -> None:
    with place.claim(JOB) as mine, place.begun(JOB):
        assert mine
        assert place.whole(JOB) is None
        write_outputs(place)
        place.finish(JOB, record_of(place))
    assert place.whole(JOB) == record_of(place)
    place.outputs(JOB)["receipt"].write_text("cut")
    assert place.whole(JOB) is None
    assert place.record(JOB.id) == Record(**{**vars(record_of(place)), "sizes": dict.fromkeys(place.outputs(JOB), 4)})


def test_a_job_is_claimed_once(place: OutputPlace) -> None:
    with place.claim(JOB) as first, OutputPlace(place.root).claim(JOB) as second:
        assert (first, second) == (True, False)
    with place.claim(JOB) as again:
        assert again


def test_a_failure_removes_what_it_wrote_and_empty_folders(place: OutputPlace) -> None:
    with pytest.raises(RuntimeError), place.claim(JOB), place.begun(JOB):
        write_outputs(place)
        raise RuntimeError
    assert [path.name for path in place.root.iterdir()] == [".highlightr"]


def test_a_second_beginning_replaces_the_first_record(place: OutputPlace) -> None:
    with place.begun(JOB):
        write_outputs(place)
        place.finish(JOB, record_of(place))
    with place.begun(JOB):
        assert place.record(JOB.id) is None
        write_outputs(place, "longer text")
        place.finish(JOB, record_of(place, "other"))
    record = place.whole(JOB)
    assert record is not None
    assert record.key == "other"


@pytest.mark.parametrize("replaced", [False, True])
def test_an_earlier_result_stays_until_it_is_replaced(replaced: bool, place: OutputPlace) -> None:
    with place.begun(JOB):
        write_outputs(place)
        place.finish(JOB, record_of(place))
    for last in (False, True):
        with pytest.raises(RuntimeError), place.claim(JOB), place.begun(JOB):
            if replaced and last:
                place.outputs(JOB)["video"].write_text("a new one")
            raise RuntimeError
    place.sweep()
    assert place.sizes(JOB) == ({} if replaced else dict.fromkeys(place.outputs(JOB), 4))
    assert place.whole(JOB) is None


def test_files_that_no_batch_made_are_left_alone(place: OutputPlace) -> None:
    folder = place.folder(JOB)
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text("the user's")
    for _ in range(2):
        with pytest.raises(OutputError, match="exists already, and no batch made it"), place.begun(JOB):
            pass
        place.sweep()
    assert (folder / "summary.json").read_text() == "the user's"


def test_sweeping_takes_what_the_dead_left_and_nothing_else(place: OutputPlace) -> None:
    other = Job("/videos/b.mp4", None, "b.mp4")
    state = place.root / ".highlightr"
    for job in (JOB, other):
        folder = place.folder(job)
        (folder / ".highlightr-abc.partial").mkdir(parents=True)
        (folder / ".highlightr-abc.partial" / "output.mp4").write_text("half")
        (folder / "summary.mp4").write_text("of the dead")
        (folder / "notes.txt").write_text("the user's")
        (state / "began" / job.id).write_text(json.dumps({"folder": job.folder}))
        (state / "done" / ".highlightr-def.partial").mkdir(exist_ok=True)
        (state / "fetched" / job.id).mkdir(parents=True)
        (state / "fetched" / job.id / "v.mp4").write_text("half")
    with place.claim(other):  # This one is alive.
        (place.folder(other) / ".highlightr-new.partial").mkdir()
        OutputPlace(place.root).sweep()
        assert (place.folder(other) / ".highlightr-new.partial").is_dir()
    assert [path.name for path in place.folder(JOB).iterdir()] == ["notes.txt"]
    assert not (state / "done" / ".highlightr-def.partial").exists()
    assert not (state / "fetched" / JOB.id).exists()


def test_a_mark_cannot_lead_out_of_the_folder(place: OutputPlace, tmp_path: Path) -> None:
    (tmp_path / "summary.mp4").write_text("the user's")
    began = place.root / ".highlightr" / "began"
    for folder in ("..", "deep/../..", str(tmp_path)):
        (began / Job("", None, folder).id).write_text(json.dumps({"folder": folder}))
        (began / "0123").write_text(json.dumps({"folder": folder}))
    (began / "4567").write_text("{")
    place.sweep()
    assert (tmp_path / "summary.mp4").read_text() == "the user's"


@pytest.mark.parametrize("text", ["", "[]", '{"key": "k"}', '{"key": "k", "bands": 3, "curve": 1}', "\xff"])
def test_a_damaged_record_counts_as_none(text: str, place: OutputPlace) -> None:
    (place.root / ".highlightr" / "done" / JOB.id).write_text(text, encoding="latin-1")
    assert place.record(JOB.id) is None


@pytest.mark.parametrize("name", ["index.html", "results.jsonl"])
def test_a_folder_with_a_page_of_the_users_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("the user's")
    for _ in range(2):
        with pytest.raises(OutputError, match="exists already, and no batch made it"):
            OutputPlace(tmp_path).prepare()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder"):
        OutputPlace(tmp_path / "file" / "out").prepare()


def test_another_folder_does_not_show_the_token(place: OutputPlace, tmp_path: Path) -> None:
    other = OutputPlace(tmp_path / "other")
    other.prepare()
    assert place.shows(place.token())
    assert not other.shows(place.token())
    assert other.token() != place.token()
    assert not OutputPlace(tmp_path / "nowhere").shows(place.token())
