# A printer's host as a tree of files.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Root and home of a host with Moonraker, as its installers leave them."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs

from moonraker_prusacam.install.options import Options

MOONRAKER_CONF = """\
[server]
host: 0.0.0.0
port: 7125

[authorization]
trusted_clients:
    10.0.0.0/8   # the house

[update_manager]
refresh_interval: 168

[update_manager mainsail]
type: web
repo: mainsail-crew/mainsail
path: ~/mainsail
"""
PRINTER_CFG = """\
# My printer
[include mainsail.cfg]

[mcu]
serial: /dev/serial/by-id/usb-Klipper

[printer]
kinematics: corexy

#*# <---------------------- SAVE_CONFIG ---------------------->
#*# DO NOT EDIT THIS BLOCK OR BELOW. The contents are auto-generated.
#*#
#*# [bed_mesh default]
#*# version = 1
"""
ALLOWED = "klipper_mcu\nwebcamd\ncrowsnest\nsonar\n"
UNIT = """\
[Unit]
Description=API Server for Klipper SV1

[Service]
Type=simple
User={user}
EnvironmentFile={environment}
ExecStart={python} $MOONRAKER_ARGS
Restart=always
"""
STUB = """\
#!/bin/sh
# Stands for the command in a whole environment.
[ "$1" != check ] || exec {check}
"""


@attrs.frozen
class PrinterHost:
    """A host below ``path``; nothing is in it at first but folders."""

    path: Path

    @classmethod
    def make(cls, path: Path, *, has_systemd: bool = True) -> PrinterHost:
        """A new one."""
        host = cls(path)
        host.home.mkdir(parents=True)
        for folder in (
            "etc",
            "proc/net",
            "usr/bin",
            "etc/systemd/system/multi-user.target.wants",
        ):
            (host.root / folder).mkdir(parents=True)
        if has_systemd:
            (host.root / "run/systemd/system").mkdir(parents=True)
        (host.root / "etc/group").write_text("root:x:0:\nvideo:x:44:\n")
        return host

    @property
    def root(self) -> Path:
        return self.path / "root"

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def data(self) -> Path:
        return self.home / "printer_data"

    @property
    def config(self) -> Path:
        return self.data / "config"

    @property
    def components(self) -> Path:
        return self.home / "moonraker/moonraker/components"

    @property
    def units(self) -> Path:
        return self.root / "etc/systemd/system"

    def add_git_moonraker(self) -> None:
        """``~/moonraker``, a checkout."""
        git(self.home, "init", "-q", "moonraker")
        repository = self.home / "moonraker"
        _fill_package(repository / "moonraker")
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "-m", "Moonraker")

    def add_pip_moonraker(self) -> Path:
        """``~/moonraker-env`` with Moonraker in it; its folder of components."""
        packages = self.home / "moonraker-env/lib/python3.11/site-packages"
        _fill_package(packages / "moonraker")
        return packages / "moonraker/components"

    def add_data(self, name: str = "printer_data") -> Path:
        """A data folder, with configurations as a user has them."""
        data = self.home / name
        for folder in ("config", "comms", "logs", "gcodes", "systemd"):
            (data / folder).mkdir(parents=True)
        (data / "config/moonraker.conf").write_text(MOONRAKER_CONF)
        (data / "config/printer.cfg").write_text(PRINTER_CFG)
        (data / "moonraker.asvc").write_text(ALLOWED)
        return data

    def add_unit(
        self, arguments: str, *, unit: str = "moonraker", data: Path | None = None
    ) -> Path:
        """The unit of a Moonraker, with ``arguments`` in its environment file."""
        file = (data or self.data) / f"systemd/{unit}.env"
        file.write_text(arguments)
        path = self.units / f"{unit}.service"
        path.write_text(
            UNIT.format(
                user=pwd.getpwuid(os.getuid()).pw_name,
                environment=file,
                python=self.home / "moonraker-env/bin/python",
            )
        )
        return path

    def add_usual_unit(self, unit: str = "moonraker", data: Path | None = None) -> None:
        """A unit as KIAUH writes it for a checkout."""
        script = self.home / "moonraker/moonraker/moonraker.py"
        self.add_unit(
            f'MOONRAKER_ARGS="{script} -d {data or self.data}"\n', unit=unit, data=data
        )

    def options(self, **given: object) -> Options:
        """Options that ask nothing."""
        said: dict[str, Any] = {"yes": True, "no_doctor": True, **given}
        return Options(home=self.home, root=self.root, **said)

    def fill_environment(self, path: Path, check: str = "true") -> None:
        """What pip would leave in ``path``, as far as it is looked at."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        package = path / f"lib/{version}/site-packages/moonraker_prusacam"
        (package / "component/shim").mkdir(parents=True, exist_ok=True)
        (path / "bin").mkdir(exist_ok=True)
        program = path / "bin/prusacam"
        program.write_text(STUB.format(check=check))
        program.chmod(0o755)

    def listen_on(self, *ports: int) -> None:
        """Have the kernel's table of sockets say that somebody listens."""
        lines = [
            f"   {number}: 0100007F:{port:04X} 00000000:0000 0A 00000000:00000000"
            for number, port in enumerate(ports)
        ]
        header = "  sl  local_address rem_address   st tx_queue rx_queue"
        table = self.root / "proc/net/tcp"
        table.write_text("\n".join([header, *lines]) + "\n")

    def snapshot(self) -> dict[str, str]:
        """Every path with its mode and content, or where a link leads."""
        return tree(self.path)


def tree(path: Path) -> dict[str, str]:
    """Every path below ``path`` with its mode and content."""
    found = {}
    for folder, folders, files in os.walk(path):
        for name in [*folders, *files]:
            place = Path(folder, name)
            key = str(place.relative_to(path))
            mode = f"{stat.S_IMODE(place.lstat().st_mode):o}"
            if place.is_symlink():
                found[key] = f"-> {place.readlink()}"
            elif place.is_dir():
                found[key] = f"{mode} folder"
            elif not place.is_file():
                found[key] = f"{mode} socket"
            else:
                digest = hashlib.sha256(place.read_bytes()).hexdigest()
                found[key] = f"{mode} {digest}"
    return found


def _fill_package(package: Path) -> None:
    for folder in ("components", "assets"):
        (package / folder).mkdir(parents=True)
    (package / "moonraker.py").write_text("# Moonraker's start script\n")
    (package / "components/webcam.py").write_text("# a component of Moonraker\n")
    (package / "assets/default_allowed_services").write_text(ALLOWED)


def git(folder: Path, *words: str) -> None:
    """Run git there, as somebody."""
    user = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    subprocess.run(["git", *user, *words], cwd=folder, check=True, capture_output=True)


def git_status(repository: Path) -> str:
    """What git sees as changed, the way that Moonraker's update manager asks."""
    done = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
