"""Models of the recogniser: fetched once through the hub's client, checked against what the hub states, kept."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from highlightr.core.errors import WeightsError
from highlightr.zoo.speech_models import speech_model

pytest.importorskip("faster_whisper")
huggingface_hub = pytest.importorskip("huggingface_hub")

FILES = {"model.bin": b"weights" * 1000, "config.json": b"{}", "tokenizer.json": b"[]", "README.md": b"# read me"}


class Hub:
    """In the place of the hub, behind its client's two calls."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.stated = dict(FILES)
        self.fetched: list[str] = []

    def model_info(self, repository: str, files_metadata: bool) -> Any:
        assert repository == "Systran/faster-whisper-tiny.en"
        siblings = []
        for name, data in self.stated.items():
            lfs = SimpleNamespace(sha256=hashlib.sha256(data).hexdigest()) if name == "model.bin" else None
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            siblings.append(SimpleNamespace(rfilename=name, lfs=lfs, blob_id=blob))
        return SimpleNamespace(sha="c0ffee", siblings=siblings)

    def download(self, repository: str, file: str, *, revision: str, local_dir: Path) -> str:
        assert revision == "c0ffee"
        self.fetched.append(file)
        local_dir.mkdir(exist_ok=True)
        (local_dir / ".cache").mkdir(exist_ok=True)
        (local_dir / file).write_bytes(self.files[file])
        return str(local_dir / file)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    made = Hub()
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: made)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", made.download)
    return made


def test_a_model_is_fetched_once(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = speech_model("tiny.en")
    assert found.folder == tmp_path / "home" / "speech" / "tiny.en"
    assert found.sha256 == hashlib.sha256(FILES["model.bin"]).hexdigest()
    assert found.source == "https://huggingface.co/Systran/faster-whisper-tiny.en"
    assert sorted(path.name for path in found.folder.iterdir()) == sorted({*FILES, "fetched.json"} - {"README.md"})
    monkeypatch.setenv("HIGHLIGHTR_OFFLINE", "1")
    assert speech_model("tiny.en") == found
    assert sorted(hub.fetched) == ["config.json", "model.bin", "tokenizer.json"]


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_what_arrives_otherwise_than_stated_is_refused(hub: Hub, name: str, tmp_path: Path) -> None:
    hub.files[name] += b"!"
    with pytest.raises(WeightsError, match=rf"{name} arrived with the hash"):
        speech_model("tiny.en")
    assert not (tmp_path / "home" / "speech" / "tiny.en").exists()
    hub.files[name] = FILES[name]
    assert speech_model("tiny.en").folder.is_dir()


def test_what_was_damaged_since_is_not_opened(hub: Hub) -> None:
    folder = speech_model("tiny.en").folder
    (folder / "model.bin").write_bytes(b"other")
    with pytest.raises(WeightsError, match=r"model\.bin is damaged; remove .* and it is fetched again"):
        speech_model("tiny.en")
    shutil.rmtree(folder)
    assert speech_model("tiny.en").folder == folder


def test_a_fetch_that_broke_off_is_made_again(hub: Hub, tmp_path: Path) -> None:
    left = tmp_path / "home" / "speech" / "tiny.en"
    left.mkdir(parents=True)
    (left / "model.bin").write_bytes(b"half")
    assert (speech_model("tiny.en").folder / "model.bin").read_bytes() == FILES["model.bin"]


class ConnectError(Exception):
    """As httpx has it, which newer clients bring: no OSError."""


@pytest.mark.parametrize("kind", [OSError, ConnectError])
def test_offline_and_without_the_hub(kind: type[Exception], hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: Any, **how: Any) -> None:
        raise kind("Name or service\nnot known")

    monkeypatch.setattr(hub, "model_info", refuse)
    with pytest.raises(WeightsError, match=r"cannot fetch the speech model tiny\.en .*: Name or service not known"):
        speech_model("tiny.en")
    monkeypatch.setenv("HIGHLIGHTR_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"HIGHLIGHTR_OFFLINE forbids to fetch the speech model tiny\.en; copy "):
        speech_model("tiny.en")


def test_the_names_are_those_of_faster_whisper() -> None:
    from faster_whisper.utils import _MODELS

    from highlightr.zoo.speech_models import REPOSITORIES

    assert REPOSITORIES.items() <= _MODELS.items()
