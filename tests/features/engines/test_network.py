"""What runs a published network: the table's backend, the same numbers, and a compiled file that is used again.

CLIP, Inception and I3D are compared with their libraries from weights files, which is the compiled way, in the tests of
parity; here are those that those tests open from a seed.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file
from scipy.stats import spearmanr
from torch import nn

from highlightr.core.errors import WeightsError
from highlightr.core.files import staging_folder
from highlightr.core.sealed import write_sealed
from highlightr.core.types import TimeGrid
from highlightr.features import EXTRACTORS, extractor_class
from highlightr.features.engines import compiled, network, source
from highlightr.features.engines.compiled import clear_compiled, compiled_files
from highlightr.features.engines.network import Network
from highlightr.features.engines.onnx import Run, open_engine
from highlightr.features.engines.source import FASTEST_ON_CPU, NetworkSource, fastest_here
from tests.conftest import REPOSITORY
from tests.features.backbones.tiny import rows, small

EXAMPLE = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(autouse=True, params=["onnxruntime", "openvino"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the table names for the network of these tests."""
    pytest.importorskip(request.param)
    monkeypatch.setitem(FASTEST_ON_CPU, "means", (request.param,))  # type: ignore[arg-type]
    return str(request.param)


class Means(nn.Module):
    """Means over the second axis, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((3, 4), 2.0))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given.mean(dim=1) @ self.weight.T


def weights(folder: Path, value: float) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    save_file({"weight": torch.full((3, 4), value)}, folder / "means.safetensors")
    return {"means": folder / "means.safetensors"}


def opened(paths: dict[str, Path] | None, *, name: str = "means", **options: Any) -> Network:
    batch = options.pop("batch", 1)
    module = options.pop("module", Means)
    opening = NetworkSource("test", "cpu", paths, None if paths else 0, **options)
    return Network(opening, name, ("means",), lambda: opening.open("means", module), EXAMPLE, {1: "frames"}, batch)


def expected(given: npt.NDArray[Any], value: float) -> npt.NDArray[Any]:
    return np.repeat(value * given.mean(axis=1).sum(axis=1, keepdims=True), 3, axis=1)


def kept(home: Path) -> list[Path]:
    return sorted(home.glob("compiled/*"))


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("cnn14-16k", "openvino"),
        pytest.param("cnn14-16k", "onnxruntime", marks=pytest.mark.slow),
        ("slowfast", "openvino"),
        pytest.param("slowfast", "onnxruntime", marks=pytest.mark.slow),
        pytest.param("i3d-r50", "onnxruntime", marks=pytest.mark.slow),
        pytest.param("i3d-r50", "openvino", marks=pytest.mark.slow),
    ],
    indirect=["engine"],
)
def test_every_engine_makes_what_torch_makes(
    name: str, engine: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FASTEST_ON_CPU, name, (engine,))  # type: ignore[arg-type]
    exact: Any = small(name, 1.0)
    monkeypatch.setattr(NetworkSource, "random_in_torch", False)
    fast: Any = small(name, 1.0)
    assert (exact._network.backend, fast._network.backend) == ("torch", engine)
    for duration in (2.3, 0.4):
        streams = [rows(each, TimeGrid(duration, 1.0), 0.0, duration, 0.4) for each in (exact, fast)]
        for stream, values in streams[0].items():
            found = streams[1][stream]
            assert np.abs(found - values).max() <= 1e-3 * np.abs(values).max()
            assert min(spearmanr(one, other)[0] for one, other in zip(found, values, strict=True)) >= 0.999
    assert not kept(home), "nothing that is random is kept"


def test_a_compiled_network_is_kept_and_takes_other_lengths(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="highlightr")
    for _ in range(2):
        means = opened(weights(home.parent / "w", 3.0))
        for shape in ((2, 3, 4), (1, 3, 4), (5, 7, 4)):
            given = np.random.default_rng(1).normal(size=shape).astype(np.float32)
            np.testing.assert_allclose(means(given), expected(given, 3.0), rtol=1e-5)
    assert [record.message for record in caplog.records] == ["Preparing means for this machine, once"]
    assert len(kept(home)) == 1


def test_other_weights_and_other_inputs_are_other_networks(home: Path) -> None:
    for value in (3.0, 4.0):
        np.testing.assert_allclose(
            opened(weights(home.parent / "w", value))(EXAMPLE), expected(EXAMPLE, value), rtol=1e-5
        )
    assert len(kept(home)) == 2
    fixed = NetworkSource("test", "cpu", weights(home.parent / "w", 4.0), None)
    Network(fixed, "means", ("means",), lambda: fixed.open("means", Means), EXAMPLE)
    assert len(kept(home)) == 3, "the axis that may vary there must not vary here"


@pytest.mark.parametrize("cores", [1, 2, 3])
def test_a_batch_is_shared_out_to_the_cores_in_order(
    home: Path, engine: str, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "default_threads", lambda: cores)
    asked: list[tuple[int, int]] = []
    sizes: list[int] = []

    def watched(kind: Any, graph: Any, threads: int, calls: int, precision: Any) -> Run:
        asked.append((threads, calls))
        run = open_engine(kind, graph, threads, calls, precision)
        return lambda inputs: sizes.append(len(inputs)) or run(inputs)  # type: ignore[func-returns-value]

    monkeypatch.setattr(network, "open_engine", watched)
    means = opened(weights(home.parent / "w", 3.0), batch=2)
    sizes.clear()  # Of the comparison with torch.
    given = np.arange(60, dtype=np.float32).reshape(5, 3, 4)
    np.testing.assert_allclose(means(given), expected(given, 3.0), rtol=1e-5)
    assert sorted(sizes) == ([1] * 5 if engine == "openvino" else [5] if cores == 1 else [2, 3])
    assert asked == [(1, 1) if cores == 1 else (cores - 1, 2)], "what two shares leave over"
    assert means(given[:1]).shape == (1, 3)


def test_weights_that_are_gone_are_told(home: Path) -> None:
    paths = weights(home.parent / "w", 3.0)
    opened(paths)
    paths["means"].unlink()
    with pytest.raises(WeightsError, match=r"cannot read the weights at .*pull or import them again"):
        opened(paths)


@pytest.mark.parametrize(
    ("options", "backend"),
    [
        ({}, None),
        ({"precision": "bf16"}, "openvino" if find_spec("openvino") else "torch"),
        ({"name": "not measured"}, "torch"),
    ],
)
def test_the_table_is_for_what_was_measured(
    home: Path, engine: str, options: dict[str, Any], backend: str | None
) -> None:
    means = opened(weights(home.parent / "w", 3.0), **options)
    assert means.backend == (backend or engine)
    rounding = 0.1 if options.get("precision") else 0
    np.testing.assert_allclose(means(EXAMPLE), expected(EXAMPLE, 3.0), rtol=1e-5, atol=rounding)


def test_an_engine_that_is_not_installed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fastest_here("slowfast") == "openvino" or find_spec("openvino") is None
    monkeypatch.setattr(source, "find_spec", lambda name: None if name == "openvino" else find_spec(name))
    assert [fastest_here(name) for name in ("slowfast", "r3d34", "cnn14", "not measured")] == [
        "onnxruntime",
        "torch",
        "onnxruntime",
        "torch",
    ]


def test_random_weights_run_in_torch(home: Path) -> None:
    assert opened(None).backend == "torch"
    assert not kept(home)


def test_compiling_by_torch_hands_over_to_torch(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[nn.Module] = []
    monkeypatch.setattr(nn.Module, "compile", lambda module: asked.append(module))
    means = opened(weights(home.parent / "w", 3.0))
    means.compile()
    assert means.backend == "torch"
    assert asked == [means.module]
    np.testing.assert_allclose(means(EXAMPLE), expected(EXAMPLE, 3.0), rtol=1e-5)


def test_bfloat16_on_a_cpu_is_openvinos_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    named = ("clip-vit-b-32", "slowfast", "raft-pairs", "not measured")
    assert [fastest_here(name, "bf16") for name in named] == ["openvino", "openvino", "torch", "torch"]
    monkeypatch.setattr(source, "find_spec", lambda name: None)
    assert {fastest_here(name, "bf16") for name in named} == {"torch"}


def test_bfloat16_is_near_and_used_where_the_processor_has_it(home: Path, engine: str) -> None:
    openvino = pytest.importorskip("openvino")
    given = np.random.default_rng(1).normal(size=(3, 40, 4)).astype(np.float32)
    paths = weights(home.parent / "w", 1 / 3)
    short, again, exact = opened(paths, precision="bf16"), opened(paths, precision="bf16"), opened(paths)
    assert (short.backend, exact.backend) == ("openvino", engine)
    assert len(kept(home)) == 1, "the compiled file is that of single precision"
    np.testing.assert_allclose(exact(given), expected(given, 1 / 3), rtol=1e-5)
    np.testing.assert_allclose(short(given), exact(given), rtol=0.05, atol=0.01)
    np.testing.assert_array_equal(short(given), again(given))
    if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        assert not np.array_equal(short(given), exact(given))


def test_a_signal_after_another_thread_closed_the_network_is_only_a_signal() -> None:
    """OpenVINO gives the thread that opens the first network a stack for signals."""
    pytest.importorskip("openvino")
    program = (
        "import gc, os, signal, threading; from pathlib import Path\n"
        "from highlightr.features.engines.onnx import open_network\n"
        f"box = [open_network(Path({str(REPOSITORY / 'models/weights/yamnet.onnx')!r}), 1, 1)]\n"
        "closing = threading.Thread(target=lambda: (box.clear(), gc.collect())); closing.start(); closing.join()\n"
        "signal.signal(signal.SIGINT, lambda *_: print('told')); os.kill(os.getpid(), signal.SIGINT)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "told\n", "")


def test_the_table_names_networks_that_there_are() -> None:
    named = {name for name, place in EXTRACTORS.items() if ".backbones." in place}
    models = {f"clip-{extractor_class(name).model.lower()}" for name in ("clip", "clip-laion")}  # type: ignore[attr-defined]
    parts = {"raft-frames", "raft-pairs"}
    assert set(FASTEST_ON_CPU) - {"means"} <= named | models | parts
    # Those that have no network, one of another name, one of the caller's choice, or one that was not measured.
    others = {"clip", "clip-classes", "clip-laion", "davihd-mel", "i3d", "open-clip", "transnetv2"}
    assert (named | models) - others <= set(FASTEST_ON_CPU)


def test_a_kept_network_runs_without_torch(home: Path, engine: str) -> None:
    paths = weights(home.parent / "w", 3.0)
    opened(paths)
    program = (
        "import sys; import numpy as np; from pathlib import Path\n"
        "from highlightr.features.engines.network import Network\n"
        "from highlightr.features.engines.source import FASTEST_ON_CPU, NetworkSource\n"
        f"FASTEST_ON_CPU['means'] = ({engine!r},)\n"
        "source = NetworkSource('test', 'cpu', {'means': Path(sys.argv[1])}, None)\n"
        "network = Network(source, 'means', ('means',), None, np.zeros((2, 3, 4), np.float32), {1: 'frames'})\n"
        "print(network(np.ones((1, 2, 4), np.float32)).tolist(), 'torch' in sys.modules)\n"
    )
    environment = {**os.environ, "HIGHLIGHTR_HOME": str(home)}
    given = [sys.executable, "-c", program, str(paths["means"])]
    done = subprocess.run(given, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[12.0, 12.0, 12.0]] False"


@pytest.mark.parametrize("damage", ["bit", "cut", "sealed rubbish"])
def test_a_damaged_file_is_made_again(home: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    paths = weights(home.parent / "w", 3.0)
    opened(paths)
    (path,) = kept(home)
    content = path.read_bytes()
    if damage == "sealed rubbish":
        write_sealed(path, b"no model")
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]) if damage == "bit" else content[:100])
    caplog.set_level(logging.INFO, logger="highlightr")
    caplog.clear()
    for _ in range(2):
        np.testing.assert_allclose(opened(paths)(EXAMPLE), expected(EXAMPLE, 3.0), rtol=1e-5)
    assert len(caplog.records) == 1, "made again once"


@pytest.mark.parametrize("obstacle", ["home is a file", "a folder in its place"])
def test_what_cannot_be_kept_only_costs_time(home: Path, obstacle: str, caplog: pytest.LogCaptureFixture) -> None:
    paths = weights(home.parent / "w", 3.0)
    if obstacle == "home is a file":
        home.write_text("a file where the folder should be")
    else:
        opened(paths)
        (path,) = kept(home)
        path.unlink()
        path.mkdir()
    caplog.set_level(logging.INFO, logger="highlightr")
    np.testing.assert_allclose(opened(paths)(EXAMPLE), expected(EXAMPLE, 3.0), rtol=1e-5)
    assert "cannot be kept" in caplog.text
    assert obstacle == "home is a file" or list((home / "compiled").iterdir()) == [path]


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(home: Path) -> None:
    folder = home / "compiled"
    (folder / ".highlightr-dead.partial").mkdir(parents=True)
    with staging_folder(folder) as living:
        opened(weights(home.parent / "w", 3.0))
        assert living in folder.iterdir()
        assert len(list(folder.iterdir())) == 2


def test_what_nothing_used_for_a_month_goes_when_another_comes(home: Path) -> None:
    for value in (3.0, 4.0):
        opened(weights(home.parent / f"w{value:g}", value))
    for path in kept(home):
        os.utime(path, (0, 0))
    opened(weights(home.parent / "w4", 4.0))
    opened(weights(home.parent / "w5", 5.0))
    assert len(compiled_files()) == 2


def test_clearing_removes_every_network_and_says_how_many(home: Path) -> None:
    assert clear_compiled() == (0, 0)
    opened(weights(home.parent / "w", 3.0))
    size = kept(home)[0].stat().st_size
    (home / "compiled" / ".highlightr-dead.partial").mkdir()
    with staging_folder(home / "compiled") as living:
        assert clear_compiled() == (1, size)
        assert list((home / "compiled").iterdir()) == [living], "another process is at it"


def test_other_code_leads_to_another_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(weights(home.parent / "w", 3.0))
    monkeypatch.setattr(compiled, "code_digest", lambda folder: "0" * 64)
    opened(weights(home.parent / "w", 3.0))
    assert len(kept(home)) == 2


def test_a_network_that_does_not_repeat_itself_is_refused(home: Path) -> None:
    class Counting(Means):
        calls = 0

        def forward(self, given: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return super().forward(given) * self.calls

    with pytest.raises(WeightsError, match="differs from torch by"):
        opened(weights(home.parent / "w", 3.0), module=Counting)
    assert not kept(home)


class BakedValue(Means):
    """Tracing takes the largest value for a constant."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given) * float(given.abs().max())


class BakedLength(Means):
    """Tracing takes the number of frames for a constant."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return given.sum(dim=1) @ self.weight.T / float(len(given[0]))


class BakedBatch(Means):
    """Tracing takes the number of inputs for a constant."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given) * float(len(given))


class BakedShape(Means):
    """Tracing takes the numbers of inputs and frames for constants, and an engine refuses others."""

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        return super().forward(given.reshape(int(given.shape[0]), int(given.shape[1]), 4))


@pytest.mark.parametrize("module", [BakedValue, BakedLength, BakedBatch, BakedShape])
def test_a_network_that_is_right_on_its_example_alone_is_refused(module: type[Means], home: Path) -> None:
    with pytest.raises(WeightsError, match=r"compiled means (differs from torch by|does not run: )"):
        opened(weights(home.parent / "w", 3.0), module=module)
    assert not kept(home)


def test_two_networks_may_be_prepared_at_once(home: Path) -> None:
    paths = [weights(home.parent / f"w{value}", value) for value in range(1, 5)]
    with ThreadPoolExecutor(max_workers=4) as threads:
        for value, made in enumerate(threads.map(opened, paths), start=1):
            np.testing.assert_allclose(made(EXAMPLE), expected(EXAMPLE, value), rtol=1e-5)
