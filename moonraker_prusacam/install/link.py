# A link of ours in somebody else's folder.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moonraker finds components in its own package only, so ours is linked there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from moonraker_prusacam.errors import InstallError

from .change import Change, Record, base_record

if TYPE_CHECKING:
    from .host import Host
OURS = "moonraker_prusacam/component"


@dataclass(frozen=True)
class Link(Change):
    """``path`` leads to ``target``, which need not exist yet."""

    path: Path
    target: str
    is_shared: bool = False

    kind: ClassVar[str] = "link"

    def describe(self) -> str:
        """Where it would lead, and where it leads now."""
        now = f" (now {_target(self.path)})" if self.path.is_symlink() else ""
        return f"link {self.path} -> {self.target}{now}"

    def is_made(self, known: Record | None) -> bool:  # noqa: ARG002
        """Whether it leads there."""
        return _target(self.path) == self.target

    def record(self, known: Record | None) -> Record:
        """With where it led before the first time."""
        if known is not None:
            return {**known, "target": self.target}
        previous = _target(self.path)
        return {
            **base_record(self),
            "target": self.target,
            "previous": None if previous == self.target else previous,
        }

    def make(self, host: Host, record: Record) -> None:
        """Make the link; a file or a folder in its place is refused."""
        if os.path.lexists(self.path) and not self.path.is_symlink():
            raise InstallError(
                f"{self.path} is there already and is no link: move it away, and "
                "install again"
            )
        record["made_folders"] += map(str, host.make_folders(self.path.parent))
        host.link(self.path, self.target)


def take_back(record: Record, host: Host) -> str:
    """Remove the link, or have it lead where it led; what is left, if anything."""
    path = Path(record["path"])
    now = _target(path)
    if now is None:
        return ""
    if now != record["target"] and not (is_ours(now) and is_ours(record["target"])):
        return f"{path} leads to {now} by now, and stays"
    if record["previous"] is None:
        host.remove(path)
    else:
        host.link(path, record["previous"])
    return ""


def is_ours(target: str) -> bool:
    """Whether a link with that target leads into a copy of this package."""
    return OURS in target


def _target(path: Path) -> str | None:
    return str(path.readlink()) if path.is_symlink() else None
