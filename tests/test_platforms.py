"""Nothing is tied to one system: every module imports, and the command line starts, without what only POSIX has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "highlightr"

HIDDEN_MODULES = ("fcntl", "grp", "posix", "pwd", "resource", "syslog", "termios", "tty")
HIDDEN_NAMES = {
    "os": ("fork", "getpgrp", "geteuid", "getuid", "killpg", "sched_getaffinity", "setsid", "statvfs"),
    "signal": ("SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "pthread_sigmask"),
}

WITHOUT_POSIX = f"""
import builtins, importlib, os, signal, sys
import {{libraries}}
really_import = builtins.__import__

def hide(name, globals=None, *rest, **named):
    # Libraries have their own ways on each system; only highlightr's modules are looked at.
    asking = (globals or {{{{}}}}).get("__name__", "")
    if asking.startswith("highlightr") and name.partition(".")[0] in {HIDDEN_MODULES}:
        raise ModuleNotFoundError(f"{{{{asking}}}} imports {{{{name}}}}", name=name)
    return really_import(name, globals, *rest, **named)

builtins.__import__ = hide
for owner, names in {{hidden_names}}.items():
    for name in names:
        if hasattr(sys.modules[owner], name):
            delattr(sys.modules[owner], name)
"""


def run(code: str, libraries: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    prelude = WITHOUT_POSIX.format(libraries=libraries, hidden_names=repr(HIDDEN_NAMES))
    return subprocess.run([sys.executable, "-c", prelude + code, *arguments], capture_output=True, text=True)


def test_every_module_imports_without_what_only_posix_has() -> None:
    modules = sorted(path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.py"))
    names = [".".join(path.parts).removesuffix(".__init__") for path in modules if path.name != "__main__"]
    assert len(names) > 100
    code = f"for name in {names}: importlib.import_module(name)\n"
    done = run(code, "av, asyncio, onnxruntime, torch, torchvision, filelock, typer, rich, subprocess, tempfile")
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("arguments", [["--help"], ["doctor"], ["presets"], ["models", "verify"]], ids=" ".join)
def test_the_command_line_starts_without_it(arguments: list[str]) -> None:
    code = "sys.argv[0] = 'highlightr'\nfrom highlightr.cli import main\nmain()\n"
    done = run(code, "asyncio, filelock, typer, rich, subprocess, tempfile", *arguments)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr


def test_hiding_works() -> None:
    done = run("__name__ = 'highlightr.x'\nimport fcntl\n", "subprocess")
    assert "highlightr.x imports fcntl" in done.stderr
