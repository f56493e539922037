# A service of systemd that runs.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a unit whose file is written, and stops it before that goes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from moonraker_prusacam.errors import InstallError

from .change import Change, Record, base_record
from .host import run

if TYPE_CHECKING:
    from .host import Host


@dataclass(frozen=True)
class Service(Change):
    """``path`` is the unit's file; ``is_stale``: what it runs has changed."""

    path: Path
    host: Host
    is_stale: bool

    kind: ClassVar[str] = "service"

    def describe(self) -> str:
        """What would be started."""
        return f"systemctl daemon-reload, and (re)start {self.path.name}"

    def is_made(self, known: Record | None) -> bool:
        """Whether it runs, and what it runs is new."""
        if not self.host.is_live:
            return True
        return known is not None and not self.is_stale and is_active(self.path.name)

    @property
    def is_found_ours(self) -> bool:
        """A service that is not started by us is not stopped."""
        return False

    def record(self, known: Record | None) -> Record:
        """Nothing but its name."""
        return known or base_record(self)

    def make(self, host: Host, record: Record) -> None:  # noqa: ARG002
        """Start it, and wait until it is ready; raises InstallError."""
        host.systemctl("daemon-reload")
        try:
            host.systemctl("restart", self.path.name)
        except InstallError as error:
            raise InstallError(
                f"{error}; what it says: journalctl -u {self.path.name} -n 20"
            ) from error


def take_back(record: Record, host: Host) -> str:
    """Stop it."""
    unit = Path(record["path"]).name
    if host.is_live and is_active(unit):
        host.systemctl("stop", unit)
    return ""


def is_active(unit: str) -> bool:
    """Whether systemd says that ``unit`` runs."""
    with contextlib.suppress(InstallError):
        return run(["systemctl", "is-active", unit]).strip() == "active"
    return False
