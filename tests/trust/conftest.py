"""Fixtures of the tests of trust: a fast whole product, and witnesses of what it opens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from highlightr.pipeline import Highlighter
from tests.light import light_highlighter
from tests.mediamaker import made
from tests.trust.baits import Listener, listening


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Highlighter:
    """The whole product without a model."""
    return light_highlighter(tmp_path_factory.mktemp("light"))


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A local server with a video that nobody may ask for."""
    with listening(made("secret.mp4", seconds=1.0, size=(96, 64), sound=False).read_bytes()) as serving:
        yield serving
