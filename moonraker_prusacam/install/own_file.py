# A file that is ours.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole files: macros, units, the first prusacam.conf, a token.

One that somebody has edited since is theirs: it is neither replaced nor removed. A unit
is ours all the same, since systemd has another place for what a user wants to change.
"""

from __future__ import annotations

import base64
import hashlib
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from .change import Change, Record, base_record
from .host import DEFAULT_MODE

if TYPE_CHECKING:
    from .host import Host


@dataclass(frozen=True)
class OwnFile(Change):
    """``is_kept``: an existing one stays whatever is in it, and outlives us.

    ``is_unit``: what somebody has edited in it is not kept.
    """

    path: Path
    content: bytes = field(repr=False)
    what: str
    mode: int = DEFAULT_MODE
    is_kept: bool = False
    is_unit: bool = False

    kind: ClassVar[str] = "file"

    def describe(self) -> str:
        """The path, and how much would be in it."""
        return f"write {self.path} ({self.what}, {len(self.content)} bytes)"

    def is_made(self, known: Record | None) -> bool:
        """Whether it is there as it should be, or somebody else's by now."""
        present = _read(self.path)
        if present is None:
            return False
        if self.is_kept or self.path.is_symlink() or present == self.content:
            return True
        if self.is_unit or known is None:
            return False
        return bool(digest(present) != known["digest"])

    @property
    def is_found_ours(self) -> bool:
        """Not a configuration that the user may have written."""
        return not self.is_kept and not self.path.is_symlink()

    def record(self, known: Record | None) -> Record:
        """With what was there before the first time."""
        if known is not None:
            return {**known, "digest": digest(self.content)}
        present = _read(self.path)
        if present == self.content:
            present = None  # of an earlier installation whose journal is lost
        previous = None
        if present is not None:
            mode = stat.S_IMODE(self.path.stat().st_mode)
            previous = [base64.b64encode(present).decode(), mode]
        return {
            **base_record(self),
            "digest": digest(self.content),
            "previous": previous,
            "is_kept": self.is_kept,
            "is_unit": self.is_unit,
        }

    def make(self, host: Host, record: Record) -> None:
        """Write it."""
        record["made_folders"] += map(str, host.make_folders(self.path.parent))
        host.write(self.path, self.content, self.mode)


def take_back(record: Record, host: Host) -> str:
    """Remove the file, or put back what was there; what is left, if anything."""
    path = Path(record["path"])
    present = _read(path)
    if record["is_kept"] or present is None:
        return ""
    if digest(present) != record["digest"] and not record["is_unit"]:
        return f"{path} was edited, and stays"
    if record["previous"] is None:
        host.remove(path)
    else:
        content, mode = record["previous"]
        host.write(path, base64.b64decode(content), mode)
    return ""


def digest(content: bytes) -> str:
    """What names a content."""
    return hashlib.sha256(content).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
