"""Damaged files end in a summary or a clear error; and the instruments that say so notice when they do not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import real_data_folder
from tests.fuzz import watched
from tests.fuzz.fields import fields
from tests.fuzz.mutations import MUTATIONS
from tests.fuzz.run import GOOD, campaign, make_case, table
from tests.fuzz.seeds import CONVERTED, MADE, good_files
from tests.fuzz.watched import Bounds, WatchedChild

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children are watched through /proc")

FEW, MANY = 24, 500


@pytest.fixture(scope="module")
def origins(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return good_files(tmp_path_factory.mktemp("good"), None)


def test_the_good_files_are_good(origins: list[Path]) -> None:
    assert [path.name for path in origins] == [*MADE, *CONVERTED]
    with WatchedChild(Bounds()) as child:
        outcomes = {path.name: child.run(path) for path in origins}
    assert {name: outcome for name, outcome in outcomes.items() if outcome.kind != "summary"} == {}


def test_the_same_seed_gives_the_same_damage(origins: list[Path]) -> None:
    once, again = ([make_case(number, 3, origins) for number in range(90)] for _ in range(2))
    assert once == again
    assert {kind for _, kind, _ in once} == set(MUTATIONS)
    assert all(data != origin.read_bytes() for origin, kind, data in once if kind in ("bit flips", "truncation"))
    assert len({data for _, _, data in once}) >= 88


def test_numbers_of_headers_are_found(origins: list[Path]) -> None:
    by_name = {path.name: {field.name for field in fields(path.read_bytes())} for path in origins}
    assert {"mvhd", "tkhd", "mdhd", "stts", "stsz", "stsd", "elst"} <= by_name["plain.mp4"]
    assert {"trun", "tfhd"} <= by_name["fragments.mp4"]
    assert {"width", "height", "duration", "sample rate", "cluster time"} <= by_name["vp8.webm"]
    assert {"avih", "strh", "strf"} <= by_name["plain.avi"]
    assert by_name["plain.flv"] == {"head"}


BAD = {
    "CRASH": "import os; os.abort()",
    "HANG": "import time\nwhile True: time.sleep(1)",
    "MEMORY": "held = bytearray(300 << 20)\nimport time\nwhile True: time.sleep(1)",
    "TRACEBACK": 'print(\'{"outcome": "TRACEBACK"}\', flush=True)',
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_a_bad_end_is_noticed_and_the_next_file_gets_a_new_child(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = 'print(\'{"outcome": "ready"}\', flush=True)\ninput()\n' + BAD[kind]
    monkeypatch.setattr(watched, "CHILD", ("-c", program))
    with WatchedChild(Bounds(60.0, 200 << 20, 2.0)) as child:
        assert child.run(tmp_path / "x").kind == kind
        if kind != "TRACEBACK":  # After which the child lives on.
            assert child.run(tmp_path / "x").kind == kind


def test_a_processor_that_is_kept_busy_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = 'print(\'{"outcome": "ready"}\', flush=True)\ninput()\nwhile True: pass'
    monkeypatch.setattr(watched, "CHILD", ("-c", program))
    with WatchedChild(Bounds(seconds=0.5)) as child:
        assert child.run(tmp_path / "x").kind == "HANG"


def _campaign(count: int, seed: int, origins: list[Path], folder: Path) -> None:
    cases = list(campaign(range(count), seed, origins, folder, Bounds()))
    print(table(cases))
    assert [case for case in cases if case.outcome.kind not in GOOD] == []


def test_a_few_damaged_files(origins: list[Path], tmp_path: Path) -> None:
    _campaign(FEW, 0, origins, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_many_damaged_files(tmp_path: Path) -> None:
    real = real_data_folder()
    _campaign(MANY, 0, good_files(tmp_path, real if real.is_dir() else None), tmp_path)
