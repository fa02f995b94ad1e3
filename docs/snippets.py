"""Find what a page tells its reader to type: code blocks with their marks, and commands inside the text.

In: Markdown. Out: one `Snippet` per fenced or indented block, and one `Mention` per span of code that is a command or
an option.

A comment before a block says how it is checked; a block without one is run, and must leave with 0:

    <!-- check: parse: needs Docker -->       only parsed, and why
    <!-- check: exit: 3 -->                   run, and must leave with 3
    <!-- check: file: moments.csv -->         the block is what this file holds; it is written for what follows
    <!-- check: given: video.mp4 videos/a.mp4 -->   anywhere: videos that the reader is taken to have
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

VERBS = ("parse", "exit", "file", "given")

PROGRAMS = ("highlightr", "python", "pip", "make", "docker", "git", "cd", "ray")
"""What a command in a page may begin with."""

_MARK = re.compile(r"<!-- check: *(?P<verb>\w+)(?:: *(?P<value>.*?))? *-->")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)")
_SPAN = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")


class PageError(Exception):
    """A page that cannot be read as one: where, and what is wrong."""


@dataclass(frozen=True)
class Snippet:
    """One block of code."""

    page: Path
    line: int
    """Of its first line of code, from 1."""
    language: str
    """``sh``, ``python`` or another; indented blocks are ``sh`` where every line is a command, otherwise ``text``."""
    text: str
    marks: Mapping[str, str] = field(default_factory=dict)
    """Verb to value."""

    @property
    def where(self) -> str:
        """Page and line, as an editor opens them."""
        return f"{self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page}:{self.line}"

    def commands(self) -> Iterator[tuple[int, str]]:
        """Line and text of each command; lines that end with a backslash go on."""
        begun, parts = 0, []
        for number, line in enumerate(self.text.splitlines(), start=self.line):
            begun = begun or number
            parts.append(line.rstrip().removesuffix("\\"))
            if line.rstrip().endswith("\\"):
                continue
            command, at = " ".join(parts).strip(), begun
            begun, parts = 0, []
            if command and not command.startswith("#"):
                yield at, command


@dataclass(frozen=True)
class Mention:
    """A span of code in the text."""

    page: Path
    line: int
    text: str


@dataclass(frozen=True)
class Page:
    """What is to be checked of one page."""

    path: Path
    snippets: tuple[Snippet, ...]
    mentions: tuple[Mention, ...]
    given: tuple[str, ...]
    """Videos that the reader is taken to have."""


def pages() -> list[Path]:
    """Every page that a reader may follow: the front page, the site, the cards."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "models" / "cards").glob("*.md")),
    ]


def read_page(path: Path) -> Page:
    """Take a page apart.

    Raises:
        PageError: a mark that is not known or lacks its reason, or a fence that is never closed.
    """
    return parse_page(path.read_text(encoding="utf-8"), path)


def parse_page(text: str, path: Path) -> Page:
    """Take the text of a page apart; `path` names it in errors."""
    lines = text.splitlines()
    snippets: list[Snippet] = []
    prose: list[str] = []
    given: list[str] = []
    marks: dict[str, str] = {}
    number = 0
    while number < len(lines):
        line = lines[number]
        if match := _MARK.search(line):
            verb, value = _mark(match, f"{path.name}:{number + 1}")
            if verb == "given":
                given += value.split()
            else:
                marks[verb] = value
            prose.append("")
            number += 1
        elif fence := _FENCE.match(line):
            stop = _closing(lines, number, path)
            body = [each.removeprefix(fence["indent"]) for each in lines[number + 1 : stop]]
            snippets.append(Snippet(path, number + 2, fence["language"] or "text", "\n".join(body), marks))
            marks = {}
            prose += [""] * (stop - number + 1)
            number = stop + 1
        elif line.startswith("    ") and line.strip() and (number == 0 or not lines[number - 1].strip()):
            stop = number
            while stop < len(lines) and (lines[stop].startswith("    ") or not lines[stop].strip()):
                stop += 1
            body = [each.removeprefix("    ") for each in lines[number:stop]]
            snippets.append(Snippet(path, number + 1, _guess(body), "\n".join(body).rstrip(), marks))
            marks = {}
            prose += [""] * (stop - number)
            number = stop
        else:
            prose.append(line)
            number += 1
    return Page(path, tuple(snippets), tuple(_mentions(prose, path)), tuple(given))


def split(command: str) -> list[str]:
    """A command's words, without the comment behind it.

    Raises:
        ValueError: a quotation that is not closed.
    """
    return shlex.split(command, comments=True)


def _mark(match: re.Match[str], where: str) -> tuple[str, str]:
    verb, value = match["verb"], (match["value"] or "").strip()
    if verb not in VERBS:
        raise PageError(f"{where}: no mark {verb!r}; there are {', '.join(VERBS)}")
    if not value:
        raise PageError(f"{where}: the mark {verb!r} needs its value, such as a reason")
    if verb == "exit" and not value.isdigit():
        raise PageError(f"{where}: exit takes a number, got {value!r}")
    return verb, value


def _closing(lines: list[str], opened: int, path: Path) -> int:
    for number in range(opened + 1, len(lines)):
        if lines[number].strip() == "```":
            return number
    raise PageError(f"{path.name}:{opened + 1}: this block is never closed")


def _guess(body: list[str]) -> str:
    words = [line.split()[0] for line in body if line.strip()]
    return "sh" if all(word in PROGRAMS for word in words) else "text"


def _mentions(prose: list[str], path: Path) -> Iterator[Mention]:
    text = "\n".join(prose)
    for match in _SPAN.finditer(text):
        span = " ".join(match[1].replace("\\|", "|").split())
        first = span.split()[0] if span.split() else ""
        if first.startswith("--") or (first in PROGRAMS and " " in span):
            yield Mention(path, text.count("\n", 0, match.start()) + 1, span)
