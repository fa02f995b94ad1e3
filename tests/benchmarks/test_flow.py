"""What the benchmark of optical flow compares before it times."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import flow
from benchmarks.plain_models import plain_flow
from highlightr.features.engines.source import NetworkSource
from tests.mediamaker import made


def test_backends_are_those_that_were_asked_for_and_agree_with_torchvision() -> None:
    source = NetworkSource("test", "cpu", None, 0)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 128, 130, 3), dtype=np.uint8)
    plain = plain_flow(source, 2)
    for backend in ("torch", "openvino"):
        if backend == "openvino":
            pytest.importorskip("openvino")
        ours = flow.opened(source, backend, updates=2)
        assert ours._pairs.backend == backend
        found = flow.compare({"torchvision": lambda: plain(pictures), backend: lambda ours=ours: ours(pictures)})
        assert found["torchvision"] == 0
        assert 0 < found[backend] < 1e-4


def test_nothing_is_timed_that_differs() -> None:
    ways = {"torchvision": lambda: np.ones(3), "other": lambda: np.full(3, 1.01)}
    with pytest.raises(SystemExit, match="not the same flow"):
        flow.compare(ways)


@pytest.mark.slow
def test_a_whole_comparison(tmp_path: Path) -> None:
    video = made("flow.mp4", seconds=1.0)
    flow.main([str(video), "--frames", "2", "--rounds", "1", "--json", str(tmp_path / "flow.json")])
    figures = json.loads((tmp_path / "flow.json").read_text())
    assert figures["pairs"] == 1
    assert list(figures["ways"]) == ["torchvision", *flow.BACKENDS]
