# The images, made without Docker.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m tests.container WORK``: takes the steps of the Dockerfile in chroots.

As root, on Debian, with debootstrap. Each stage is a copy of a minimal Debian in the
folder WORK; a RUN is run in it, a COPY copies. Then both programs are started as their
user, on read-only roots with a common /data, in a network of their own, until their
health commands are content and the component has found the engine.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import dockerfile
from tests.support.dockerfile import FOLDER, ROOT, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

SUITE = "bookworm"
HEALTH_TIMEOUT_S = 90.0
LOOK_S = 1.0
STOP_TIMEOUT_S = 30.0
# What the way out of this host is made of; Docker gives containers the like.
NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
NETWORK_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")
CERTIFICATES = "/etc/prusacam-build-certificates.crt"
ISOLATED = "--isolated"
IGNORED = shutil.ignore_patterns("__pycache__", "*.so")
STATUS_URL = "http://127.0.0.1:7125/server/prusacam/status"
SNAPSHOT_URL = "http://127.0.0.1:8081/snapshot.jpg"


def say(text: str) -> None:
    print(text, flush=True)


def run(*command: str | Path, **environment: str) -> None:
    subprocess.run(list(map(str, command)), env=os.environ | environment, check=True)


class Image:
    """A stage, as a folder."""

    def __init__(self, stage: Stage, work: Path) -> None:
        self.stage = stage
        self.root = work / stage.name
        self.user = "0:0"
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
        self.environment["PATH"] += ":/sbin:/bin"

    def command(self, *words: str) -> list[str]:
        """The command that runs ``words`` in the folder, as the image's user."""
        settings = [f"{name}={value}" for name, value in self.environment.items()]
        inside = ["env", "-i", *settings, *words]
        inside = ["chroot", f"--userspec={self.user}", str(self.root), *inside]
        mount = f"mount -t proc proc {shlex.quote(str(self.root / 'proc'))}"
        script = f"{mount} && exec {shlex.join(inside)}"
        return ["unshare", "--mount", "--pid", "--fork", "sh", "-c", script]

    def configure(self, instruction: str, value: str) -> None:
        """Take a step that changes nothing but what later ones find."""
        if instruction == "ENV":
            self.environment |= dockerfile.variables(value)
        elif instruction == "USER":
            self.user = value

    def build(self, base: Path, others: dict[str, Image]) -> None:
        """Take all steps."""
        if self.root.exists():
            shutil.rmtree(self.root)
        run("cp", "-a", base, self.root)
        network = self._enter_network()
        for instruction, value in self.stage.steps:
            say(f"[{self.stage.name}] {instruction} {value}")
            if instruction == "RUN":
                settings = [f"{name}={text}" for name, text in network.items()]
                words = ["env", *settings, "/bin/sh", "-ec", value]
                subprocess.run(self.command(*words), check=True)
            elif instruction == "COPY":
                self._copy(shlex.split(value), others)
            else:
                self.configure(instruction, value)

    def _copy(self, words: list[str], others: dict[str, Image]) -> None:
        if words[0].startswith("--from="):
            origin, (source, target) = (
                others[words[0].partition("=")[2]].root,
                words[1:],
            )
            copied = origin / source.lstrip("/")
            run("cp", "-aT", copied, self.root / target.lstrip("/"))
            return
        (_, target) = words
        for name in dockerfile.context():
            place = self.root / target.lstrip("/") / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, place, symlinks=True, ignore=IGNORED)
            else:
                shutil.copy2(ROOT / name, place)

    def _enter_network(self) -> dict[str, str]:
        for name in NETWORK_FILES[:2]:
            shutil.copyfile(name, self.root / name.lstrip("/"))
        certificates = self.root / CERTIFICATES.lstrip("/")
        shutil.copyfile(NETWORK_FILES[2], certificates)
        kept = {
            name: os.environ[name] for name in NETWORK_VARIABLES if name in os.environ
        }
        return {"DEBIAN_FRONTEND": "noninteractive", "PIP_CERT": CERTIFICATES, **kept}


