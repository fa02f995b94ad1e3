"""Compiled models on disk, so that a network is exported once for a machine and not in every run.

In: a network's name and the digest of its weights. Out: a sealed file below `home_folder()/compiled`; engines open it
themselves. Other weights, or other code, lead to another file; what was not opened for a month goes when one comes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from highlightr.core.errors import OutputError
from highlightr.core.files import move, remove_abandoned, staging_folder
from highlightr.core.folders import home_folder, make_folder
from highlightr.core.hashing import code_digest
from highlightr.core.sealed import SealedFile, clear_sealed, remove_file, sealed_files, write_sealed

logger = logging.getLogger(__name__)

_SUFFIX = ".onnx.sealed"
_SEAL_FIELD = b"\xa2\x06\x20"
"""Ends a compiled model: with it the seal that follows is a field of 32 bytes, number 100, which readers skip."""

_UNUSED_SECONDS = 30 * 24 * 3600.0


def compiled_file(name: str, weights_sha256: str) -> Path:
    """Where a model is kept, if it is."""
    return _folder() / f"{name}-{weights_sha256[:12]}-{code_digest('features')[:12]}{_SUFFIX}"


@contextmanager
def keeping(path: Path, graph: bytes) -> Iterator[Path | None]:
    """A file of this thread's own with the model in it, kept at the end unless an error came; `None` where nothing can
    be written, which costs only a note in the log."""
    with ExitStack() as staging:
        partial: Path | None = None
        try:
            make_folder(_folder())
            _make_room()
            partial = staging.enter_context(staging_folder(_folder())) / path.name
            write_sealed(partial, graph + _SEAL_FIELD)
            del graph  # Up to 300 MB, not needed beside the model that is opened meanwhile.
        except OutputError as error:
            logger.info("%s cannot be kept for next time: %s", path.name, error)
            partial = None
        yield partial
        try:
            if partial is not None:
                move(partial, path)
        except OutputError as error:
            logger.info("%s cannot be kept for next time: %s", path.name, error)


def compiled_files() -> list[SealedFile]:
    """Everything that is kept, most recently used first."""
    return sealed_files(_folder(), _SUFFIX)


def clear_compiled() -> tuple[int, int]:
    """Remove everything; (number of models, bytes) that went. A process that has one open, or makes one, goes on."""
    return clear_sealed(_folder(), _SUFFIX)


def _folder() -> Path:
    return home_folder() / "compiled"


def _make_room() -> None:
    """Remove what nothing uses any more: other weights', an older version's."""
    remove_abandoned(_folder())
    for each in compiled_files():
        if time.time() - each.used_at > _UNUSED_SECONDS:
            remove_file(each.path)
