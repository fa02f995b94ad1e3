from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import load_file

import highlightr.export.feature_files.extract as files_module
from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.core.types import FloatArray
from highlightr.datasets.arrays import locate
from highlightr.export.feature_files import stores
from highlightr.export.feature_files.extract import ExtractOptions, VideoResult, extract_to_files, videos_in
from highlightr.export.feature_files.layouts import FORMATS, data_path

from .conftest import write_video

NAMES = ["motion", "logmel"]
"""Extractors without weights: a signal and streams, from pictures and sound."""


def run(videos: list[Path], out: Path, names: list[str] | None = None, **options: Any) -> tuple[VideoResult, ...]:
    return extract_to_files(
        videos, names or NAMES, out, ExtractOptions(**{"clip_seconds": 1.0, "device": "cpu", **options})
    )


def contents(path: Path, video: str) -> dict[str, FloatArray]:
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return {name: item[()] for name, item in file[video].items()}
    if path.suffix == ".npz":
        return dict(np.load(path, allow_pickle=False))
    if path.suffix == ".npy":
        return {"features": np.load(path, allow_pickle=False)}
    return dict(load_file(path))


@pytest.mark.parametrize("format", FORMATS)
def test_streams_and_signals_are_written_and_read_back(tmp_path: Path, video: Path, format: str) -> None:
    (result,) = run([video], tmp_path / "out", format=format)
    assert (result.state, result.num_clips, result.error) == ("written", 5, None)
    assert {"motion", "novelty", "audio_dynamics", "logmel"} <= set(result.written)
    mel = contents(result.written["audio_dynamics"], video.stem)
    assert mel["features"].shape == (5, 4)
    assert mel["features"].dtype == np.float32
    assert mel["features"][:, 0].argmax() == 2
    signal = contents(result.written["logmel"], video.stem)
    assert signal["values"].shape == (len(signal["times_seconds"]), 128)


@pytest.mark.parametrize(("format", "pattern"), [
    ("npz", "audio_dynamics_features/{video}.npz"), ("npy", "audio_dynamics/{video}.npy"), ("h5", "audio_dynamics.h5")
])  # fmt: skip
def test_the_trainers_reader_takes_them(tmp_path: Path, video: Path, format: str, pattern: str) -> None:
    (result,) = run([video], tmp_path, ["logmel"], format=format)
    names = {"video": video.stem, "key": video.stem}
    source = locate(tmp_path, pattern, names)
    assert source.shape() == (5, 4)
    np.testing.assert_array_equal(source.read(), contents(result.written["audio_dynamics"], video.stem)["features"])


def test_the_trainers_reader_takes_a_signal(tmp_path: Path, video: Path) -> None:
    run([video], tmp_path, ["logmel"], format="npy")
    source = locate(tmp_path, "logmel/{video}.npz", {"video": video.stem, "key": video.stem})
    times = source.times()
    assert times is not None
    assert source.read().shape == (len(times), 128)


@pytest.mark.parametrize(("format", "stream", "expected"), [
    ("npz", "slowfast", "slowfast_features/v.npz"),
    ("npz", "clip", "clip_features/v.npz"),
    ("npz", "cnn14", "pann_features/v.npz"),
    ("npy", "i3d_rgb", "video/v_rgb.npy"),
    ("npy", "i3d_flow", "video/v_opt.npy"),
    ("npy", "cnn14", "audio/v.npy"),
    ("h5", "inception-yt8m", "inception-yt8m.h5"),
    ("safetensors", "r3d34", "r3d34/v.safetensors"),
])  # fmt: skip
def test_published_layouts_have_their_published_names(tmp_path: Path, format: str, stream: str, expected: str) -> None:
    assert data_path(tmp_path, format, stream, "v") == tmp_path / expected


STORES = ("npz", "h5")
"""A file each, and all in one: what does not depend on how an array becomes a file is the same in the other layouts."""


@pytest.mark.parametrize("format", STORES)
def test_metadata_say_how_a_file_was_made(tmp_path: Path, video: Path, format: str) -> None:
    (result,) = run([video], tmp_path / "out", ["inception-imagenet"], format=format, random_seed=7)
    path = result.written["inception-imagenet"]
    about = json.loads(path.with_name(path.name + ".json").read_text(encoding="utf-8"))
    about = about[video.stem] if format == "h5" else about
    assert (about["extractor"], about["stream"], about["width"], about["num_clips"]) == (
        "inception-imagenet",
        "inception-imagenet",
        1024,
        5,
    )
    assert about["random_seed"] == 7
    assert about["note"] == "random weights: the numbers mean nothing"
    assert about["arrays"] == {"features": [5, 1024]}
    assert about["video"]["name"] == video.name
    assert about["clip_seconds"] == 1.0
    assert "plain projection" in about["protocol"]
    assert {"highlightr", "torch", "av"} <= set(about["versions"])
    assert str(tmp_path) not in json.dumps(about)


