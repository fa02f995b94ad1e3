"""The floor's arithmetic by hand, and its parts on a small video: the same inputs, the same outputs, the same spans."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import floor, floor_stages
from benchmarks.floor import filled, own_trial, ratios
from benchmarks.floor_job import Job, plain_cut, raw
from benchmarks.floor_stages import StageClock
from benchmarks.forwards import agreement, in_batches
from benchmarks.networks import Network, listening
from benchmarks.running import Spread, by_turns, extractors_of, without_cache
from highlightr import Highlighter
from highlightr.core.types import Segment
from highlightr.media import probe
from tests.mediamaker import CLOSED_GOP, made


@pytest.fixture(scope="module")
def video() -> Path:
    return made("floor.mp4", **CLOSED_GOP, seconds=3.0)


def _job(video: Path, folder: Path) -> Job:
    return Job(Highlighter.from_preset("lite", device="cpu"), probe(video), None, folder)


def test_networks_are_heard_without_being_changed(video: Path, tmp_path: Path) -> None:
    job = _job(video, tmp_path)
    extractors = extractors_of(job.models)
    before = [dict(vars(each)) for each in extractors]
    with without_cache():
        with listening(extractors) as networks:
            job.highlighter.analyse(video)
        assert [dict(vars(each)) for each in extractors] == before
        features = job.highlighter.analyse(video).features
    heard = {each.name: each for each in networks}
    assert (heard["efficientnet_lite0"].count, heard["efficientnet_lite0"].own_batch) == (3, 2)
    # Patches of 0.96 s, one every 0.48 s, and one that ends with the sound.
    assert heard["yamnet"].count == 6
    found = in_batches(heard["efficientnet_lite0"].own, heard["efficientnet_lite0"].sample, 2)
    np.testing.assert_allclose(found[:, :1280], features.streams["efficientnet_lite0"], rtol=1e-4, atol=1e-5)
    assert agreement(found, heard["efficientnet_lite0"].expected)[0] < 1e-4


def test_a_sample_is_of_one_shape() -> None:
    network = Network("windows", lambda batch: batch[:, :1])
    for frames in (5, 5, 2):
        network.heard(np.zeros((1, frames)), np.zeros((1, 3)))
    assert (network.count, network.sample.shape, network.expected.shape) == (2, (2, 5), (2, 3))


def test_inputs_go_round_until_there_are_enough() -> None:
    sizes = []

    def run(batch: np.ndarray) -> np.ndarray:
        sizes.append(len(batch))
        return batch

    assert in_batches(run, np.arange(3), 2, 8).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert sizes == [2, 1, 2, 1, 2]


def test_a_gpu_is_measured_at_the_pipelines_own_batch() -> None:
    given: list[int] = []

    def own(batch: np.ndarray) -> np.ndarray:
        given.append(len(batch))
        return batch

    network = Network("net", own, own_batch=5)
    network.heard(np.arange(4.0).reshape(2, 2), np.zeros((2, 1)))
    trial = own_trial(network)
    assert (trial.backend, trial.batch, given) == ("pipeline", 5, [5, 5])
    assert filled(network, 5).tolist() == [[0, 1], [2, 3], [0, 1], [2, 3], [0, 1]]
    assert filled(network, 1).tolist() == [[0, 1], [2, 3]]


def test_agreement_is_relative_to_the_largest_output() -> None:
    worst, correlation = agreement(
        np.array([[0.0, 2.0, 4.0], [1.0, 2.0, 3.0]]), np.array([[0.0, 2.0, 4.0], [2.0, 1.0, 3.0]])
    )
    assert worst == 0.25
    assert correlation == pytest.approx(0.5)


def test_on_a_cpu_decode_and_forwards_add_and_on_a_gpu_the_larger_counts() -> None:
    spreads = {
        "decode": Spread((4.0, 4.0)),
        "sound": Spread((1.0, 1.0)),
        "net": Spread((3.0, 3.0)),
        "cut": Spread((2.0, 2.0)),
        "pipeline": Spread((11.0, 13.0)),
    }
    found = ratios(spreads, 1.0, "cpu")
    assert (found["floor_seconds"], found["strict_floor_seconds"]) == (10.0, 9.0)
    assert (found["ratio"], found["ratio_least"], found["ratio_most"]) == (1.2, 1.1, 1.3)
    assert ratios(spreads, 1.0, "cuda")["floor_seconds"] == 7.0


def test_pieces_are_run_by_turns() -> None:
    ran: list[str] = []
    spreads = by_turns({name: lambda name=name: ran.append(name) for name in "ab"}, 2)  # type: ignore[misc]
    assert ran == ["a", "b", "a", "b"]
    assert [len(each.seconds) for each in spreads.values()] == [2, 2]


def test_the_clock_knows_stages_that_advance_in_between() -> None:
    clock = StageClock()
    for completed in (0.0, 0.4, 1.0):
        clock("extract", completed, 1.0)
    assert clock.seconds["extract"] >= 0
    assert list(clock.seconds) == ["extract"]


def test_the_plain_cut_holds_the_spans_and_the_raw_one_says_its_share(video: Path, tmp_path: Path) -> None:
    job = _job(video, tmp_path)
    segments = [Segment(0.0, 0.8, 1.0), Segment(2.0, 2.8, 1.0)]
    plain_cut(job, segments)
    assert probe(tmp_path / "plain.mp4").duration_seconds == pytest.approx(1.6, abs=0.05)
    with raw(job, segments) as (encode, share):
        encode()
    assert share == pytest.approx(1.0)
    assert probe(tmp_path / "raw.nut").video.codec == "rawvideo"


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "query"), [("lite", "a flash"), ("davihd-debug", None)])
def test_a_whole_measurement(preset: str, query: str | None, video: Path, tmp_path: Path) -> None:
    asked = ["--query", query] if query else []
    floor.main([str(video), "--preset", preset, "--rounds", "1", "--json", str(tmp_path / "floor.json"), *asked])
    figures = json.loads((tmp_path / "floor.json").read_text())
    pieces = {"decode", "sound", "efficientnet_lite0", "yamnet", "cut", "pipeline", "text" if query else "scorer"}
    assert set(figures["pieces"]) == pieces
    assert figures["ratio"] > 0
    assert sum(figures["stages"]["shares"].values()) == pytest.approx(1.0)


def test_the_threads_of_a_pass_are_told_apart(video: Path, tmp_path: Path) -> None:
    with without_cache():
        job = _job(video, tmp_path)
        with floor_stages.thread_seconds() as threads:
            summary = job.summarize()
        found = floor_stages.stages(job, None, summary.segments)
    assert {"decode-0", "extract-source_0", "extract-efficientnet_lite0_0", "extract-motion_0"} <= threads.keys()
    assert all(seconds >= 0 for seconds in threads.values())
    assert {"decode", "forward", "bare cut", "thumbnails", "rest of the pass", "rest of the cut"} <= found[
        "shares"
    ].keys()
    assert sum(found["shares"].values()) == pytest.approx(1.0)
    assert min(found["shares"].values()) >= 0
