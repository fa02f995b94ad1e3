"""Imports go down the floors only (CONTRIBUTING.md), and starting up never loads a deep-learning library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "highlightr"

FLOORS = (
    ("core",),
    ("media",),
    ("datasets", "evaluation", "features", "scorers"),
    ("selection", "zoo"),
    ("options", "extractor_loader", "model_loader"),
    ("export",),
    ("pipeline",),
    ("batch", "training", "web"),
    ("cli", "__main__"),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
NEVER_SEE_EACH_OTHER = ({"features", "scorers"},)


def _imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("highlightr."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("highlightr.")}
    return names


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem != "__init__")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    place = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert place in FLOOR_OF, f"{place} has no floor; give it one here and in CONTRIBUTING.md"
    for name in _imported(ast.parse(path.read_text(encoding="utf-8"))) - {place}:
        assert FLOOR_OF[name] <= FLOOR_OF[place], f"{place} imports {name}, which is above it"
        for pair in NEVER_SEE_EACH_OTHER:
            assert {place, name} != pair, f"{place} may not know {name}"


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["presets"], ["summarize", "--help"], ["batch", "--help"]], ids=" ".join
)
def test_starting_up_loads_no_deep_learning_library(arguments: list[str]) -> None:
    program = (
        "import sys; sys.argv = ['highlightr', *sys.argv[1:]]\n"
        "from highlightr.cli import main\n"
        "try: main()\n"
        "except SystemExit as leaving: assert not leaving.code, leaving.code\n"
        "heavy = {'torch', 'timm', 'torchvision', 'transformers', 'onnxruntime', 'av'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