def test_embedded_weights_are_named_with_their_hash(tmp_path: Path, video: Path) -> None:
    (result,) = run([video], tmp_path / "out", ["yamnet"])
    path = result.written["yamnet"]
    (weights,) = json.loads(path.with_name(path.name + ".json").read_text())["weights"]
    assert len(weights["sha256"]) == 64
    assert weights["licence"].startswith("Apache-2.0")


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Which extractors each decode pass was for."""
    passes: list[list[str]] = []
    real = files_module.extract

    def counted(source: Any, grid: Any, extractors: Any, **options: Any) -> Any:
        passes.append([one.name for one in extractors])
        return real(source, grid, extractors, **options)

    monkeypatch.setattr(files_module, "extract", counted)
    return passes


@pytest.mark.parametrize("format", FORMATS)
class TestSkipping:
    def test_what_is_done_is_not_done_again(
        self, tmp_path: Path, video: Path, format: str, decodes: list[list[str]]
    ) -> None:
        run([video], tmp_path / "out", ["motion"], format=format)
        (again,) = run([video], tmp_path / "out", ["motion"], format=format)
        assert again.state == "skipped"
        assert set(again.kept) >= {"motion", "novelty"}
        (more,) = run([video], tmp_path / "out", ["motion", "logmel"], format=format)
        assert decodes == [["motion"], ["logmel"]]
        assert set(more.written) == {"audio_dynamics", "logmel"}
        (forced,) = run([video], tmp_path / "out", ["motion"], format=format, overwrite=True)
        assert forced.state == "written"

    def test_what_was_made_otherwise_is_made_anew(
        self, tmp_path: Path, video: Path, format: str, decodes: list[list[str]]
    ) -> None:
        run([video], tmp_path / "out", ["logmel"], format=format)
        (longer,) = run([video], tmp_path / "out", ["logmel"], format=format, clip_seconds=2.0)
        assert longer.num_clips == 3
        assert contents(longer.written["audio_dynamics"], video.stem)["features"].shape == (3, 4)
        write_video(video, seconds=4)
        (other,) = run([video], tmp_path / "out", ["logmel"], format=format, clip_seconds=2.0)
        assert other.state == "written"
        assert len(decodes) == 3

    def test_what_lacks_sound_is_on_record(
        self, tmp_path: Path, silent: Path, format: str, decodes: list[list[str]]
    ) -> None:
        (result,) = run([silent], tmp_path / "out", ["motion", "logmel"], format=format)
        assert result.absent == ("audio_dynamics", "logmel")
        assert "audio_dynamics" not in result.written
        (again,) = run([silent], tmp_path / "out", ["motion", "logmel"], format=format)
        assert again.state == "skipped"
        assert len(decodes) == 1


@pytest.mark.parametrize("format", STORES)
def test_random_and_other_seeds_differ(tmp_path: Path, video: Path, format: str) -> None:
    states = [
        run([video], tmp_path / "out", ["inception-imagenet"], format=format, random_seed=seed)[0].state
        for seed in (0, 0, 1)
    ]
    assert states == ["written", "skipped", "written"]


@pytest.mark.parametrize("format", ["npz", "npy", "safetensors"])
def test_a_damaged_file_is_made_again(tmp_path: Path, video: Path, format: str) -> None:
    (result,) = run([video], tmp_path / "out", ["logmel"], format=format)
    path = result.written["audio_dynamics"]
    good = path.read_bytes()
    path.write_bytes(good[:-9])
    (again,) = run([video], tmp_path / "out", ["logmel"], format=format)
    assert again.state == "written"
    assert path.read_bytes() == good


def test_damaged_metadata_only_mean_work(tmp_path: Path, video: Path) -> None:
    (result,) = run([video], tmp_path / "out", ["logmel"])
    note = result.written["audio_dynamics"].with_name(result.written["audio_dynamics"].name + ".json")
    note.write_text("[" * 5000)
    assert run([video], tmp_path / "out", ["logmel"])[0].state == "written"


def test_h5_merges_no_more_than_it_knows_of_another_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run ends while another one writes a video that the merge has not seen."""
    about = {"stream": "motion", "kind": "stream"}
    ends, goes_on = stores.open_store(tmp_path, "h5"), stores.open_store(tmp_path, "h5")
    merge = stores._Hdf5._merge

    def merge_meanwhile(self: Any, path: Path, notes: list[Path]) -> None:
        merge(self, path, notes)
        goes_on.put(about, "late", {"features": np.ones((2, 1), np.float32)})

    ends.put(about, "early", {"features": np.zeros((2, 1), np.float32)})
    monkeypatch.setattr(stores._Hdf5, "_merge", merge_meanwhile)
    ends.close()
    monkeypatch.undo()
    goes_on.close()
    with h5py.File(tmp_path / "motion.h5") as file:
        assert set(file) == {"early", "late"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["motion.h5", "motion.h5.json"]


def test_h5_runs_merge_one_after_the_other(tmp_path: Path) -> None:
    def run_of(letter: str) -> None:
        for number in range(5):
            store = stores.open_store(tmp_path, "h5")
            store.put({"stream": "motion", "kind": "stream"}, f"{letter}{number}", {"features": np.zeros((9, 1))})
            store.close()

    threads = [threading.Thread(target=run_of, args=(letter,)) for letter in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with h5py.File(tmp_path / "motion.h5") as file:
        assert set(file) == {f"{letter}{number}" for letter in "abc" for number in range(5)}


def test_h5_keeps_earlier_videos_and_merges_what_a_crash_left(
    tmp_path: Path, video: Path, silent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run([video], out, ["motion"], format="h5")
    monkeypatch.setattr("highlightr.export.feature_files.stores._Hdf5.close", lambda _self: None)
    run([silent], out, ["motion"], format="h5")
    with h5py.File(out / "motion.h5") as file:
        assert set(file) == {video.stem}
    monkeypatch.undo()
    (result,) = run([silent], out, ["motion"], format="h5")
    assert result.state == "skipped"
    with h5py.File(out / "motion.h5") as file:
        assert set(file) == {video.stem, "silent"}
    assert not (out / ".pending").exists()
    assert not list(out.glob(".*"))


def test_a_video_that_fails_does_not_stop_the_others(tmp_path: Path, video: Path, broken: Path) -> None:
    bad, missing, good = run([broken, tmp_path / "gone.mp4", video], tmp_path / "out", ["motion"])
    assert bad.state == missing.state == "failed"
    assert "broken.mp4" in (bad.error or "")
    assert "gone.mp4" in (missing.error or "")
    assert good.state == "written"


@pytest.mark.skipif(os.name != "posix", reason="names of bytes")
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_name_that_no_group_can_have_fails_alone(tmp_path: Path, video: Path, overwrite: bool) -> None:
    """It lay among what waits to be merged, and no run could merge anything any more."""
    odd = tmp_path / os.fsdecode(b"b\xff.mp4")
    odd.write_bytes(video.read_bytes())
    failed, made = run([odd, video], tmp_path / "out", format="h5", overwrite=overwrite)
    assert (failed.state, made.state) == ("failed", "written")
    assert "names in HDF5 are UTF-8" in str(failed.error)
    assert contents(tmp_path / "out/motion.h5", video.stem)["features"].shape == (5, 2)
    assert [each.state for each in run([odd, video], tmp_path / "out")] == ["written", "written"]


@pytest.mark.parametrize(("format", "longest"), [("npz", 246), ("h5", 246), ("safetensors", 238)])
def test_a_name_too_long_for_its_files_fails_alone_before_it_is_decoded(
    tmp_path: Path, video: Path, format: str, longest: int
) -> None:
    """Its metadata lie in NAME.FORMAT.json, and file systems hold 255 bytes."""
    videos = [
        video,
        *(video.with_name(f"{letter * count}.mp4") for letter, count in (("b", longest), ("c", longest + 1))),
    ]
    for path in videos[1:]:
        path.symlink_to(video)
    told: list[str] = []
    options = ExtractOptions(format=format, clip_seconds=1.0, device="cpu")  # type: ignore[arg-type]
    results = extract_to_files(
        videos, ["logmel"], tmp_path / "out", options, progress=lambda stage, *_: told.append(stage)
    )
    assert [each.state for each in results] == ["written", "written", "failed"]
    assert str(results[2].error).endswith(f": too long a name for its feature files; rename it, to {longest} bytes")
    assert f"extract {videos[2].name}" not in told


def test_progress_is_told_in_seconds_of_video(tmp_path: Path, video: Path) -> None:
    told: list[tuple[str, float, float]] = []
    extract_to_files([video], ["motion"], tmp_path / "out", progress=lambda *step: told.append(step))
    assert {stage for stage, _, _ in told} == {f"extract {video.name}"}
    assert told[-1][1] == told[-1][2] == pytest.approx(5.0, abs=0.2)


def test_rows_per_second_are_the_other_way_to_say_clip_length(tmp_path: Path, video: Path) -> None:
    (result,) = extract_to_files([video], ["motion"], tmp_path, ExtractOptions(fps=4.0, device="cpu"))
    assert result.num_clips == 20
    assert ExtractOptions().row_seconds == 2.0
    with pytest.raises(ConfigError, match="give either fps or clip_seconds"):
        ExtractOptions(fps=1.0, clip_seconds=1.0)


@pytest.mark.parametrize(("options", "message"), [
    ({"format": "csv"}, "no format 'csv'; there are npz, npy, h5, safetensors"),
    ({"fps": 0.0}, "fps must lie between 0.001 and 100, got 0.0"),
    ({"clip_seconds": float("nan")}, "clip_seconds must lie between 0.01 and 3600, got nan"),
    ({"fps": 1e9}, "fps must lie between 0.001 and 100, got 1000000000.0"),
])  # fmt: skip
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ExtractOptions(**options)


def test_calls_that_cannot_work_are_refused_before_any_work(tmp_path: Path, video: Path) -> None:
    with pytest.raises(ConfigError, match="no extractors were named"):
        extract_to_files([video], [], tmp_path)
    with pytest.raises(ConfigError, match="no videos were given"):
        run([], tmp_path)
    with pytest.raises(ConfigError, match="unknown extractor 'vgg'"):
        run([video], tmp_path, ["vgg"])
    with pytest.raises(ConfigError, match="motion and motion both make"):
        run([video], tmp_path, ["motion", "motion"])
    with pytest.raises(ConfigError, match="i3d and i3d-rgb both make 'i3d_rgb'"):
        run([video], tmp_path, ["i3d", "i3d-rgb"], random_seed=0)
    with pytest.raises(ConfigError, match=r"one\.mp4 and .*one\.mkv would share their outputs"):
        run([tmp_path / "one.mp4", tmp_path / "one.mkv"], tmp_path, ["motion"])


def test_missing_weights_are_told_before_decoding(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    with pytest.raises(WeightsError, match=r"cnn14-32k are missing; run `highlightr models pull cnn14-32k` \(327 MB\)"):
        run([video], tmp_path / "out", ["cnn14"])


def test_an_output_that_cannot_be_made_is_told(tmp_path: Path, video: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"):
        run([video], tmp_path / "out", ["motion"])


def test_videos_in_a_folder_are_found_by_suffix(tmp_path: Path) -> None:
    folder = tmp_path / "-videos"
    folder.mkdir()
    for name in ("b.MP4", "a.webm", "notes.txt"):
        (folder / name).write_bytes(b"")
    assert [path.name for path in videos_in(folder)] == ["a.webm", "b.MP4"]
    (folder / "a.summary.mp4").write_bytes(b"")
    (folder / "reel.mp4").write_bytes(b"")
    assert [path.name for path in videos_in(folder)] == ["a.summary.mp4", "a.webm", "b.MP4", "reel.mp4"]
    (folder / "a.summary.json").write_text('{"schema_version": "1.0"}')
    (folder / "reel.json").write_text('{"schema_version": 2, "outputs": {"video": "reel.mp4"}}')
    assert [path.name for path in videos_in(folder)] == ["a.webm", "b.MP4"], "summaries lie there, too"
    assert videos_in(folder / "reel.mp4") == (folder / "reel.mp4",)
    assert videos_in(folder / "notes.txt") == (folder / "notes.txt",)
    with pytest.raises(ConfigError, match="no video or folder at"):
        videos_in(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no videos in"):
        videos_in(tmp_path / "empty")


def test_weights_from_the_store_are_on_record(tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way: a published-looking checkpoint is imported, the extractor opens it, the file names its hash."""
    import hashlib

    import torch

    from highlightr.features.backbones.r3d34_net import ResNet3D34
    from highlightr.zoo.installer import import_file

    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    checkpoint = tmp_path / "resnet-34-kinetics.pth"
    state = {f"module.{name}": tensor for name, tensor in ResNet3D34("A").state_dict().items()}
    torch.save({"state_dict": state | {"module.fc.weight": torch.zeros(400, 512)}, "epoch": 1}, checkpoint)
    import_file(checkpoint, "r3d34-kinetics400")
    (result,) = run([video], tmp_path / "out", ["r3d34"])
    path = result.written["r3d34"]
    about = json.loads(path.with_name(path.name + ".json").read_text())
    assert about["random_seed"] is None
    assert "note" not in about
    assert about["weights"][0]["sha256"] == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
