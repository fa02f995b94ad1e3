"""Generated tables are as the code would make them, and links to the repository's files become links of the site."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from docs.generate import renewed
from docs.measured import RESULTS, block, kept
from docs.measured_rows import BACKENDS
from docs.measurements import MEASUREMENTS
from docs.snippets import ROOT, pages
from docs.tables import BLOCKS, receipt_fields, table
from highlightr.zoo.manifest import load_manifest

site = pytest.importorskip("docs.site", reason="mkdocs is not installed", exc_type=ImportError)


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_has_what_the_code_would_generate(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert renewed(text, BLOCKS) == text, "run `make docs-tables`"


def test_backends_are_called_as_the_benchmark_calls_them() -> None:
    source = (ROOT / "benchmarks" / "forwards.py").read_text(encoding="utf-8")
    assert all(f'    "{name}": ' in source for name in BACKENDS)


def test_a_stale_block_is_made_again_and_an_unknown_one_refused() -> None:
    stale = "before\n<!-- generated: floors -->\nold\n<!-- end -->\nafter"
    assert renewed(stale, {"floors": lambda: "new"}) == stale.replace("old", "new")
    with pytest.raises(KeyError):
        renewed(stale, {})


def test_a_table_keeps_bars_inside_a_cell() -> None:
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |"


def test_every_block_is_on_a_page_and_every_weight_has_its_licence() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages())
    assert not [name for name in BLOCKS if f"<!-- generated: {name} -->" not in text]
    licences = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    assert not [entry.name for entry in load_manifest().values() if entry.licence not in licences]


def test_receipt_fields_go_down_into_lists() -> None:
    assert "| `segments[].rank` | integer |" in receipt_fields()
    assert "| `match.verdict` | `strong` or `weak` or `none` |" in receipt_fields()


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_what_was_measured_says_when_where_and_how(name: str) -> None:
    result = kept(name)
    if result is None:
        assert block(result) == "Not measured yet."
        return
    assert all(len(row) == len(result["columns"]) for row in result["rows"])
    assert {"command", "day", "commit", "machine"} <= result.keys()
    assert result["commit"] in block(result)
    assert result.get("figures") or result["older"], "figures are kept, or it says that they are older"
    assert json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) == result


@pytest.mark.parametrize(
    ("name", "figures", "expected"),
    [
        (
            "realtime",
            {"rows": [_row | {"minutes": 1.0} for _row in (
                {"times_real_time": 10.0, "wall_seconds": 6.0, "decode_seconds": 2.0, "peak_mib": 300.0},
                {"times_real_time": 12.0, "wall_seconds": 5.0, "decode_seconds": 2.0, "peak_mib": 310.0},
            )]},
            [["1 min", "11.00 (10.00 to 12.00)", "2.8", "310"]],
        ),
        (
            "growth",
            {"rows": [{"series": "as given", "size": 1, "wall_seconds": 4.0, "peak_mib": 300, "ffmpeg_mib": 9}]},
            [["as given", "1 min", "4.0", "4.00", "", "300"]],
        ),
        (
            "second-query",
            {"wall_and_processor_seconds": {
                "score, first": [[20, 30]], "score, second": [[1, 1]],
                "summarize, first": [[40, 50]], "summarize, second": [[10, 9]],
            }},
            [["`score`", "20.00", "1.00", "5.0 %"], ["`summarize`", "40.00", "10.00", "25.0 %"]],
        ),
        (
            "floor",
            {"preset": "lite", "rounds": 5, "video_seconds": 10, "ratio": 1.1, "ratio_least": 1, "ratio_most": 1.2,
             "strict_ratio": 1.3, "pieces": {"pipeline": {"median_seconds": 0.5}}},
            [["`lite` (5 rounds)", "50", "1.10", "1.00 to 1.20", "1.30"]],
        ),
        (
            "plain-way",
            {"preset": "lite", "video": "a.mp4", "ratios": [3, 4, 5], "processor_ratios": [2, 2, 3]},
            [["`lite` (3 rounds)", "a.mp4", "4.00 (3.00 to 5.00)x", "2.0 to 3.0x"]],
        ),
        (
            "backends",
            {"networks": [{"network": "cnn14", "backends": [
                {"backend": "torch", "processor_seconds_per_input": 0.077}, {"backend": "OpenVINO", "cannot": "why"},
            ]}]},
            [["cnn14", "77", "", "", ""]],
        ),
        (
            "beside-others",
            {"ways": {
                "decode": {"wall_seconds": [2.0], "processor_seconds": [3.0], "peak_mib": 80,
                           "quality": {}, "failure": ""},
                "scenedetect-content": {"wall_seconds": [4.0, 6.0], "processor_seconds": [9.0, 9.0], "peak_mib": 300,
                                        "quality": {"joins": 50.0, "elsewhere": 3.0}, "failure": ""},
                "plain": {"failure": "no | torch"},
            }},
            [
                ["one ffmpeg that decodes to nothing", "2.0", "3.0", "1.00", "80", "-", "-", "-", "-"],
                ["PySceneDetect, ContentDetector", "5.0", "9.0", "2.50", "300", "50 %", "3", "-", "-"],
                ["the features and scores of `lite` by the plain way", "failed: no / torch", *[""] * 7],
            ],
        ),
        (
            "flow",
            {"pairs": 2, "ways": {"torch": {"seconds": [2, 4, 6], "processor_seconds": [3, 3, 3]}}},
            [["torch", "2000 (1000 to 3000)", "1500"]],
        ),
        (
            "scorers",
            {"results": [
                {"preset": "p", "case": "scorer", "parameters": 13_000_000, "seconds_per_1000_clips": 1},
                {"preset": "p", "case": "nn.TransformerEncoder", "parameters": 13_000_000, "seconds_per_1000_clips": 2},
            ]},
            [["`p`", "13.0 M", "1.00", "2.00"]],
        ),
    ],
)  # fmt: skip
def test_figures_become_rows(name: str, figures: dict[str, object], expected: list[list[str]]) -> None:
    assert MEASUREMENTS[name].rows(figures) == expected
    assert {len(row) for row in expected} == {len(MEASUREMENTS[name].columns)}


@pytest.mark.parametrize(
    ("folder", "here", "link", "expected"),
    [
        ("", "", "docs/usage.md#x", "usage.md#x"),
        ("", "", "models/cards/lite.md", "cards/lite.md"),
        ("docs", "", "../models/cards/lite.md", "cards/lite.md"),
        ("docs", "", "usage.md", "usage.md"),
        ("docs", "", "../CHANGELOG.md", "changelog.md"),
        ("models/cards", "cards", "yamnet.md", "yamnet.md"),
        ("models/cards", "cards", "../../docs/media.md", "../media.md"),
        ("docs", "", "../setup.py", "../setup.py"),
        ("docs", "", "https://example.org/docs/a.md", "https://example.org/docs/a.md"),
        ("docs", "", "#speed", "#speed"),
    ],
)
def test_links_follow_their_pages(folder: str, here: str, link: str, expected: str) -> None:
    assert site.linked(f"see [it]({link}).", folder, here) == f"see [it]({expected})."


def test_the_reference_has_every_command_and_no_broken_row() -> None:
    text = site.reference()
    for name in ("summarize", "models pull", "export"):
        assert f"## `highlightr {name}`" in text
    assert "--query" in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)


def test_a_bar_inside_code_inside_a_table_loses_its_backslash() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="usage.md"))
    turned = site.on_page_markdown("| `--cut exact\\|copy` | `<path>` |", page)
    assert turned == "| <code>--cut exact&#124;copy</code> | `<path>` |"
