"""Check every command and snippet of the front page, the site and the cards.

    python -m docs.check --quick     # parses all of them; seconds
    python -m docs.check             # also runs what is not marked otherwise, page by page; minutes
    python -m docs.check docs/batch.md --keep

A page's snippets run in its order in an empty folder, with an empty cache, from a wheel that is built of the checkout
and installed beside it. Exit code 1 if one fails.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from docs.commands import command_problems, mention_problems
from docs.python_code import python_problems
from docs.snippets import ROOT, Page, PageError, Snippet, pages, read_page


def page_problems(page: Page) -> Iterator[str]:
    """Everything that is wrong with a page, as lines that begin with the place."""
    own = own_folders(page)
    for snippet in page.snippets:
        yield from (f"{snippet.where}: {problem}" for problem in snippet_problems(snippet, own))
    for mention in page.mentions:
        where = Snippet(page.path, mention.line, "text", "").where
        yield from (f"{where}: `{mention.text}`: {problem}" for problem in mention_problems(mention.text, own))


def snippet_problems(snippet: Snippet, own: Iterable[str] = ()) -> Iterator[str]:
    """What can be told without running it."""
    if snippet.language == "sh":
        for _, command in snippet.commands():
            yield from (f"`{command}`: {problem}" for problem in command_problems(command, frozenset(own)))
    elif snippet.language == "python":
        yield from python_problems(snippet.text)
    elif snippet.language in ("json", "yaml"):
        try:
            (json.loads if snippet.language == "json" else yaml.safe_load)(snippet.text)
        except (ValueError, yaml.YAMLError) as error:
            yield f"not {snippet.language}: {' '.join(str(error).split())}"


def own_folders(page: Page) -> set[str]:
    """Folders that a page's own commands make, which may be named where a preset is."""
    text = "\n".join(snippet.text for snippet in page.snippets)
    return {"FOLDER", *re.findall(r"--out(?:=| )(\S+)", text)}


def main() -> int:
    """Check, print what is wrong, and say how much was looked at."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", nargs="*", type=Path, help="these pages instead of all")
    parser.add_argument("--quick", action="store_true", help="run nothing")
    parser.add_argument("--keep", action="store_true", help="leave the folders where the pages ran")
    options = parser.parse_args()
    try:
        read = [read_page(path.resolve()) for path in options.page or pages()]
    except PageError as error:
        print(error)
        return 1
    problems = [problem for page in read for problem in page_problems(page)]
    print("\n".join(problems), end="\n" if problems else "")
    count, mentions = sum(len(page.snippets) for page in read), sum(len(page.mentions) for page in read)
    print(f"{len(read)} pages, {count} blocks, {mentions} commands and options in the text: {len(problems)} problems")
    if problems or options.quick:
        return int(bool(problems))
    from docs.running import run_pages

    folder = Path(tempfile.mkdtemp(prefix="docs-check-"))
    return run_pages([page for page in read if page.path.parent in (ROOT, ROOT / "docs")], folder, keep=options.keep)


if __name__ == "__main__":
    sys.exit(main())
