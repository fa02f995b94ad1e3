"""Every command and snippet of every page parses against what is there, and a wrong one is told."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from docs.check import page_problems
from docs.python_code import expected_output, python_problems
from docs.running import run_snippet
from docs.snippets import ROOT, PageError, Snippet, pages, parse_page, read_page

PAGE = ROOT / "docs" / "made-up.md"


def problems(text: str) -> list[str]:
    return list(page_problems(parse_page(text, PAGE)))


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_tells_its_reader_to_type_only_what_exists(path: Path) -> None:
    page = read_page(path)
    assert not list(page_problems(page))
    unmarked = [snippet.where for snippet in page.snippets if snippet.language == "sh" and not _may_run(snippet)]
    assert not unmarked, "what needs a checkout, the network or Docker says so: <!-- check: parse: REASON -->"


def _may_run(snippet: Snippet) -> bool:
    first = {command.split()[0] for _, command in snippet.commands()}
    return "parse" in snippet.marks or not first & {"pip", "make", "docker", "git"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```sh\nhighlightr summarize video.mp4 --qwery x\n```", "No such option: --qwery"),
        ("    highlightr summarise video.mp4", "no command 'summarise video.mp4'"),
        ("```sh\nhighlightr summarize\n```", "video is missing"),
        ("```sh\nhighlightr export a.json b.json\n```", "'b.json' is one argument too many"),
        ("```sh\nhighlightr summarize a.mp4 --ratio much\n```", "--ratio much"),
        ("```sh\nhighlightr summarize a.mp4 --preset light\n```", "no preset named 'light'"),
        ("```sh\nhighlightr models pull clip-vit-b32\n```", "no weights named 'clip-vit-b32'"),
        ("```sh\nhighlightr summarize 'a.mp4\n```", "No closing quotation"),
        ("use `highlightr models lst|pull NAME`", "no command 'models lst'"),
        ("use `--ratoi 0.1`", "no command has --ratoi"),
        ("run `python -m benchmarks.realtme demo.mp4`", "no module 'benchmarks.realtme'"),
        ("run `python -m benchmarks.realtime demo.mp4 --minuts 1`", "has no --minuts"),
        ("run `make tset`", "no target 'tset'"),
        ("run `pip install 'highlightr[backbone]'`", "no extra 'backbone'"),
        ("```sh\ndocker build --build-arg EXTRA= -t highlightr .\n```", "no ARG EXTRA"),
        ("```sh\ndocker run --rm -v a:/b highlightr sumarize v.mp4\n```", "no command 'sumarize v.mp4'"),
        ("```sh\ndocker compose run --rm sumarize v.mp4\n```", "no service 'sumarize'"),
        ("```sh\nbrew install ffmpeg\n```", "'brew' is no program"),
        ("```python\nfrom highlightr import Highliter\n```", "highlightr has no Highliter"),
        ("```python\nfrom highlightr import Highlighter\nHighlighter.from_presett('lite')\n```", "no from_presett"),
        ("```python\nfrom highlightr import load_preset\nload_preset(nme='lite')\n```", "takes no nme"),
        ("```python\nif\n```", "not Python"),
        ("```json\n{,}\n```", "not json"),
        ("```yaml\na: [\n```", "not yaml"),
    ],
)
def test_what_does_not_exist_is_told_with_its_place(text: str, expected: str) -> None:
    (found,) = problems(f"# A page\n\n{text}\n")
    assert expected in found
    assert found.startswith("docs/made-up.md:")


def test_what_exists_is_not_told() -> None:
    text = (
        "```sh\nhighlightr summarize VIDEO --query TEXT --ratio R  # a comment with 'a quote\n```\n"
        "`highlightr cache show|clear`, `--no-cache`, `highlightr extract VIDEO|DIR --features … --out DIR`\n"
        "<!-- check: given: a.mp4 -->\n<!-- check: file: queries.csv -->\n```csv\nvideo,query\n```\n"
    )
    assert not problems(text)


@pytest.mark.parametrize(
    "text", ["<!-- check: skip: later -->", "<!-- check: parse -->", "<!-- check: exit: three -->", "```sh\nmake test"]
)
def test_a_mark_without_sense_or_reason_is_refused(text: str) -> None:
    with pytest.raises(PageError):
        parse_page(text, PAGE)


def test_a_command_goes_on_after_a_backslash_and_keeps_its_line() -> None:
    (snippet,) = parse_page("text\n\n```sh\n# first\nmake a \\\n  b\nmake c\n```\n", PAGE).snippets
    assert list(snippet.commands()) == [(5, "make a    b"), (7, "make c")]


@pytest.mark.parametrize(
    ("snippet", "expected"),
    [
        (Snippet(PAGE, 1, "sh", "true\nfalse"), "line 2: false\nleft with 1, not 0"),
        (Snippet(PAGE, 1, "sh", "exit 3"), "left with 3"),
        (Snippet(PAGE, 1, "sh", "exit 3", {"exit": "3"}), None),
        (Snippet(PAGE, 1, "python", "print(1)  # 2"), "the page says it prints ['2'], it printed ['1']"),
        (Snippet(PAGE, 1, "python", "print(1)  # 1"), None),
        (Snippet(PAGE, 1, "python", "raise ValueError('no')"), "ValueError: no"),
        (Snippet(PAGE, 1, "csv", "a,b", {"file": "in/a.csv"}), None),
    ],
)
def test_a_snippet_that_fails_or_prints_something_else_is_told(
    snippet: Snippet, expected: str | None, tmp_path: Path
) -> None:
    problem = run_snippet(snippet, tmp_path, {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"})
    assert (problem is None) if expected is None else (problem is not None and expected in problem)
    assert (tmp_path / "in" / "a.csv").exists() == ("file" in snippet.marks)


def test_what_is_printed_is_read_from_the_comments() -> None:
    assert expected_output("x = 1  # one\nprint(x)  # 1\n") == ["1"]
    assert not python_problems("import highlightr\nprint(highlightr.__version__)")
