from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, Query
from highlightr.features import labels
from highlightr.features.base import TextEncoder
from highlightr.features.labels import LABELLED_STREAMS, label_embeddings, label_names, label_texts
from highlightr.features.lite.minilm import MiniLM
from research.label_vectors import write_shipped
from tests import opened


class Counting(TextEncoder):
    """Embeds a text by its length, and counts how often it was asked."""

    name = "counting"
    width = 2
    checkpoints = ()
    sha256 = "0" * 64
    calls = 0

    def encode(self, text: str) -> Query:
        self.calls += 1
        angle = len(text) / 100
        vector = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
        return Query(text, vector[None], vector)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path))


@pytest.mark.parametrize(("stream", "number"), [("imagenet", 1000), ("yamnet", 521)])
def test_every_column_has_a_name(stream: str, number: int) -> None:
    names = label_names(stream)
    assert len(names) == number
    assert all(name == name.strip() and name for name in names)


@pytest.mark.parametrize(
    ("stream", "index", "name"),
    [
        ("imagenet", 0, "tench, Tinca tinca"),
        ("imagenet", 281, "tabby, tabby cat"),
        ("imagenet", 967, "espresso"),
        ("imagenet", 999, "toilet tissue, toilet paper, bathroom tissue"),
        ("yamnet", 0, "Speech"),
        ("yamnet", 1, "Child speech, kid speaking"),
        ("yamnet", 494, "Silence"),
        ("yamnet", 520, "Field recording"),
    ],
)
def test_names_are_in_column_order(stream: str, index: int, name: str) -> None:
    assert label_names(stream)[index] == name


def test_a_stream_without_names_lists_those_that_have() -> None:
    with pytest.raises(ConfigError, match="'motion' has no class names; those that have: imagenet, yamnet"):
        label_names("motion")


def test_vectors_are_made_once_and_made_again_when_damaged(tmp_path: Path) -> None:
    encoder = Counting()
    first = label_embeddings(encoder, "yamnet")
    assert first.shape == (521, 2)
    np.testing.assert_array_equal(label_embeddings(encoder, "yamnet"), first)
    assert encoder.calls == 521
    (kept,) = (tmp_path / "labels").iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    np.testing.assert_array_equal(label_embeddings(encoder, "yamnet"), first)
    assert encoder.calls == 2 * 521


def test_an_unwritable_home_only_costs_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "file"))
    assert label_embeddings(Counting(), "imagenet").shape == (1000, 2)


@pytest.mark.parametrize("stream", LABELLED_STREAMS)
def test_shipped_vectors_are_the_encoders_own(home: Path, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(home))
    vectors: FloatArray = label_embeddings(opened.text_encoder("minilm"), stream)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    middle = np.mean([opened.text_encoder("minilm").vectors(texts[::20]) for texts in label_texts(stream)], axis=0)
    unit = middle / np.linalg.norm(middle, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors[::20], unit, atol=2e-4)


def test_a_picture_class_is_a_caption_and_a_definition() -> None:
    captions, definitions = label_texts("imagenet")
    index = label_names("imagenet").index("Egyptian cat")
    assert captions[index] == "a photo of a Egyptian cat"
    assert definitions[index].startswith("Egyptian cat: a domestic cat of Egypt")
    assert label_texts("yamnet") == (label_names("yamnet"),)


def test_shipped_vectors_need_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: MiniLM, texts: Sequence[str]) -> FloatArray:
        raise AssertionError("the names were embedded again")

    monkeypatch.setattr(MiniLM, "vectors", refuse)
    assert label_embeddings(opened.text_encoder("minilm"), "imagenet").shape == (1000, 384)


def test_writing_and_reading_the_shipped_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting()
    write_shipped(encoder, tmp_path / "vectors")
    monkeypatch.setattr(labels, "SHIPPED", tmp_path / "vectors")
    calls = encoder.calls
    vectors = label_embeddings(encoder, "imagenet")
    assert encoder.calls == calls
    middle = np.mean([encoder.encode(texts[7]).vector for texts in label_texts("imagenet")], axis=0)
    np.testing.assert_allclose(vectors[7], middle / np.linalg.norm(middle), atol=1e-3)


@pytest.mark.parametrize("content", [None, b"", b"rubbish"])
def test_a_damaged_shipped_file_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "vectors").write_bytes(content)
    monkeypatch.setattr(labels, "SHIPPED", tmp_path / "vectors")
    encoder = Counting()
    assert label_embeddings(encoder, "yamnet").shape == (521, 2)
    assert encoder.calls == 521


def test_near_names_answer_a_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(home))
    encoder: MiniLM = opened.text_encoder("minilm")
    names, vectors = label_names("yamnet"), label_embeddings(encoder, "yamnet")
    dog = vectors @ encoder.encode("a dog barks").vector
    assert {names[index] for index in dog.argsort()[-3:]} & {"Bark", "Dog", "Bow-wow"}
