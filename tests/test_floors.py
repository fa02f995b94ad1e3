"""Imports go strictly down the floors (docs/architecture.md), none in a circle, and starting up loads nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "highlightr"

FLOORS = (
    ("core",),
    ("media", "datasets"),
    ("features", "scorers", "zoo", "evaluation"),
    ("selection",),
    ("options", "model_loader"),
    ("transcripts",),
    ("export",),
    ("pipeline",),
    ("batch", "training", "web"),
    ("cli",),
    ("__main__",),
)
"""From the ground up: a room imports only from lower floors."""

INSIDE = {
    "media": (("_container",), ("_decode",), ("_cut",)),
    "features": (("engines",), ("lite", "backbones")),
    "scorers": (("zeroshot", "cfsum", "davihd"),),
}
"""The same inside three rooms; a room's own files may import any of its sub-rooms."""

FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def _name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _imported(node: ast.AST) -> Iterator[str]:
    """The package's modules that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in MODULES)
    elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in MODULES else node.module


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Statements that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        only_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not only_for_types:
            yield node
            yield from _at_import(node)


def _room(module: str) -> str:
    return module.split(".")[1]


def _sub_room(module: str) -> str | None:
    parts = MODULES[module].relative_to(PACKAGE).parts
    return parts[1] if len(parts) > 2 else None


def problems(module: str, imported: str, floors: Mapping[str, int] = FLOOR_OF) -> str | None:
    """What is wrong with an import, if anything is."""
    if imported == "highlightr":
        return None
    here, there = _room(module), _room(imported)
    if here != there:
        return None if floors[there] < floors[here] else f"{module} imports {imported}, which is not on a lower floor"
    own, other = _sub_room(module), _sub_room(imported)
    if own is None or other is None or own == other or here not in INSIDE:
        return None
    floor_of = {name: floor for floor, names in enumerate(INSIDE[here]) for name in names}
    return None if floor_of[other] < floor_of[own] else f"{module} imports {imported}, sideways or up inside {here}"


@pytest.mark.parametrize("module", [name for name in MODULES if name != "highlightr"])
def test_imports_go_down(module: str) -> None:
    assert _room(module) in FLOOR_OF, f"{_room(module)} has no floor; give it one here, and run `make docs-tables`"
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found = (problems(module, imported) for node in ast.walk(tree) for imported in _imported(node))
    assert not [problem for problem in found if problem]


def test_no_import_goes_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {each for node in _at_import(tree) for each in _imported(node)}
        # Importing a module runs the packages that it lies in first.
        parents = {each.rsplit(".", count)[0] for each in imported for count in range(1, each.count(".") + 1)}
        graph[module] = {each for each in imported | parents if not module.startswith(f"{each}.")} - {module}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"imports go in a circle: {' <- '.join(error.args[1])}")


def test_an_equal_floor_and_a_neighbour_are_refused() -> None:
    assert problems("highlightr.features.base", "highlightr.scorers.base")
    assert problems("highlightr.scorers.cfsum.lite", "highlightr.scorers.zeroshot.scorer")
    assert problems("highlightr.media._decode.gop", "highlightr.media._cut.plan")
    assert problems("highlightr.media._cut.plan", "highlightr.media._decode.gop") is None
    assert problems("highlightr.features.base", "highlightr.media.sampling") is None


def test_few_files_lie_at_the_root() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= 6


HEAVY = {"torch", "timm", "torchvision", "transformers", "onnxruntime", "av", "scipy", "PIL"}


def test_importing_all_rooms_loads_no_heavy_library() -> None:
    rooms = ", ".join(f"highlightr.{room}" for room in FLOOR_OF if room != "__main__")
    program = f"import sys, {rooms}; sys.exit(', '.join({HEAVY} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("arguments", [["presets"], ["summarize", "--help"], ["batch", "--help"]], ids=" ".join)
def test_commands_start_without_heavy_libraries(arguments: list[str]) -> None:
    program = (
        "import sys; sys.argv = ['highlightr', *sys.argv[1:]]\n"
        "from highlightr.cli import main\n"
        "try: main()\n"
        "except SystemExit as leaving: assert not leaving.code, leaving.code\n"
        f"heavy = {HEAVY} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
