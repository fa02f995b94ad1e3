"""A hook of mkdocs: front page, changes and cards join the site from where they lie, and their links follow.

In: pages of `docs/` and Markdown beside it. Out: the same pages with each link to a file of the repository turned into
the link to where it lies in the site. A link to what the site does not have stops a strict build.
"""

from __future__ import annotations

import html
import os.path
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    **{f"models/cards/{path.name}": f"cards/{path.name}" for path in sorted((ROOT / "models" / "cards").glob("*.md"))},
}
"""Markdown outside `docs/`, and its place in the site."""

FILES = {name: f"files/{name}" for name in ("NOTICE", "CITATION.cff", "examples/ray-cluster.yaml")}
"""Other files that pages link to."""

COMMANDS = "commands.md"
"""The reference of the command line, made from the commands themselves."""

_LINK = re.compile(r"(\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(\))")
_CODE_WITH_BAR = re.compile(r"`([^`\n]*\\\|[^`\n]*)`")
_SOURCE = {site: name for name, site in PAGES.items()}


def on_files(files: Any, config: Any) -> Any:
    """Add what lies outside `docs/`."""
    for name, site in {**PAGES, **FILES}.items():
        files.append(File.generated(config, site, abs_src_path=str(ROOT / name)))
    files.append(File.generated(config, COMMANDS, content=reference()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to the repository's files into links to the site's."""
    markdown = _CODE_WITH_BAR.sub(_as_html, markdown)
    here = page.file.src_uri
    folder = posixpath.dirname(_SOURCE.get(here, f"docs/{here}"))
    return linked(markdown, folder, posixpath.dirname(here))


def linked(markdown: str, folder: str, site_folder: str) -> str:
    """A page's text with its links as the site needs them.

    Args:
        markdown: the text.
        folder: of the page in the repository.
        site_folder: of the page in the site.
    """

    def turned(match: re.Match[str]) -> str:
        name = posixpath.normpath(posixpath.join(folder, match[2]))
        site = {**PAGES, **FILES}.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else None)
        target = match[2] if site is None else os.path.relpath(site, site_folder or ".")
        return f"{match[1]}{target}{match[3] or ''}{match[4]}"

    return _LINK.sub(turned, markdown)


def _as_html(match: re.Match[str]) -> str:
    """Code with a bar inside a table: GitHub takes the backslash away, Python's Markdown shows it."""
    return f"<code>{html.escape(match[1]).replace(chr(92) + '|', '&#124;')}</code>"


def reference() -> str:
    """Every command with its arguments and options, from the command line itself."""
    from docs.commands import all_commands

    parts = ["# Every command and option", ""]
    for name, command in all_commands():
        context = command.make_context(command.name, [], resilient_parsing=True)
        parts += [f"## `highlightr {name}`", "", command.help or "", "", "| option | meaning |", "|---|---|"]
        for param in command.get_params(context):
            record = param.get_help_record(context)
            shown = record or (param.make_metavar(context) if hasattr(param, "make_metavar") else param.name, "")
            parts.append(f"| `{_cell(shown[0])}` | {_cell(shown[1])} |")
        parts.append("")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
