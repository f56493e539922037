# What the installer can be told.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options, declared once: for the command line, and for install.sh before it.

Each question of the installer has an option that answers it.
"""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .host import Host

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Flag:
    """One option; a switch where there is no ``metavar``."""

    name: str
    help: str
    metavar: str = ""
    is_path: bool = False

    @property
    def dest(self) -> str:
        """The name of its value."""
        return self.name.removeprefix("--").replace("-", "_")


HOST_FLAGS = (
    Flag("--data", "Data folder of the Moonraker that is meant.", "PATH", is_path=True),
    Flag("--dry-run", "Show every change, and make none."),
    Flag("--yes", "Ask nothing: take what is found, and what the options say."),
    Flag("--no-systemd", "Leave systemd alone: the engine is started in another way."),
    Flag("--home", "Home of the user, if not yours.", "PATH", is_path=True),
    Flag("--root", "Root of a system that does not run.", "PATH", is_path=True),
)
INSTALL_FLAGS = (
    Flag("--camera", "Where pictures come from, as in 'source:'.", "SOURCE"),
    Flag("--name", "How the camera is called; 'front' if not given.", "NAME"),
    Flag(
        "--token-file",
        "A file that holds the camera's token of Prusa Connect.",
        "FILE",
        is_path=True,
    ),
    Flag("--feed", "Run the Raspberry Pi's camera in a service of its own."),
    Flag("--no-moonraker", "Install the engine alone."),
    Flag("--no-doctor", "Do not look at the end whether all works."),
    *HOST_FLAGS,
)
UNINSTALL_FLAGS = (
    Flag("--purge", "Remove configuration, identity, frames and videos, too."),
    *HOST_FLAGS,
)


@dataclass(frozen=True)
class Options:
    """What was said; the names are those of the flags."""

    data: Path | None = None
    dry_run: bool = False
    yes: bool = False
    no_systemd: bool = False
    home: Path | None = None
    root: Path | None = None
    camera: str | None = None
    name: str | None = None
    token_file: Path | None = None
    feed: bool = False
    no_moonraker: bool = False
    no_doctor: bool = False
    purge: bool = False

    @property
    def host(self) -> Host:
        """The host that is meant."""
        return Host(
            home=(self.home or Path.home()).absolute(),
            user=_user(),
            root=(self.root or Path("/")).absolute(),
            may_ask=not self.yes and sys.stdin.isatty(),
            wants_units=not self.no_systemd,
        )


def _user() -> str:
    """Who we are, whatever the environment says; a number where nobody has a name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def parse(words: Sequence[str]) -> tuple[str, Options]:
    """The command (``install`` or ``uninstall``) and its options, or exit."""
    parser = argparse.ArgumentParser(prog="install.sh", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, flags in (("install", INSTALL_FLAGS), ("uninstall", UNINSTALL_FLAGS)):
        one = commands.add_parser(command, allow_abbrev=False)
        for flag in flags:
            _add(one, flag)
    values = vars(parser.parse_args(list(words)))
    return values.pop("command"), Options(**values)


def _add(parser: argparse.ArgumentParser, flag: Flag) -> None:
    given: dict[str, Any] = {"help": flag.help, "dest": flag.dest}
    if not flag.metavar:
        parser.add_argument(flag.name, action="store_true", **given)
        return
    kind = _path if flag.is_path else str
    parser.add_argument(flag.name, metavar=flag.metavar, type=kind, **given)


def _path(text: str) -> Path:
    return Path(os.path.expanduser(text))  # noqa: PTH111 - "~" of nobody stays
