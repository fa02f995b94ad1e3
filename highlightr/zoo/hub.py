"""Weights that lie on the Hugging Face hub under their own names, fetched by its client when they are asked for.

In: a checkpoint's name, ``hub:OWNER/REPOSITORY``. Out: the file on this machine, in the hub's own cache, and what to
say of it. The client checks the size and hash that the hub states, and goes on where a fetch broke off.
"""

from __future__ import annotations

import os
from pathlib import Path

from highlightr.core.errors import WeightsError
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
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repository = name.removeprefix(PREFIX)
    try:
        return Path(hf_hub_download(repository, FILE, local_files_only=is_offline()))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"cannot fetch {FILE} of {repository} from the hub: {reason}; on a machine with a network run "
            f"`hf download {repository} {FILE}` and copy its cache folder"
        ) from error
