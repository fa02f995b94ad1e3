"""Own videos end to end: made videos and a CSV become a preset folder, and every command runs it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.types import Features, TimeGrid
from highlightr.datasets.base import Item
from highlightr.media.ffmpeg import ffmpeg_path
from highlightr.training import config, own
from highlightr.training.own import cross_selected_scores, train_own
from highlightr.training.own_data import LabelledItem, folds_of
from highlightr.training.own_fits import moved_map, ridge_map
from highlightr.zoo import load_preset, store
from tests.cli.run import Run
from tests.features.backbones.hub import use_small_model, write_small_model

SIZE = "320x180:r=10"


def made(path: Path, first: int) -> Path:
    """12 s: test bars, a fractal for 4 s from `first` on, test bars."""
    graph = (
        f"smptebars=s={SIZE}:d={first}[a];mandelbrot=s={SIZE.replace(':r=10', '')}:r=10,trim=0:4[b];"
        f"smptebars=s={SIZE}:d={8 - first}[c];[a][b][c]concat=n=3,format=yuv420p[v]"
    )
    encode = ("-map", "[v]", "-map", "0:a", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest")
    tone = ("-f", "lavfi", "-i", "sine=d=12")
    subprocess.run([ffmpeg_path(), "-v", "error", *tone, "-filter_complex", graph, *encode, str(path)], check=True)
    return path


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    starts = {"a.mp4": 2, "b.mp4": 4, "c.mp4": 6, "d.mp4": 3}
    for name, first in starts.items():
        made(folder / name, first)
    rows = "".join(f"{name},{first},{first + 4},1\n{name},0,{first},0.1\n" for name, first in starts.items())
    (folder / "scores.csv").write_text("file,start_seconds,stop_seconds,score\n" + rows)
    return folder


def moments(folder: Path, source: Path, count: int) -> Path:
    """The same videos with queries instead."""
    folder.mkdir()
    starts = {"a.mp4": 2, "b.mp4": 4, "c.mp4": 6, "d.mp4": 3}
    rows = [f"{name},{first},{first + 4},a colourful fractal" for name, first in list(starts.items())[:count]]
    for name in list(starts)[:count]:
        (folder / name).symlink_to(source / name)
    (folder / "moments.csv").write_text("file,start_seconds,stop_seconds,query\n" + "\n".join(rows) + "\n")
    return folder


def test_scores_become_a_preset_that_every_command_runs(
    videos: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trained = run("train", "--config", "own", "--data", videos, "--out", "mine")
    assert trained.code == 0, trained.err
    for word in ("linear CFSum, own", "zeroshot", "oracle", "each video held out once: 4 videos"):
        assert word in trained.out
    assert sorted(path.name for path in Path("mine").iterdir()) == [
        "own-no-query.safetensors",
        "preset.yaml",
        "report.json",
    ]
    (kind,) = json.loads(Path("mine/report.json").read_text())["kinds"]
    figures = {row["name"]: row["metrics"]["map"] for row in kind["rows"]}
    assert figures["linear CFSum, own"] > figures["zeroshot"]
    assert kind["kept"] == "own-no-query"
    assert "mine" in run("presets").out
    assert "cfsum-linear" in run("models", "describe", "mine").out
    judged = run("evaluate", "--preset", "mine", "--data", videos, "--json")
    assert json.loads(judged.out)["metrics"]["map"] > 90
    cut = run("summarize", videos / "a.mp4", "--preset", "mine", "--duration", "4", "-o", "cut.mp4")
    assert cut.code == 0, cut.err
    many = run("batch", videos / "b.mp4", "out", "--preset", "mine")
    assert many.code == 0, many.err


def test_moments_move_the_query_scorer_or_it_is_kept_and_said(videos: Path, tmp_path: Path) -> None:
    result = train_own(moments(tmp_path / "data", videos, 3), tmp_path / "mine", device="cpu")
    (kind,) = result.kinds
    assert [row.name for row in kind.rows][:3] == ["linear CFSum, own", "cfsum-lite", "zeroshot"]
    preset = load_preset(tmp_path / "mine")
    assert preset.use.no_query == "zeroshot"
    assert preset.use.query == kind.kept == ("own-query" if kind.better else "cfsum-lite")
    said = "the preset uses it" if kind.better else "the preset keeps cfsum-lite"
    assert any(said in note for note in kind.notes)
    assert any("takes 60 labelled items, and there are 3" in note for note in kind.notes)


def test_refusals_say_how_much_is_needed_and_write_nothing(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    with pytest.raises(ConfigError, match=r"at least 3 labelled videos, .*there are 2 named by rows"):
        train_own(moments(tmp_path / "two", videos, 2), out)
    with pytest.raises(ConfigError, match=r"needs one of moments\.csv and scores\.csv"):
        train_own(tmp_path, out)
    with pytest.raises(ConfigError, match="features of lite or clip"):
        train_own(videos, out, features="i3d")
    everything = moments(tmp_path / "all", videos, 3)
    rows = [f"{name},0,60,everything" for name in ("a.mp4", "b.mp4", "c.mp4")]
    (everything / "moments.csv").write_text("file,start_seconds,stop_seconds,query\n" + "\n".join(rows) + "\n")
    with pytest.raises(ConfigError, match=r"there are 0 left .*labels name some of their clips and not all"):
        train_own(everything, out)
    assert not out.exists()
    out.mkdir()
    (out / "preset.yaml").write_text("")
    with pytest.raises(OutputError, match="holds a preset already"):
        train_own(videos, out)


def test_a_preset_folder_takes_no_weights_from_elsewhere(tmp_path: Path) -> None:
    text = "name: x\nsummary: x\nclip_seconds: 1.0\nextractors: [motion]\ntext: null\n"
    (tmp_path / "preset.yaml").write_text(text + "scorer: {name: cfsum-linear, weights: ../a.safetensors}\n")
    with pytest.raises(ConfigError, match="without a path"):
        load_preset(tmp_path)


def test_which_learned_scorer_counts_is_chosen_on_other_videos() -> None:
    labels = np.array([1.0, 0, 0, 0], dtype=np.float32)
    items = [
        LabelledItem(
            Item(f"{video}#q", video, "q", TimeGrid(4.0, 1.0), labels, labels[:, None].astype(float), group=video),
            Features(TimeGrid(4.0, 1.0), {}),
            (),
            None,
            {},
        )
        for video in "abc"
    ]
    right, wrong = np.array([3.0, 2, 1, 0]), np.array([0.0, 1, 2, 3])
    learned = {"steady": [right, right, wrong], "lucky": [wrong, wrong, right]}
    folds = [{"a"}, {"b"}, {"c"}]
    chosen = cross_selected_scores(items, learned, folds)
    # a: steady and lucky are equal on b and c, and the first is taken; c: steady is right on both others
    assert [list(each) for each in chosen] == [list(right), list(right), list(wrong)]


def test_folds() -> None:
    assert folds_of(["a", "b", "c"]) == [{"a"}, {"b"}, {"c"}]
    names = [str(i) for i in range(12)]
    assert len(folds_of(names)) == 5
    assert sorted(video for fold in folds_of(names) for video in fold) == sorted(names)


@pytest.mark.parametrize("count", [3, 50])
def test_ridge_is_the_same_from_either_side_and_a_move_starts_at_the_map(count: int) -> None:
    rng = np.random.default_rng(0)
    rows, targets = rng.standard_normal((count, 9)), rng.standard_normal((count, 2))
    direct = np.linalg.solve(rows.T @ rows + 0.5 * np.eye(9), rows.T @ targets)
    assert ridge_map(rows, targets, 0.5) == pytest.approx(direct)
    start = rng.standard_normal((9, 2))
    assert moved_map(start, rows, targets, 1e9) == pytest.approx(start, abs=1e-5)
    assert moved_map(start, rows, rows @ start, 0.1) == pytest.approx(start, abs=1e-5)


@pytest.fixture
def _two_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the full network learns does not matter here; that it is trained for every fold, judged and written does."""
    real = config.load_config
    monkeypatch.setattr(config, "load_config", lambda name: real(name).changed({"epochs": 2}))


