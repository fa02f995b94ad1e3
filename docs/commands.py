"""Check a command without running it: against the real command line, the Makefile, the extras and the Dockerfile.

In: a command as a page has it. Out: what is wrong with it, as sentences; nothing where all of it exists. Words in
capital letters (``VIDEO``, ``DIR``) stand for what a reader puts there, and are not converted to a type.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
import yaml

from docs.snippets import PROGRAMS, ROOT, split
from highlightr.cli.app import app
from highlightr.cli.lazy import Subcommand
from highlightr.core.errors import HighlightrError
from highlightr.zoo import load_preset
from highlightr.zoo.manifest import entry

PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]*([,=-][A-Z_]+)*(:[A-Z]+)?|…|NAME …")
SCRIPTS = ("benchmarks", "research", "docs", "tests/fuzz")
"""Folders of programs that pages name."""

DOCKER_OPTIONS = ("--rm", "--gpus", "--build-arg", "--tag", "-t", "-v", "-p", "--network", "--target")


def command_problems(command: str, own: Collection[str] = (), whole: bool = True) -> list[str]:
    """What is wrong with a command.

    Args:
        command: one command, as it is typed.
        own: folders that the page makes, which may stand where a preset's name does.
        whole: it must be complete; a command that is only mentioned may lack its arguments.
    """
    try:
        words = split(command)
    except ValueError as error:
        return [f"cannot be split into words: {error}"]
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    words = list(itertools.takewhile(lambda word: word not in ("&&", "|", ">", "2>"), words))
    if not words:
        return []
    check = _CHECKS.get(words[0].rpartition("/")[2])
    if check is None:
        return [f"{words[0]!r} is no program that a page may call ({', '.join(PROGRAMS)}); mark other text as `text`"]
    return check(words[1:], own, whole)


def mention_problems(text: str, own: Collection[str] = ()) -> list[str]:
    """What is wrong with a command or an option inside the text; ``a|b`` means either."""
    if text.startswith("--"):
        option = re.match(r"--[a-z0-9-]*", text)
        name = option[0] if option else text
        return [] if name in known_options() or name in ("--", *DOCKER_OPTIONS) else [f"no command has {name}"]
    return list(dict.fromkeys(itertools.chain(*(command_problems(each, own, False) for each in _readings(text)))))


def _readings(text: str) -> Iterator[str]:
    """Every command that a span with alternatives stands for."""
    typed = (text if text.startswith("pip") else text.replace("[", "").replace("]", "")).split()
    words = [
        "VALUE" if word == "…" else word
        for before, word in zip(["", *typed], typed, strict=False)
        if word != "…" or before.startswith("--")
    ]
    choices = [word.split("|") if re.fullmatch(r"[\w,.-]+(\|[\w,.-]+)+", word) else [word] for word in words]
    yield from (" ".join(each) for each in itertools.islice(itertools.product(*choices), 50))


# ---- highlightr ------------------------------------------------------------------------------------------------------


@cache
def _root() -> tuple[Any, Any]:
    group = typer.main.get_command(app)
    return group, group.make_context("highlightr", [], resilient_parsing=True)


def all_commands() -> Iterator[tuple[str, Any]]:
    """Name and command of everything that `highlightr` runs, groups left out."""
    group, context = _root()
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        command = command.load() if isinstance(command, Subcommand) else command
        inner = getattr(command, "commands", None)
        yield from ((f"{name} {each}", inner[each]) for each in inner) if inner else [(name, command)]


@cache
def known_options() -> frozenset[str]:
    """Every long option of the command line, and of the scripts beside it."""
    found = {"--help", "--version", "--install-completion", "--show-completion"}
    for _, command in all_commands():
        for param in command.get_params(_context(command)):
            found.update((*param.opts, *param.secondary_opts))
    for path in itertools.chain(*((ROOT / folder).glob("*.py") for folder in SCRIPTS)):
        found.update(re.findall(r'"(--[a-z][a-z-]*)"', path.read_text(encoding="utf-8")))
    return frozenset(found)


def _context(command: Any) -> Any:
    context = command.make_context(command.name, [], resilient_parsing=True)
    context.resilient_parsing = False
    return context


def _highlightr(words: list[str], own: Collection[str], whole: bool) -> list[str]:
    table = dict(all_commands())
    if not words or words[0].startswith("-"):
        return [f"`highlightr` has no {word}" for word in words if word not in known_options()]
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in table), None)
    if name is None:
        groups = {each.split()[0] for each in table if " " in each}
        if words[0] in groups and len(words) == 1 and not whole:
            return []
        return [f"`highlightr` has no command {' '.join(words[:2])!r}"]
    command, rest = table[name], words[len(name.split()) :]
    if "--help" in rest:
        return []
    context = _context(command)
    try:
        values, extra, _ = command.make_parser(context).parse_args(list(rest))
    except Exception as error:  # noqa: BLE001 - typer's own class has no public name
        if not whole and "requires an argument" in str(error):
            return []
        return [f"{name}: {getattr(error, 'message', error)}"]
    problems = [f"{name}: {each!r} is one argument too many" for each in extra]
    for param in command.get_params(context):
        value = values.get(param.name)
        if param.required and not value and whole:
            problems.append(f"{name}: {param.opts[0]} is missing")
        if value is not None and not _is_placeholder(value) and param.callback is None:
            problems += _converted(name, param, context, value)
    return problems + _names(name, values, own)


def _is_placeholder(value: Any) -> bool:
    values = value if isinstance(value, list | tuple) else [value]
    return any(isinstance(each, str) and PLACEHOLDER.fullmatch(each) for each in values)


def _converted(name: str, param: Any, context: Any, value: Any) -> list[str]:
    try:
        param.process_value(context, value)
    except Exception as error:  # noqa: BLE001 - as above
        return [f"{name}: {param.opts[0]} {value}: {getattr(error, 'message', error)}"]
    return []


def _names(name: str, values: dict[str, Any], own: Collection[str]) -> list[str]:
    """Presets and weights that a command names and that do not exist."""
    wanted: list[tuple[Callable[[str], object], str]] = []
    if values.get("preset"):
        wanted.append((load_preset, str(values["preset"])))
    if name in ("models pull", "models verify"):
        wanted += [(entry, str(each)) for each in values.get("names") or ()]
    problems = []
    for find, text in wanted:
        if text in own or _is_placeholder(text):
            continue
        try:
            find(text)
        except HighlightrError as error:
            problems.append(f"{name}: {error}")
    return problems


# ---- other programs --------------------------------------------------------------------------------------------------


def _python(words: list[str], _own: Collection[str], _whole: bool) -> list[str]:
    if words[:1] != ["-m"]:
        script = next((word for word in words if not word.startswith("-")), "")
        return [] if not script.endswith(".py") or (ROOT / script).is_file() else [f"there is no {script}"]
    module = words[1] if len(words) > 1 else ""
    if _is_placeholder(module):
        return []
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        return [f"there is no module {module!r}"]
    if not Path(spec.origin).is_relative_to(ROOT):
        return []
    options = known_options()
    return [f"{module} has no {word}" for word in words[2:] if word.startswith("--") and word not in options]


def _pip(words: list[str], _own: Collection[str], _whole: bool) -> list[str]:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = [extra for word in words for group in re.findall(r"\[([\w,-]+)\]", word) for extra in group.split(",")]
    return [f"there is no extra {extra!r}" for extra in named if extra not in extras]


def _make(words: list[str], _own: Collection[str], _whole: bool) -> list[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", text, re.MULTILINE))
    return [f"there is no target {word!r}" for word in words if "=" not in word and word not in targets]


def _docker(words: list[str], own: Collection[str], whole: bool) -> list[str]:
    if words[:1] == ["compose"]:
        services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
        named = [word for word in words[1:] if not word.startswith("-")][1:2]
        return [f"compose.yaml has no service {word!r}" for word in named if word not in services]
    arguments = [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--build-arg"]
    known = set(re.findall(r"^ARG (\w+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    problems = [f"the Dockerfile has no ARG {each}" for each in arguments if each.partition("=")[0] not in known]
    if words[:1] == ["run"] and "highlightr" in words:
        inside = words[_image_at(words) + 1 :]
        problems += _highlightr(inside, own, whole) if inside else []
    return problems


def _image_at(words: list[str]) -> int:
    """Where the image's name stands: after the options, of which some take a value that may look like it."""
    return next(at for at in range(1, len(words)) if words[at] == "highlightr" and words[at - 1] not in ("-v", "-t"))


def _anything(_words: list[str], _own: Collection[str], _whole: bool) -> list[str]:
    return []


_CHECKS: dict[str, Callable[[list[str], Collection[str], bool], list[str]]] = {
    "highlightr": _highlightr,
    "python": _python,
    "pip": _pip,
    "make": _make,
    "docker": _docker,
    "git": _anything,
    "cd": _anything,
    "ray": _anything,
}
