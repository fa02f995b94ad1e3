"""The debug scorer: any features, any query, and no torch."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, TimeGrid
from highlightr.scorers.debug import DebugScorer
from tests.scorers import factories


def test_the_score_is_what_the_docstring_says() -> None:
    features = factories.features(6, without=("imagenet", "clip"))
    found = DebugScorer(4).score(features, None, ())
    assert set(found.parts) == {"efficientnet_lite0", "yamnet", "baseline"}
    for name in ("efficientnet_lite0", "yamnet"):
        assert np.abs(found.parts[name]).max() <= 0.25
        assert np.abs(found.parts[name]).max() > 0
    np.testing.assert_allclose(sum(found.parts.values()), found.values, atol=1e-6)


def test_every_input_matters() -> None:
    features, query = factories.features(6), factories.query()
    base = DebugScorer(0).score(features, query, ()).values
    assert not np.array_equal(base, DebugScorer(1).score(features, query, ()).values)
    assert not np.array_equal(base, DebugScorer(0).score(features, None, ()).values)
    for name in features.streams:
        fewer = factories.features(6, without=(name,))
        assert not np.array_equal(base, DebugScorer(0).score(fewer, query, ()).values)


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one stream"):
        DebugScorer().score(Features(TimeGrid(3.0, 1.0), {}), None, ())


def test_it_runs_without_torch() -> None:
    code = (
        "import sys, numpy as np\n"
        "from highlightr.scorers import create_scorer\n"
        "from highlightr.core.types import Features, TimeGrid\n"
        "made = create_scorer('debug', {})\n"
        "print(made.score(Features(TimeGrid(2.0, 1.0), {'x': np.ones((2, 3), 'f')}), None, ()).values.shape)\n"
        "print('torch' in sys.modules)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[:2] == ["(2,)", "False"]
