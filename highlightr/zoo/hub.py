"""Weights that lie on the Hugging Face hub under their own names, fetched by its client when they are asked for.

In: a checkpoint's name, ``hub:OWNER/REPOSITORY``. Out: the file on this machine, in the hub's own cache, and what to
say of it. The client checks the size and hash that the hub states, and goes on where a fetch broke off.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from highlightr.core.errors import HighlightrError, WeightsError
from highlightr.zoo.manifest import WeightsEntry

PREFIX = "hub:"
FILE = "open_clip_model.safetensors"
"""As open_clip's repositories call it."""


def is_offline() -> bool:
    """Whether `HIGHLIGHTR_OFFLINE` forbids the network, to the hub and to every other place."""
    return os.environ.get("HIGHLIGHTR_OFFLINE", "").strip().lower() in ("1", "true", "yes", "on")


def is_on_hub(name: str) -> bool:
    """Whether a checkpoint's name is one of the hub's."""
    return name.startswith(PREFIX)


def hub_entry(name: str) -> WeightsEntry:
    """What is known of it without looking."""
    repository = name.removeprefix(PREFIX)
    return WeightsEntry(
        name=name,
        title=f"{repository} on the Hugging Face hub",
        file=FILE,
        licence="as its page says",
        citation="as its page says",
        page=f"https://huggingface.co/{repository}",
    )


def hub_file(name: str) -> Path:
    """The file, fetched if it is not here; a `WeightsError` where it cannot be."""
    if is_offline():  # Tokenizers are fetched by the same client, which reads this when it is imported.
        os.environ["HF_HUB_OFFLINE"] = "1"
    from huggingface_hub import hf_hub_download

    repository = name.removeprefix(PREFIX)
    by_hand = f"; on a machine with a network run `hf download {repository} {FILE}` and copy its cache folder"
    with fetching(f"{FILE} of {repository} from the hub", by_hand):
        return Path(hf_hub_download(repository, FILE, local_files_only=is_offline()))


@contextmanager
def fetching(what: str, remedy: str = "") -> Iterator[None]:
    """Whatever the client fails of is a `WeightsError`: also classes of the HTTP library that its release brings."""
    try:
        yield
    except HighlightrError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise WeightsError(f"cannot fetch {what}: {reason}{remedy}") from error
