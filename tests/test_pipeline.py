"""The whole way, on the demo video: the right shot for a query, through Python."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from highlightr import Highlighter, Summary
from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.selection import SelectionOptions, select_segments


@pytest.fixture(scope="module")
def highlighter() -> Highlighter:
    return Highlighter.from_preset("lite", device="cpu")


@pytest.fixture(scope="module")
def truth(demo: Path) -> dict[str, tuple[float, float]]:
    shots = json.loads(demo.with_suffix(".shots.json").read_text())["shots"]
    return {shot["name"]: (shot["start_seconds"], shot["stop_seconds"]) for shot in shots}


@pytest.fixture(scope="module")
def cat(highlighter: Highlighter, demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    output = tmp_path_factory.mktemp("out") / "cat.mp4"
    return highlighter.summarize(demo, query="a cat", duration_seconds=8.0, output=output)


def test_the_query_chooses_its_shot(cat: Summary, truth: dict[str, tuple[float, float]]) -> None:
    start, stop = truth["cat"]
    assert cat.segments
    for segment in cat.segments:
        assert start - 0.05 <= segment.start_seconds < segment.stop_seconds <= stop + 0.05
    assert any("cat" in reason.label for reason in cat.segments[0].reasons)


@pytest.mark.parametrize(
    ("query", "shot"), [("a cup of coffee", "coffee"), ("a rocket on a launch pad", "rocket")], ids=["coffee", "rocket"]
)
def test_other_queries_find_theirs(
    query: str, shot: str, highlighter: Highlighter, demo: Path, truth: dict[str, tuple[float, float]]
) -> None:
    scores = highlighter.analyse(demo, query).scores
    best = float(scores.grid.centers()[int(np.argmax(scores.values))])
    assert truth[shot][0] <= best < truth[shot][1]


def test_every_cut_of_the_demo_is_found(cat: Summary, truth: dict[str, tuple[float, float]]) -> None:
    found = [shot.start_seconds for shot in cat.shots]
    for start, _ in truth.values():
        assert min(abs(start - time) for time in found) <= 0.1, (start, found)


@pytest.mark.slow
def test_the_boundary_network_finds_them_too(
    highlighter: Highlighter, demo: Path, truth: dict[str, tuple[float, float]]
) -> None:
    found = [shot.start_seconds for shot in highlighter.analyse(demo, detector="transnetv2").shots]
    for start, _ in truth.values():
        assert min(abs(start - time) for time in found) <= 0.1, (start, found)


def test_without_a_query_something_happens_in_what_is_chosen(
    highlighter: Highlighter, demo: Path, truth: dict[str, tuple[float, float]]
) -> None:
    scores = highlighter.analyse(demo).scores
    centers = scores.grid.centers()
    eventful = np.zeros(len(centers), dtype=bool)
    for name in ("rocket", "astronaut", "motorcycle", "street", "bicycle"):
        eventful |= (centers >= truth[name][0]) & (centers < truth[name][1])
    assert scores.values[eventful].mean() > scores.values[~eventful].mean()


def test_the_summary_says_what_it_is(cat: Summary) -> None:
    assert set(cat.outputs) == {"video", "receipt", "report"}
    assert all(path.stat().st_size > 0 for path in cat.outputs.values())
    assert cat.query == "a cat"
    assert cat.preset == "lite"
    assert {"extract", "shots", "score", "select", "cut", "report"} <= set(cat.timings_seconds)
    assert json.loads(cat.outputs["receipt"].read_text()) == cat.receipt


def test_the_same_call_gives_the_same_result(highlighter: Highlighter, demo: Path, cat: Summary) -> None:
    again = highlighter.analyse(demo, "a cat")
    np.testing.assert_array_equal(again.scores.values, cat.scores.values)
    assert again.shots == cat.shots


def test_an_output_that_exists_is_noticed_before_any_work(highlighter: Highlighter, demo: Path, cat: Summary) -> None:
    with pytest.raises(OutputError, match="overwrite"):
        highlighter.summarize(demo, output=cat.outputs["video"])


def test_a_misspelt_option_names_the_known_ones(highlighter: Highlighter, demo: Path) -> None:
    with pytest.raises(ConfigError, match=r"no option named 'rato'; there are .*ratio"):
        highlighter.summarize(demo, rato=0.1)


@pytest.mark.parametrize(("preset", "query"), [("cfsum-debug", "a cat"), ("davihd-debug", None)])
def test_the_papers_scorers_run_from_video_to_summary(
    preset: str, query: str | None, demo: Path, tmp_path: Path
) -> None:
    highlighter = Highlighter.from_preset(preset, device="cpu")
    summary = highlighter.summarize(demo, query=query, output=tmp_path / "out.mp4")
    assert summary.segments
    assert "Random weights: the scores mean nothing." in summary.notes
    assert summary.receipt["marks"] == ["random weights"]
    assert "random weights" in summary.outputs["report"].read_text().lower()


def test_what_is_no_query_is_told_from_one(highlighter: Highlighter, demo: Path) -> None:
    for query in (["a cat", "a rocket"], 5):
        with pytest.raises(ConfigError, match="a query is text"):
            highlighter.summarize(demo, query)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="queries are a list of texts, got 'dog'"):
        highlighter.analyse_queries(demo, "dog")
    with pytest.raises(ConfigError, match="a query is text"):
        highlighter.analyse_queries(demo, [b"dog"])  # type: ignore[list-item]


def test_a_query_that_a_scorer_cannot_use_is_not_ignored_in_silence(demo: Path) -> None:
    analysis = Highlighter.from_preset("davihd-debug", device="cpu").analyse(demo, "a cat")
    assert "The query was ignored: davihd scores without a query." in analysis.scores.notes


def test_a_scorer_that_needs_a_query_says_so_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="preset cfsum-debug needs a query"):
        Highlighter.from_preset("cfsum-debug", device="cpu").summarize(tmp_path / "not-even-there.mp4")


@pytest.mark.parametrize("preset", ["cfsum-qvhighlights", "cfsum-tvsum", "cfsum-youtube", "davihd-tvsum"])
def test_a_preset_without_its_weights_fails_at_once_and_says_how_to_get_them(preset: str) -> None:
    with pytest.raises(WeightsError, match=rf"the weights {preset} are missing; train them with `.*` \(\d+ MB\)"):
        Highlighter.from_preset(preset, device="cpu")


def test_a_receipt_tells_what_was_not_decoded(highlighter: Highlighter, tmp_path: Path) -> None:
    video = tmp_path / "calm.mp4"
    encoding = ["-c:v", "libx264", "-g", "25", "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-threads", "1"]
    run_ffmpeg(["-f", "lavfi", "-i", "testsrc=size=128x96:rate=25", "-t", "6", *encoding, "-y", str(video)])

    def unseen(query: str | None, **options: str) -> list[list[float]]:
        made = highlighter.summarize(video, query, overwrite=True, output=tmp_path / "out.mp4", **options)
        spans: list[list[float]] = made.receipt["settings"]["unseen"]
        return spans

    assert unseen("a test pattern") == [[0.0, 5.0]]
    assert unseen("a test pattern", analysis="exact") == []
    assert unseen(None) == []  # Without query and sound, movement scores, which shows in every picture.


def _talk(path: Path) -> Path:
    """Two scenes with sound; what is said stands nowhere."""
    scenes = "testsrc2=size=160x120:rate=25:duration=6[a];mandelbrot=size=160x120:rate=25,trim=duration=6[b]"
    video = f"{scenes};[a][b]concat=n=2,format=yuv420p"
    sound = ["-f", "lavfi", "-i", "sine=frequency=300:duration=12", "-f", "lavfi", "-i", video]
    run_ffmpeg([*sound, "-map", "1:v", "-map", "0:a", "-c:v", "libx264", "-threads", "1", "-y", str(path)])
    return path


@pytest.mark.parametrize("query", ["a test picture", None])
def test_where_nothing_is_said_scores_segments_and_frames_are_those_of_pictures_and_sound(
    query: str | None, highlighter: Highlighter, tmp_path: Path
) -> None:
    video = _talk(tmp_path / "talk.mp4")
    options = {"duration_seconds": 5.0, "cut": "exact", "overwrite": True}
    plain = highlighter.summarize(video, query, output=tmp_path / "plain.mp4", subtitles="none", **options)
    analysis = highlighter.analyse(video, query)
    models = highlighter._models
    scores = models.scorer_for(query).score(analysis.features, models.encode(query), analysis.shots)
    wanted = SelectionOptions(duration_seconds=5.0)
    segments = select_segments(scores, analysis.shots, wanted, analysis.features, answering=query is not None)
    np.testing.assert_array_equal(plain.scores.values, scores.values)
    assert plain.scores.match == scores.match
    spans = [(each.start_seconds, each.stop_seconds, each.score, each.reasons) for each in plain.segments]
    assert spans == [(each.start_seconds, each.stop_seconds, each.score, each.reasons) for each in segments]
    frames = _frames(plain.outputs["video"])
    for text in (None, "1\n00:30:00,000 --> 00:30:02,000\nOf another video.\n", "no subtitles"):
        if text is not None:
            video.with_suffix(".en.srt").write_text(text, encoding="utf-8")
        other = highlighter.summarize(video, query, output=tmp_path / "other.mp4", **options)
        np.testing.assert_array_equal(other.scores.values, plain.scores.values)
        assert other.segments == plain.segments and _frames(other.outputs["video"]) == frames
        assert ("are not used" in " ".join(other.notes)) == (text is not None)


def _frames(video: Path) -> list[str]:
    """A digest of every picture."""
    listed = video.with_suffix(".framemd5")
    run_ffmpeg(["-i", str(video), "-map", "0:v", "-f", "framemd5", "-y", str(listed)])
    return [line.split(",")[-1] for line in listed.read_text().splitlines() if not line.startswith("#")]


def test_scores_do_not_depend_on_where_features_lie(
    highlighter: Highlighter, demo: Path, cat: Summary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("highlightr.core.large_arrays.LARGEST_IN_MEMORY_BYTES", 0)
    again = highlighter.analyse(demo, "a cat")
    assert again.features.streams["imagenet"].base is not None  # In a file, as those of a long video are.
    np.testing.assert_array_equal(again.scores.values, cat.scores.values)
    assert again.scores.reasons == cat.scores.reasons
