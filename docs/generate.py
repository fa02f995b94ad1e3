"""Write the generated tables into the pages, or say which of them are not as they would be written.

    python -m docs.generate            # writes
    python -m docs.generate --check    # writes nothing; exit code 1 if a page is out of date

A block stands between ``<!-- generated: NAME -->`` and ``<!-- end -->``; its names are those of `docs.tables.BLOCKS`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping

from docs.snippets import ROOT, pages
from docs.tables import BLOCKS

_BLOCK = re.compile(r"<!-- generated: (?P<name>[\w-]+) -->\n.*?<!-- end -->", re.DOTALL)


def renewed(text: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """The page with every block made again.

    Raises:
        KeyError: a name that nothing makes.
    """
    return _BLOCK.sub(
        lambda found: f"<!-- generated: {found['name']} -->\n{blocks[found['name']]()}\n<!-- end -->", text
    )


def main() -> int:
    """Write what has changed; with ``--check``, only name it."""
    stale = []
    for path in pages():
        text = path.read_text(encoding="utf-8")
        new = renewed(text, BLOCKS)
        if new != text:
            stale.append(path.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv[1:]:
                path.write_text(new, encoding="utf-8")
    print("\n".join(stale) or "every generated table is up to date")
    return int(bool(stale) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
