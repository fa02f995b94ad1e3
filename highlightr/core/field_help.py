"""The help of options, from the docstrings under the fields of the class that holds them.

In: a class. Out: a sentence per field, so that Python, the command line and the docs are worded once.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import logging
import sys
from functools import cache

logger = logging.getLogger(__name__)


@cache
def option_help(kind: type) -> dict[str, str]:
    """What each field of an options class means: the first sentence under it in the source, and what `None` means."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    except (OSError, TypeError):
        logger.debug("the source of %s is not here; its options have no help", kind.__name__)
        return {}
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    found = {}
    for before, after in itertools.pairwise(body):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[ast.unparse(before.target)] = _first_sentence(str(after.value.value))
    return found


def _first_sentence(text: str) -> str:
    first, *others = " ".join(text.replace("``", "`").split()).rstrip(".").split(". ")
    return ". ".join([first, *(each for each in others if each.startswith("`None`: "))]) + "."