def build(work: Path) -> None:
    """Make all images."""
    base = work / "base"
    if not base.exists():
        say(f"debootstrap {SUITE}")
        run("debootstrap", "--variant=minbase", SUITE, base)
    images: dict[str, Image] = {}
    for stage in dockerfile.stages(dockerfile.DOCKERFILE.read_text()):
        images[stage.name] = Image(stage, work)
        images[stage.name].build(base, images)
        used = subprocess.run(
            ["du", "-sh", images[stage.name].root],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()[0]
        say(f"[{stage.name}] takes {used}")


def start(image: Image, data: Path) -> subprocess.Popen[bytes]:
    """Run the image as compose.yaml does: read-only, with /data and /tmp."""
    root = image.root
    for instruction, value in image.stage.steps:
        image.configure(instruction, value)
    run("mount", "--bind", root, root)
    run("mount", "--bind", data, root / "data")
    run("mount", "-t", "tmpfs", "tmpfs", root / "tmp")
    run("mount", "-o", "remount,bind,ro", root)
    words = image.stage.command()
    say(f"[{image.stage.name}] {shlex.join(words)}")
    return subprocess.Popen(image.command(*words))


def until_healthy(image: Image) -> None:
    """Return when the image's health command succeeds; raises TimeoutError."""
    words = image.stage.health_command()
    deadline = time.monotonic() + HEALTH_TIMEOUT_S
    while True:
        done = subprocess.run(image.command(*words), capture_output=True, check=False)
        if not done.returncode:
            say(f"[{image.stage.name}] healthy: {shlex.join(words)}")
            say(done.stdout.decode())
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{image.stage.name}: {done.stderr.decode()}")
        time.sleep(LOOK_S)


def fetch(image: Image, url: str) -> bytes:
    code = f"import urllib.request as r, sys; d = r.urlopen({url!r}, timeout=10).read()"
    words = ["/usr/bin/python3", "-c", f"{code}; sys.stdout.buffer.write(d)"]
    return subprocess.run(image.command(*words), capture_output=True, check=True).stdout


def try_out(work: Path) -> None:
    """Run both images; whatever is wrong is an exception."""
    run("ip", "link", "set", "lo", "up")
    images = {
        stage.name: Image(stage, work)
        for stage in dockerfile.stages(dockerfile.DOCKERFILE.read_text())
    }
    data = work / "data"
    shutil.rmtree(data, ignore_errors=True)
    # As Docker fills a new volume: with what the image has there.
    run("cp", "-a", images["engine"].root / "data", data)
    shutil.copytree(FOLDER / "config", data / "config", dirs_exist_ok=True)
    run("chown", "-R", "1000:1000", data)
    running = []
    try:
        for name in ("moonraker", "engine"):
            running.append(start(images[name], data))
        for name in ("moonraker", "engine"):
            until_healthy(images[name])
        status = json.loads(fetch(images["moonraker"], STATUS_URL))["result"]
        say(f"the component says: {json.dumps(status)[:300]}")
        assert status["cameras"][0]["state"] == "live", status
        picture = fetch(images["engine"], SNAPSHOT_URL)
        assert picture.startswith(b"\xff\xd8"), picture[:100]
        say(f"{SNAPSHOT_URL}: a JPEG of {len(picture)} bytes")
        owners = {path.stat().st_uid for path in data.rglob("*")}
        assert owners == {1000}, owners
    finally:
        for process in running:
            # unshare(1) passes no signal on; its child is the first of a namespace.
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            for child in children.read_text().split():
                os.kill(int(child), signal.SIGTERM)
            process.wait(STOP_TIMEOUT_S)
    say("both ended when they were told to")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path, help="where the folders are made")
    parser.add_argument("--run-only", action="store_true", help="they are made already")
    parser.add_argument(ISOLATED, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    work: Path = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if options.isolated:
        try_out(work)
        return 0
    if not options.run_only:
        build(work)
    again = (sys.executable, "-m", "tests.container", ISOLATED, work)
    run("unshare", "--mount", "--net", "--fork", *again)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
