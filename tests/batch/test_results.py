"""`results.jsonl`: lines that are never lost, torn or doubled; the index page made from them."""

from __future__ import annotations

import errno
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from highlightr.batch import Job, JobResult
from highlightr.batch.output_dir import JobRecord, OutputDir
from highlightr.batch.results import Results
from highlightr.core.errors import OutputError
from highlightr.core.types import Match
from tests.batch.conftest import results


@pytest.fixture
def output_dir(tmp_path: Path) -> OutputDir:
    made = OutputDir(tmp_path)
    made.prepare()
    return made


def outcome(name: str, state: str = "done", key: str | None = "k", error: str | None = None) -> JobResult:
    return JobResult(Job(f"/videos/{name}", None, name), state, key=key, error=error)  # type: ignore[arg-type]


def test_lines_are_there_at_once_and_one_per_job_afterwards(output_dir: OutputDir) -> None:
    lines = Results(output_dir)
    lines.add(outcome("b.mp4", "failed", None, "broken"))
    assert [line["error"] for line in results(output_dir.root)] == ["broken"]
    lines.add(outcome("a.mp4"))
    lines.add(outcome("b.mp4"))
    lines.close()
    assert [(line["folder"], line["state"]) for line in results(output_dir.root)] == [
        ("a.mp4", "done"),
        ("b.mp4", "done"),
    ]
    assert "2 summaries" in (output_dir.root / "index.html").read_text()


@pytest.mark.parametrize("line", ["[]", "{}", "\xff", '{"id": 3, "folder": "x", "state": "done"}', "{" * 9000])
def test_lines_that_are_not_ours_are_passed_over(line: str, output_dir: OutputDir) -> None:
    (output_dir.root / "results.jsonl").write_text(line + "\n", encoding="latin-1")
    lines = Results(output_dir)
    lines.add(outcome("a.mp4"))
    lines.close()
    assert [line["folder"] for line in results(output_dir.root)] == ["a.mp4"]


def test_a_line_with_odd_values_gets_no_card(output_dir: OutputDir) -> None:
    (output_dir.root / "results.jsonl").write_text('{"id": "1", "folder": [], "state": "done", "outputs": 3}\n')
    Results(output_dir).close()
    assert "0 summaries" in (output_dir.root / "index.html").read_text()


def test_half_a_line_of_a_run_that_was_killed_costs_that_line_alone(output_dir: OutputDir) -> None:
    Results(output_dir).add(outcome("a.mp4"))
    with (output_dir.root / "results.jsonl").open("a") as file:
        file.write('{"id": "12')
    lines = Results(output_dir)
    lines.add(outcome("b.mp4"))
    lines.close()
    assert [line["folder"] for line in results(output_dir.root)] == ["a.mp4", "b.mp4"]


def test_what_was_kept_is_not_written_again_unless_its_line_was_lost(output_dir: OutputDir) -> None:
    first = Results(output_dir)
    first.add(outcome("a.mp4"))
    before = (output_dir.root / "results.jsonl").read_text()
    second = Results(output_dir)
    second.add(outcome("a.mp4", "kept"))
    assert (output_dir.root / "results.jsonl").read_text() == before
    second.add(outcome("b.mp4", "kept"))
    second.add(outcome("a.mp4", "kept", key="another"))
    assert [line["key"] for line in results(output_dir.root)] == ["k", "k", "another"]
    assert {line["state"] for line in results(output_dir.root)} == {"done"}


def test_two_writers_lose_nothing(output_dir: OutputDir) -> None:
    def write(letter: str) -> None:
        lines = Results(output_dir)
        for number in range(20):
            lines.add(outcome(f"{letter}{number:02}.mp4"))
        lines.close()

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [line["folder"] for line in results(output_dir.root)] == [f"{x}{n:02}.mp4" for x in "ab" for n in range(20)]


def test_a_full_disk_delays_lines_and_is_said_at_the_end(
    output_dir: OutputDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Results(output_dir)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", _refuse)
        lines.add(outcome("a.mp4"))
        with pytest.raises(OutputError, match=r"No space left .*; free some space, or .*, then run it again"):
            lines.close()
    lines.add(outcome("b.mp4"))
    lines.close()
    assert [line["folder"] for line in results(output_dir.root)] == ["a.mp4", "b.mp4"]


def _refuse(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_names_and_addresses_are_readable_and_tell_no_secrets(output_dir: OutputDir) -> None:
    lines = Results(output_dir)
    lines.add(JobResult(Job("/videos/\udcff.mp4", None, "\udcff.mp4"), "failed", error="\udcff: broken"))
    address = "https://me:secret@example.org/v.mp4?signature=secret"
    lines.add(JobResult(Job(address, None, "v.mp4", remote=True), "failed", error="x"))
    lines.close()
    text = (output_dir.root / "results.jsonl").read_text()
    assert "secret" not in text
    assert "secret" not in (output_dir.root / "index.html").read_text()
    assert [json.loads(line)["video"] for line in text.splitlines()] == [
        "https://example.org/v.mp4",
        "/videos/\N{REPLACEMENT CHARACTER}.mp4",
    ]


def test_lines_and_index_say_whether_the_query_was_found(output_dir: OutputDir) -> None:
    lines = Results(output_dir)
    lines.add(replace(outcome("a.mp4"), match=Match("weak", 0.4), best_title="Tabby, meow"))
    lines.add(outcome("b.mp4", "no_match", None))
    lines.close()
    first, second = results(output_dir.root)
    assert (first["match"], first["best_title"]) == ({"verdict": "weak", "probability": 0.4}, "Tabby, meow")
    assert (second["match"], second["state"]) == (None, "no_match")
    page = (output_dir.root / "index.html").read_text()
    assert "Weak match" in page
    assert "1 without a match" in page


def test_summaries_that_a_user_removed_are_not_shown_again(output_dir: OutputDir) -> None:
    names = ("removed.mp4", "without video.mp4", "other.mp4")
    lines = Results(output_dir)
    for name in names:
        done = outcome(name)
        receipt = output_dir.outputs(done.job)["receipt"]
        receipt.parent.mkdir()
        receipt.write_text("{}")
        output_dir.finish(done.job, JobRecord("k", done, output_dir.sizes(done.job)))
        lines.add(done)
    lines.close()
    assert len(results(output_dir.root)) == len(names)
    output_dir.outputs(outcome(names[0]).job)["receipt"].unlink()
    Results(output_dir).close()
    assert [line["folder"] for line in results(output_dir.root)] == sorted(names[1:])
    assert "2 summaries" in (output_dir.root / "index.html").read_text()
