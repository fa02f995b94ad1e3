"""Models of speech recognition, by the names under which faster-whisper knows them.

In: a name, or a folder of the user's. Out: a folder with the model and its tokenizer. A model is fetched once from the
Hugging Face hub by its client, into the home folder; what the hub states of each file (its hash) is checked when it
arrives, and what arrived is checked again before it is opened. `HIGHLIGHTR_OFFLINE=1` forbids the network.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from highlightr.core.config import read_json_or_none
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.extras import need
from highlightr.core.files import move, staging_folder
from highlightr.core.folders import home_folder, make_folder
from highlightr.core.hashing import file_sha256
from highlightr.zoo.checksums import digests
from highlightr.zoo.hub import fetching, is_offline
from highlightr.zoo.records import lock, write_json

_SYSTRAN = "tiny.en tiny base.en base small.en small medium.en medium large-v1 large-v2 large-v3"

REPOSITORIES: Mapping[str, str] = {
    **{name: f"Systran/faster-whisper-{name}" for name in _SYSTRAN.split()},
    **{f"distil-{name}": f"Systran/faster-distil-whisper-{name}" for name in ("small.en", "medium.en", "large-v3")},
    "large-v3-turbo": "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
}
"""Name to repository on the hub."""

_NEEDED = ("config.json", "model.bin", "tokenizer.json")
_PATTERNS = (*_NEEDED, "preprocessor_config.json", "vocabulary.json", "vocabulary.txt")
_RECORD = "fetched.json"


@dataclass(frozen=True)
class _Fetched:
    """What lies in the folder."""

    repository: str
    revision: str
    """The commit that was fetched."""
    sha256: dict[str, str]
    """Of each file."""


@dataclass(frozen=True)
class SpeechModel:
    """A model on this machine."""

    name: str
    folder: Path
    source: str
    sha256: str
    """Of `model.bin`."""


def check_speech_model(name: str) -> None:
    """Refuse a name that means nothing, before any work; nothing is fetched.

    Raises:
        ConfigError: no such model, a folder that holds none, or faster-whisper is not installed.
    """
    given: object = name
    if not isinstance(given, str):
        raise ConfigError(f"transcribe must be the name of a model, got {name!r}")
    need("--transcribe", "faster_whisper")
    folder = Path(name)
    if folder.is_dir():
        missing = [file for file in _NEEDED if not (folder / file).is_file()]
        if missing:
            raise ConfigError(f"{name}: holds no model for faster-whisper, {missing[0]} is missing")
    elif name not in REPOSITORIES:
        raise ConfigError(f"transcribe knows no model {name!r}; there are {', '.join(REPOSITORIES)}")


def speech_model(name: str) -> SpeechModel:
    """The model, fetched if it is not here, and checked.

    Raises:
        ConfigError: as for `check_speech_model`.
        WeightsError: it cannot be fetched, or is not what was fetched.
    """
    check_speech_model(name)
    if Path(name).is_dir():
        folder = Path(name)
        return SpeechModel(folder.absolute().name, folder, "the user's own", file_sha256(folder / "model.bin"))
    folder = home_folder() / "speech" / name
    with lock(f"speech-{name}"):
        record = read_json_or_none(folder / _RECORD, _Fetched) or _fetch(name, folder)
        for file, sha256 in record.sha256.items():
            if not (folder / file).is_file() or file_sha256(folder / file) != sha256:
                raise WeightsError(f"{folder / file} is damaged; remove {folder} and it is fetched again")
    return SpeechModel(name, folder, f"https://huggingface.co/{record.repository}", record.sha256["model.bin"])


def _fetch(name: str, folder: Path) -> _Fetched:
    if is_offline():
        raise WeightsError(
            f"HIGHLIGHTR_OFFLINE forbids to fetch the speech model {name}; copy {folder} from a machine that has it"
        )
    import huggingface_hub

    repository = REPOSITORIES[name]
    with fetching(f"the speech model {name} from the hub ({repository})"):
        about = huggingface_hub.HfApi().model_info(repository, files_metadata=True)
        listed = {each.rfilename: each for each in about.siblings or () if each.rfilename in _PATTERNS}
        make_folder(folder.parent)
        with staging_folder(folder.parent) as staging:
            place = staging / name
            for file in listed:
                huggingface_hub.hf_hub_download(repository, file, revision=about.sha, local_dir=place)
            sha256 = {file: _checked(place / file, each) for file, each in listed.items()}
            if not set(_NEEDED) <= set(sha256):
                raise WeightsError(f"{repository} on the hub holds no model for faster-whisper")
            fetched = _Fetched(repository, str(about.sha), sha256)
            write_json(place / _RECORD, asdict(fetched))
            shutil.rmtree(place / ".cache", ignore_errors=True)  # The client's own notes.
            shutil.rmtree(folder, ignore_errors=True)
            move(place, folder)
    return fetched


def _checked(path: Path, stated: Any) -> str:
    """The file's SHA-256, if the file is the one that the hub states."""
    found = digests(path, git_blob_sha1=True)
    wanted, got = (stated.lfs.sha256, found.sha256) if stated.lfs else (stated.blob_id, found.git_blob_sha1)
    if got != wanted:
        raise WeightsError(f"{path.name} arrived with the hash {got} instead of {wanted}; try again")
    return found.sha256