@pytest.mark.slow
@pytest.mark.usefixtures("_two_epochs")
def test_on_clips_features_with_random_weights(
    videos: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a query a linear map of them is tried; with one the full network alone, and that is said."""
    pytest.importorskip("open_clip")
    pytest.importorskip("lightning")
    use_small_model(monkeypatch)
    weights = write_small_model(tmp_path)
    monkeypatch.setattr(store, "hub_file", lambda name: weights)
    monkeypatch.setattr(own, "load_preset", lambda name: load_preset(name, model="small"))
    monkeypatch.chdir(tmp_path)
    command = ("train", "--config", "own", "--features", "clip", "--device", "cpu", "--json")
    trained = run(*command, "--data", videos, "--out", "scored")
    assert trained.code == 0, trained.err
    (kind,) = json.loads(trained.out)["kinds"]
    assert [row["name"] for row in kind["rows"]][:2] == ["linear CFSum, own", "zeroshot"]
    monkeypatch.setattr(own, "MANY_ITEMS", 3)
    asked = run(*command, "--data", moments(tmp_path / "data", videos, 3), "--out", "asked")
    assert asked.code == 0, asked.err
    (kind,) = json.loads(asked.out)["kinds"]
    assert [row["name"] for row in kind["rows"]][:3] == ["full CFSum, own", "cosine", "zeroshot"]
    assert any("nothing linear to fit" in note for note in kind["notes"])
    for name, options in (("scored", ()), ("asked", ("--query", "a colourful fractal"))):
        made = ("summarize", videos / "a.mp4", "--preset", name, "--duration", "4", "-o", f"{name}.mp4")
        cut = run(*made, *options)
        assert cut.code == 0, cut.err


@pytest.mark.slow
@pytest.mark.usefixtures("_two_epochs")
def test_with_many_labels_the_full_network_is_tried_beside_the_linear_one(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lightning")
    monkeypatch.setattr(own, "MANY_ITEMS", 3)
    for source in (videos, moments(tmp_path / "data", videos, 3)):
        (kind,) = train_own(source, tmp_path / f"mine-{source.name}", device="cpu").kinds
        names = ["linear CFSum, own", "full CFSum, own", "own, chosen on the others"]
        assert [row.name for row in kind.rows][:3] == names
        assert load_preset(tmp_path / f"mine-{source.name}").measured
