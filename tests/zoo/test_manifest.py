"""The shipped manifest and its cards, and what a manifest may not say."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
from safetensors.torch import load_file, save_file

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.folders import model_files
from highlightr.scorers import check_weights, scorer_class
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.zoo import load_preset
from highlightr.zoo.installer import import_file
from highlightr.zoo.manifest import entry, load_manifest, parse_manifest
from highlightr.zoo.store import verify, weights_path
from tests.zoo.server import entry_text

EMBEDDED = ("efficientnet_lite0", "yamnet", "silero-vad", "minilm", "transnetv2")
NAMES = [item.name for item in load_manifest().values()]
HEADINGS = ("Training data", "Use here and protocol", "Preprocessing", "Limits", "What was checked")


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_a_card_that_agrees(name: str) -> None:
    item = entry(name)
    card = (model_files() / "cards" / f"{name}.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {item.title}\n")
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == list(HEADINGS)
    size = f"{item.size_bytes:,} bytes" if item.size_bytes else "not published"
    for fact in (item.licence, item.citation, item.sha256, item.md5, item.where, item.notes, f"| size | {size} |"):
        assert fact in card
    if not item.embedded:
        assert "Not yet checked against the published" in card


def test_every_card_belongs_to_an_entry_or_a_preset() -> None:
    folder = model_files()
    presets = {each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml")}
    cards = {each.name.removesuffix(".md") for each in (folder / "cards").iterdir() if each.name.endswith(".md")}
    assert set(NAMES) <= cards <= set(NAMES) | presets | {"papers"}


def test_the_embedded_weights_are_whole() -> None:
    assert [(each.name, each.state) for each in verify(EMBEDDED)] == [(name, "ok") for name in EMBEDDED]
    assert weights_path("MiniLM").name == "minilm.onnx"


def test_what_lies_in_the_wheel_is_small() -> None:
    folder = Path(str(model_files()))
    there = {path.relative_to(folder).as_posix() for path in (folder / "weights").iterdir()}
    assert {item.file for item in load_manifest().values() if item.bundled} <= there
    assert sum(path.stat().st_size for path in (folder / "weights").iterdir()) <= 45_000_000


def test_no_entry_is_accepted_on_trust_alone_without_saying_so() -> None:
    for item in load_manifest().values():
        checked = item.sha256 or item.git_blob_sha1 or item.sha256_prefix
        card = (model_files() / "cards" / f"{item.name}.md").read_text(encoding="utf-8")
        assert checked or item.train or "pinned at the first pull or import" in card


def test_weights_that_nobody_publishes_name_the_command_that_makes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"cfsum-tvsum are missing; train them with `highlightr train .*MB"):
        weights_path("cfsum-tvsum")


def test_weights_of_the_users_own_may_change_between_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    for value in (1.0, 2.0):
        mine = tmp_path / "mine.safetensors"
        save_file({"weight": torch.full((3,), value)}, mine)
        made = import_file(mine, "cfsum-tvsum")
        assert not made.newly_pinned
        assert load_file(weights_path("cfsum-tvsum"))["weight"].tolist() == [value] * 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, None),
        ({"weight": (3,)}, "1 tensors are unknown, first 'weight'"),
        ({"inputs.text.linear.weight": None}, "1 tensors are missing"),
        ({"inputs.text.linear.weight": (7, 300)}, r"'inputs.text.linear.weight' is \(7, 300\) where the configuration"),
    ],
)
def test_what_was_trained_for_another_scorer_is_not_taken(
    change: dict[str, tuple[int, ...] | None], reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is known by no hash; found out when the preset runs, it would have replaced the right one."""
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    choice = load_preset("cfsum-qvhighlights").scorers["cfsum"]
    shapes = {**scorer_class("cfsum").tensor_shapes(CFSumConfig.from_mapping(choice.config)), **change}
    mine = tmp_path / "mine.safetensors"
    save_file({name: torch.zeros(shape) for name, shape in shapes.items() if shape is not None}, mine)
    if reason is None:
        assert import_file(mine, "cfsum-qvhighlights", check_weights).path.is_file()
        return
    with pytest.raises(WeightsError, match=f"mine.* is not accepted as cfsum-qvhighlights: .*{reason}"):
        import_file(mine, "cfsum-qvhighlights", check_weights)
    assert not list((tmp_path / "home").rglob("*.safetensors"))


def test_names_are_looked_up_kindly() -> None:
    assert entry("CNN14_16K").name == "cnn14-16k"
    assert entry("efficientnet-lite0").name == "efficientnet_lite0"
    with pytest.raises(ConfigError, match="no weights named 'cnn15'; there are efficientnet_lite0, yamnet"):
        entry("cnn15")


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_can_be_right(name: str) -> None:
    item = entry(name)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name)
    assert item.embedded or item.where or item.train
    folders = item.file.split("/")
    assert all(folders)
    assert ".." not in folders
    assert len(folders) == 1 or item.embedded
    for url in item.urls:
        assert urlsplit(url).scheme == "https" or (urlsplit(url).scheme == "http" and item.sha256), url
    for key, length in {"sha256": 64, "source_sha256": 64, "md5": 32, "git_blob_sha1": 40}.items():
        assert re.fullmatch(rf"([0-9a-f]{{{length}}})?", getattr(item, key)), key
    assert re.fullmatch(r"[0-9a-f]{0,64}", item.sha256_prefix)
    assert item.sha256 or not item.embedded
    assert item.size_bytes >= 0 < item.max_bytes


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"colour": "red"}, "no key 'colour'"),
        ({"size_bytes": "12"}, "size_bytes.*xpected `int`"),
        ({"mirrors": "https://a.example"}, "mirrors.*xpected `array`"),
    ],
)
def test_a_wrong_entry_is_refused(more: dict[str, object], message: str) -> None:
    text = entry_text("net", **{"url": "https://a.example/net.pth", **more})  # type: ignore[arg-type]
    with pytest.raises(WeightsError, match=message):
        parse_manifest(text, "mine.toml")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("title = 't'", "", "title"),
        ("[weights.net]", "[weights", "Expected"),
        ("[weights.net]", "[[weights]]", "has no attribute"),
    ],
)
def test_a_broken_file_is_refused(before: str, after: str, message: str) -> None:
    text = entry_text("net", "https://a.example/x").replace(before, after)
    with pytest.raises(WeightsError, match=rf"mine\.toml is not a manifest of weights: .*{message}"):
        parse_manifest(text, "mine.toml")


def test_a_missing_manifest_says_reinstall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("highlightr.zoo.manifest.model_files", lambda: tmp_path)
    load_manifest.cache_clear()
    with pytest.raises(WeightsError, match=r"cannot read the manifest of weights .*reinstall"):
        load_manifest()
    monkeypatch.undo()
    load_manifest.cache_clear()
