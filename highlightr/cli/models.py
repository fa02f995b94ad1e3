"""`highlightr models`: the weights that presets run on, and what a preset's scorer looks like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import JsonChoice, group
from highlightr.cli.completion import complete_preset, complete_weights, words
from highlightr.cli.presets import preset_lines
from highlightr.cli.say import say, say_facts, say_folded
from highlightr.cli.terminal import progress_hook
from highlightr.core.errors import FAILURE, ConfigError
from highlightr.core.outputs import check_no_input
from highlightr.scorers import check_weights
from highlightr.scorers import describe as describe_scorer
from highlightr.zoo import installer, load_preset, store
from highlightr.zoo.convert import convert as rewrite

app = group("List, fetch, check and convert weights; describe a preset's scorer.")

Names = Annotated[
    list[str], typer.Argument(help="Names from `highlightr models list`.", autocompletion=complete_weights)
]


@app.command("list")
def list_(as_json: JsonChoice = False) -> None:
    """Every set of weights: where it comes from, how large it is, whether it is here."""
    states = store.list_weights()
    if as_json:
        say(json.dumps([_row(state) for state in states], indent=2))
        return
    for state in states:
        entry = state.entry
        size = f"{state.size_bytes / 1e6:.0f} MB" if state.size_bytes else "size unknown"
        say_facts(f"{entry.name} ({state.state}, {size})", (("", entry.title), ("licence", entry.licence)))


@app.command()
def pull(names: Names) -> None:
    """Fetch weights, check them, and keep them as tensors only; what is here already is left as it is."""
    with progress_hook(quiet=False) as progress:
        pulled = installer.pull(names, progress)
    for item in pulled:
        say(f"{item.name}: {item.path}{'' if item.fetched else ' (was there already)'}")
        if item.newly_pinned:
            say_folded("no full hash is published; later pulls must match the one that was found, SHA-256", begin="  ")
            say(f"  {item.sha256}")


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="All that are here, if none is named.", autocompletion=complete_weights)
    ] = None,
) -> None:
    """Read weights and compare their hashes; exit code 1 if one is damaged or missing."""
    results = store.verify(names or None)
    for result in results:
        say_folded(f"{result.name}  {result.detail}", begin=f"{result.state:<8} ")
    if any(result.state != "ok" for result in results):
        raise typer.Exit(FAILURE)


@app.command()
def path(
    name: Annotated[str, typer.Argument(help="A name from `highlightr models list`.", autocompletion=complete_weights)],
) -> None:
    """Print where weights lie."""
    say(store.weights_path(name))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A checkpoint that was fetched by hand or trained.")],
    name: Annotated[str, typer.Option("--as", help="Which weights it is.", autocompletion=complete_weights)],
) -> None:
    """Take a checkpoint from a file instead of the network."""
    say(installer.import_file(file, name, check_weights).path)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="A checkpoint: .pth, .pt, .pyth, .tgz or .safetensors.")],
    target: Annotated[Path, typer.Argument(help="The .safetensors file to write.")],
    layout: Annotated[
        str,
        typer.Option(
            help="`plain`: tensors under their own names; `davihd`: the DAViHD authors' checkpoint.",
            autocompletion=words("plain", "davihd"),
        ),
    ] = "plain",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the target.")] = False,
) -> None:
    """Rewrite a checkpoint as safetensors; one that needs code to be read is refused."""
    check_no_input(target, (source,), "the checkpoint itself")
    if layout == "davihd":
        from highlightr.scorers.davihd.convert import convert_davihd

        convert_davihd(source, target, overwrite=overwrite)
    elif layout == "plain":
        rewrite(source, target, overwrite=overwrite)
    else:
        raise ConfigError(f"no layout {layout!r}; there are plain and davihd")
    say(target)


@app.command()
def describe(
    preset: Annotated[
        str, typer.Argument(help="A name from `highlightr presets`, or a .yaml file.", autocompletion=complete_preset)
    ],
    as_json: JsonChoice = False,
) -> None:
    """What a preset is good for and needs; its scorers' streams, clip length, longest input, parameters per block."""
    chosen = load_preset(preset)
    serves = {chosen.use.query: "a query", chosen.use.no_query: "no query"}
    if len(chosen.in_use) == 1:
        serves = {chosen.use.query: "all"}
    found = [
        {"preset": chosen.name, "name": name, "serves": serves.get(name), **describe_scorer(item.name, item.config)}
        for name, item in chosen.scorers.items()
    ]
    if as_json:
        say(json.dumps(found[0] if len(found) == 1 else {"preset": chosen.name, "scorers": found}, indent=2))
        return
    say_facts(chosen.name, preset_lines(chosen, {state.entry.name: state for state in store.list_weights()}).items())
    for each in found:
        say("")
        parameters = each.pop("parameters")
        for key, value in each.items():
            say_folded(_words(value), begin=f"{key:<16} ")
        for block, count in parameters.items():
            say(f"  {block:<24} {count:>13,}")


def _row(state: Any) -> dict[str, Any]:
    return {
        "name": state.entry.name,
        "state": state.state,
        "path": str(state.path) if state.path else None,
        "size_bytes": state.size_bytes,
        "sha256": state.sha256 or None,
        "pinned": state.pinned,
        "licence": state.entry.licence,
        "title": state.entry.title,
    }


def _words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {width}" for name, width in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "any" if value is None else str(value)
