"""Check Python in a page without running it: it compiles, and what it takes from highlightr exists.

In: source. Out: what is wrong, as sentences.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any


def python_problems(source: str) -> list[str]:
    """Names, attributes and keywords of highlightr's own things that do not exist."""
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        return [f"not Python: {error.msg} in its line {error.lineno}"]
    names: dict[str, Any] = {}
    problems = [problem for node in ast.walk(tree) for problem in _imported(node, names)]
    return problems + [problem for node in ast.walk(tree) for problem in _used(node, names)]


def expected_output(source: str) -> list[str]:
    """What the comments behind ``print(...)`` say is printed, in order."""
    lines = [line.split("  # ", 1) for line in source.splitlines() if line.startswith("print(") and "  # " in line]
    return [line[1].strip() for line in lines]


def _imported(node: ast.AST, names: dict[str, Any]) -> Iterator[str]:
    if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("highlightr"):
        return
    try:
        module = import_module(node.module or "")
    except ImportError as error:
        yield f"cannot import {node.module}: {error}"
        return
    for alias in node.names:
        if hasattr(module, alias.name):
            names[alias.asname or alias.name] = getattr(module, alias.name)
        else:
            yield f"{node.module} has no {alias.name}"


def _used(node: ast.AST, names: dict[str, Any]) -> Iterator[str]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in names:
        if not hasattr(names[node.value.id], node.attr):
            yield f"{node.value.id} has no {node.attr}"
    elif isinstance(node, ast.Call):
        called = _called(node.func, names)
        parameters = inspect.signature(called).parameters if callable(called) else {}
        open_ended = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
        for keyword in node.keywords if parameters and not open_ended else ():
            if keyword.arg is not None and keyword.arg not in parameters:
                yield f"{ast.unparse(node.func)} takes no {keyword.arg}"


def _called(function: ast.expr, names: dict[str, Any]) -> Any:
    if isinstance(function, ast.Name):
        return names.get(function.id)
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in names:
        return getattr(names[function.value.id], function.attr, None)
    return None
