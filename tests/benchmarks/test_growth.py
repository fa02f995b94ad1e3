"""Growth by hand: exponents, the table's verdict, rows that are kept, and a picture that is drawn to scale."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import growth
from benchmarks.growth import FULL, QUERIES, Row, exponent, growth_table, query
from benchmarks.growth_picture import growth_svg
from tests.mediamaker import made


def _row(series: str, size: float, wall: float, peak: float = 700.0) -> Row:
    return Row(series, size, wall, peak, 0.0)


def test_linear_time_has_the_exponent_one() -> None:
    assert exponent(_row(FULL, 10, 60), _row(FULL, 100, 600)) == pytest.approx(1.0)
    assert exponent(_row(FULL, 10, 60), _row(FULL, 100, 6000)) == pytest.approx(2.0)
    assert exponent(_row(FULL, 10, 60), _row(FULL, 100, 60)) == pytest.approx(0.0)


def test_the_table_compares_rows_of_one_series_and_judges_the_memory() -> None:
    table = growth_table([_row(FULL, 1, 10), _row(FULL, 10, 100), _row(QUERIES, 1, 5)])
    assert "| as given | 10 min | 100.0 | 10.00 | 1.00 | 700 |" in table
    assert "| 10 min, scores | 1 queries | 5.0 | 5.00 |  | 700 |" in table
    assert "700 MiB; at most 1229: kept." in table
    assert "NOT kept" in growth_table([_row(FULL, 1, 10, 1300.0)])


def test_queries_differ() -> None:
    assert len({query(number) for number in range(100)}) == 100


def test_linear_growth_is_drawn_at_45_degrees() -> None:
    root = ElementTree.fromstring(growth_svg({"wall & time": {"a": [(1, 3), (10, 30), (100, 300)]}}))
    points = next(each for each in root.iter() if each.tag.endswith("polyline")).attrib["points"].split()
    (x0, y0), _, (x1, y1) = (map(float, point.split(",")) for point in points)
    assert x1 - x0 == pytest.approx(y0 - y1, abs=0.2)
    assert "wall & time" in {each.text for each in root.iter()}


def test_rows_that_are_kept_are_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "growth.json"
    kept.write_text(json.dumps({"rows": [vars(_row(FULL, 1, 10))]}))
    monkeypatch.setattr(growth, "measure", lambda series, size, *_: _row(series, size, 10 * size))
    places = ["--table", str(tmp_path / "t.md"), "--svg", str(tmp_path / "g.svg")]
    growth.main(["video.mp4", "--series", FULL, "--sizes", "1", "2", "--json", str(kept), *places])
    assert [(row["size"], row["wall_seconds"]) for row in json.loads(kept.read_text())["rows"]] == [(1, 10), (2, 20)]
    assert len(re.findall("<circle", (tmp_path / "g.svg").read_text())) == 4
    assert "| 2 min | 20.0 | 10.00 | 1.00 |" in (tmp_path / "t.md").read_text()


@pytest.mark.slow
def test_a_whole_run(tmp_path: Path) -> None:
    video = made("growth.mp4", seconds=2.0, size=(320, 180))
    for series in (FULL, QUERIES):
        growth.main([str(video), "--series", series, "--sizes", "1", "--json", str(tmp_path / "g.json")])
    rows = json.loads((tmp_path / "g.json").read_text())["rows"]
    assert [(row["series"], row["ffmpeg_mib"] > 0) for row in rows] == [(FULL, True), (QUERIES, False)]
    assert all(row["wall_seconds"] > 0 and row["peak_mib"] > 50 for row in rows)
