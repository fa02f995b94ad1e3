"""A preset judged on a folder: the figures are those of its scorer on every example."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.datasets import open_dataset, plain
from highlightr.evaluation import Case, evaluate_cases, find_protocol
from highlightr.export.feature_files.extract import ExtractOptions, extract_to_files
from highlightr.model_loader import models
from highlightr.pipeline import Highlighter
from highlightr.scorers import ScorerContext, create_scorer
from highlightr.training.evaluate_preset import evaluate_preset
from highlightr.zoo import Preset, ScorerChoice, ScorerUse, load_preset
from tests.mediamaker import make_video
from tests.training import moments

CHOICE = ScorerChoice("cfsum", {**moments.SCORER, **moments.REGULARISED}, None, 3)
SMALL = Preset("small", "for tests", 1.0, ("clip",), "minilm", {"cfsum": CHOICE}, ScorerUse("cfsum", "cfsum"))


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "open_text_encoder", lambda name, device: moments.FakeText())
    return moments.moments_folder(tmp_path / "data", videos=6)


def test_the_figures_are_those_of_the_scorer(data: Path) -> None:
    told: list[tuple[float, float]] = []
    report = evaluate_preset(SMALL, data, progress=lambda stage, done, total: told.append((done, total)))
    scorer = create_scorer("cfsum", CHOICE.config, ScorerContext(random_seed=3))
    encoder = moments.FakeText()
    cases = [
        Case.of(example.item, scorer.score(example.features(), encoder.encode(str(example.item.query)), ()).values)
        for example in open_dataset("charades", data)
    ]
    assert report.metrics == evaluate_cases(find_protocol("moments"), cases).metrics
    assert set(report.metrics) == {"hit@1", "map"}
    assert [row.name for row in report.rows] == ["predictions", "random", "position prior", "oracle"]
    assert told[-1] == (12, 12)


def test_what_cannot_be_used_is_counted(data: Path) -> None:
    (data / "features" / "v0.npz").unlink()
    with pytest.raises(ConfigError, match=r"2 of 12 items cannot be used .*--allow-missing"):
        evaluate_preset(SMALL, data)
    report = evaluate_preset(SMALL, data, allow_missing=True)
    assert report.num_cases == 10
    assert all("(10 of 12 items)" in row.name for row in report.rows)
    assert any(note.startswith("2 could not be used: 0, 1; the first:") for note in report.notes)


def test_mistakes_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no preset named"):
        evaluate_preset("nothing", data)
    with pytest.raises(ConfigError, match="unknown protocol"):
        evaluate_preset(SMALL, data, "nothing")
    with pytest.raises(ConfigError, match=r"moments\.jsonl"):
        evaluate_preset(SMALL, tmp_path)
    with pytest.raises(ConfigError, match="--model goes with --preset clip"):
        evaluate_preset(replace(SMALL, extractors=("motion",)), data, model="ViT-L-14/openai")
    mute = replace(SMALL, text=None)
    with pytest.raises(ConfigError, match="names no text encoder"):
        evaluate_preset(mute, data)


def test_another_model_takes_the_place_of_the_presets_own(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Preset] = []

    def load(preset: Preset, *_: object, **__: object) -> None:
        opened.append(preset)
        raise ConfigError("far enough")

    monkeypatch.setattr("highlightr.training.evaluate_preset.load_models", load)
    with pytest.raises(ConfigError, match="far enough"):
        evaluate_preset("clip", data, model="ViT-L-14/openai")
    assert opened[0].model == "ViT-L-14/openai"
    assert opened[0].text == "open-clip"


def test_features_that_the_scorer_cannot_use_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot do without 'efficientnet_lite0'"):
        evaluate_preset("lite", moments.moments_folder(tmp_path, videos=2))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two videos with a CSV beside them."""
    folder = tmp_path_factory.mktemp("own")
    for name in ("a", "b"):
        make_video(folder / f"{name}.mp4", seconds=4)
    rows = ["file,start_seconds,stop_seconds,query", "a.mp4,0,2,a beep", "a.mp4,2,4,a cat", "b.mp4,1,3,a beep"]
    (folder / "moments.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


def test_videos_with_moments_are_scored_as_for_a_summary(own: Path) -> None:
    report = evaluate_preset("lite", own)
    assert report.num_cases == 3
    highlighter = Highlighter.from_preset("lite", device="cpu")
    cases = [
        Case.of(item.on(analysis.scores.grid), analysis.scores.values)
        for item in plain(own).items
        for analysis in [highlighter.analyse(item.path, item.query)]
    ]
    assert report.metrics == evaluate_cases(find_protocol("moments"), cases).metrics


@pytest.mark.parametrize("file_format", ["npz", "npy", "h5"])
def test_what_extract_wrote_gives_the_same_without_the_videos(own: Path, tmp_path: Path, file_format: str) -> None:
    preset = load_preset("lite")
    options = ExtractOptions(clip_seconds=preset.clip_seconds, device="cpu", format=file_format)
    extract_to_files(sorted(own.glob("*.mp4")), preset.extractors, tmp_path / "features", options)
    (tmp_path / "moments.csv").write_bytes((own / "moments.csv").read_bytes())
    report = evaluate_preset("lite", tmp_path)
    assert (report.num_cases, report.notes) == (3, ())
    assert report.metrics == evaluate_preset("lite", own).metrics


def test_a_video_that_cannot_be_read_is_told(own: Path, tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes((own / "a.mp4").read_bytes())
    (tmp_path / "b.mp4").write_bytes(b"no video")
    (tmp_path / "moments.csv").write_bytes((own / "moments.csv").read_bytes())
    with pytest.raises(ConfigError, match=r"1 of 3 items cannot be used \(b\.mp4#a beep; the first: .*--allow-missing"):
        evaluate_preset("lite", tmp_path)
    report = evaluate_preset("lite", tmp_path, allow_missing=True)
    assert report.num_cases == 2
    assert all("(2 of 3 items)" in row.name for row in report.rows)
    assert any(note.startswith("1 could not be used: b.mp4#a beep; the first:") for note in report.notes)


def test_a_moment_behind_the_end_of_its_video_is_a_hole(own: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes((own / name).read_bytes())
    (tmp_path / "moments.csv").write_text((own / "moments.csv").read_text() + "b.mp4,9,10,a cat\na.mp4,9,10,a cat\n")
    with pytest.raises(
        ConfigError, match=r"2 of 5 .*line 6, .*line 5; the first: begins at 9 s, and a\.mp4 ends at 4 s"
    ):
        evaluate_preset("lite", tmp_path)
    assert evaluate_preset("lite", tmp_path, allow_missing=True).num_cases == 3


def test_holes_are_the_same_whether_videos_or_their_features_are_judged(own: Path, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes((own / name).read_bytes())
    (tmp_path / "other.mp4").write_bytes(b"")
    rows = "gone.mp4,0,1,a beep\na.mp4,3,1,a cat\n"
    (tmp_path / "moments.csv").write_text((own / "moments.csv").read_text() + rows)
    refusal = r"2 of 5 items cannot be used \(moments\.csv, line (5, moments\.csv, line 6|6, gone\.mp4)"
    for extracted in (False, True):
        if extracted:
            options = ExtractOptions(clip_seconds=1.0, device="cpu")
            extract_to_files(
                [tmp_path / "a.mp4", tmp_path / "b.mp4"], load_preset("lite").extractors, tmp_path, options
            )
        with pytest.raises(ConfigError, match=refusal):
            evaluate_preset("lite", tmp_path)
        notes = evaluate_preset("lite", tmp_path, allow_missing=True).notes
        assert any(note.startswith("2 could not be used: ") for note in notes)
        passed_over = "1 were passed over: other.mp4; the first: no row of the CSV that can be used names it"
        assert (passed_over in notes) is not extracted


def test_a_silent_video_lacks_its_sound_and_nothing_else(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=3, sound=False)
    preset = load_preset("lite")
    extract_to_files([video], preset.extractors, tmp_path, ExtractOptions(clip_seconds=1.0, device="cpu"))
    (tmp_path / "moments.csv").write_text("file,start_seconds,stop_seconds,query\na.mp4,0,2,a beep\n")
    assert evaluate_preset("lite", tmp_path).num_cases == 1


@pytest.mark.realdata
def test_the_shipped_preset_answers_queries_about_real_videos(real_data: Path, tmp_path: Path) -> None:
    """It was trained on these videos, so this says that it runs as trained, not how good it is."""
    # One query of seventy: all 2,785 take minutes.
    queries = (real_data / "charades_clip" / "moments.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "moments.jsonl").write_text("".join(queries[::70]), encoding="utf-8")
    (tmp_path / "features").symlink_to(real_data / "charades_clip" / "features", target_is_directory=True)
    report = evaluate_preset("cfsum-charades", tmp_path)
    assert report.num_cases == 40
    prior = next(row for row in report.rows if row.name == "position prior")
    assert report.metrics["hit@1"] > prior.metrics["hit@1"] + 15
    assert report.metrics["map"] > prior.metrics["map"] + 10
