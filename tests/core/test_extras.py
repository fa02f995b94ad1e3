"""Without an extra: everything of the base works, and what misses a package says so in one line before any work."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.extras import EXTRA_OF, need
from tests.mediamaker import made

REPOSITORY = Path(__file__).resolve().parents[2]

WITHOUT_EXTRAS = f"""
import sys
from importlib import machinery


class Finder(machinery.PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = super().find_spec(name, path, target)
        return None if name.partition(".")[0] in {set(EXTRA_OF)} else found

sys.meta_path[:] = [each for each in sys.meta_path if each is not machinery.PathFinder] + [Finder]
sys.argv[0] = "highlightr"
from highlightr.cli import main
main()
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_EXTRAS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_packages_are_of_extras_that_exist() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(EXTRA_OF.values()) <= set(extras)
    (everything,) = extras["all"]
    assert set(re.findall(r"[\w-]+", everything)) - {"highlightr"} == set(extras) - {"all", "dev", "docs"}
    base = {re.split(r"[<>=\[]", each)[0] for each in project["dependencies"]}
    assert not base & {each.replace("_", "-") for each in EXTRA_OF}


def test_a_package_that_is_not_here_is_named_with_the_command() -> None:
    need("this", "torch")
    with pytest.raises(ConfigError, match=r"x needs the package lightning_: run `pip install 'highlightr\[train\]'`"):
        need("x", "lightning_", extra="train")


@pytest.mark.parametrize("command", [["--help"], ["presets"], ["doctor"], ["models", "list"]], ids=" ".join)
def test_what_needs_no_extra_works_without(command: list[str]) -> None:
    assert run(*command).returncode == 0


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("summarize VIDEO --preset clip -q cat", "backbones"),
        ("score VIDEO --preset cfsum-charades -q cat", "backbones"),
        ("summarize VIDEO --preset davihd-debug", "backbones"),
        ("summarize VIDEO --detector transnetv2", "backbones"),
        ("extract VIDEO --features cnn14 --out OUT", "backbones"),
        ("models describe davihd-tvsum", "backbones"),
        ("train --config cfsum-charades --data OUT", "train"),
        ("ablate --config cfsum-charades --data OUT", "train"),
        ("batch VIDEO OUT --engine ray", "ray"),
        ("web . --no-browser", "web"),
    ],
)
def test_what_misses_an_extra_says_so_in_one_line(tmp_path: Path, command: str, extra: str) -> None:
    places = {"VIDEO": made("plain.mp4", seconds=2.0), "OUT": tmp_path / "out"}
    done = run(*(places.get(word, word) for word in command.split()))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert f"highlightr[{extra}]" in last
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".mp4", ".json", ".npz", ".h5")]
