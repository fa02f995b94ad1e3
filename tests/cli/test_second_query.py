"""A query on a video that was seen before loads no more than it needs, and answers what a first run would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mediamaker import made

PROGRAM = """
import sys
from highlightr.cli import main
try: main()
except SystemExit as leaving: assert not leaving.code, leaving.code
print(" ".join(sys.modules), file=sys.stderr)
"""

NOT_NEEDED = {"torch", "torchvision", "timm", "transformers", "scipy", "PIL", "jinja2", "rich", "ssl", "tarfile"}
NOT_NEEDED |= {"pydantic", "numpy.ma"}
NOT_NEEDED |= {
    f"highlightr.{name}"
    for name in (
        "export.feature_files",
        "export.report",
        "export.summary",
        "features.backbones",
        "scorers.neural",
        "zoo.installer",
    )
}


def _score(folder: Path, video: Path, query: str, *more: str) -> tuple[list[float], set[str]]:
    """The scores of one process, and what it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "score", str(video), "-q", query, "--json", "--quiet", *more],
        env={**os.environ, "HIGHLIGHTR_CACHE_LIMIT": "1G"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)["results"][0]["scores"], set(done.stderr.split())


@pytest.fixture(scope="module")
def video() -> Path:
    return made("second.mp4", seconds=3.0)


def test_a_second_query_loads_what_it_needs_and_answers_the_same(video: Path) -> None:
    repository = Path(__file__).resolve().parents[2]
    _score(repository, video, "a cat")
    second, loaded = _score(repository, video, "a cup of coffee")
    assert {"numpy", "onnxruntime", "highlightr.features.lite.minilm"} <= loaded
    assert loaded & NOT_NEEDED == set()
    afresh, _ = _score(repository, video, "a cup of coffee", "--no-cache")
    assert second == afresh
