# What the installer does to a host, one step at a time.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change knows whether it is made already, how to make it, and how to take it back.

How to take it back is a record, which is stored before anything is changed: so a kill
at any moment leaves something that can be repaired and removed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from .host import Host

# JSON: what the journal holds of one change.
Record = dict[str, Any]


class Change(ABC):
    """One step; ``path`` is what it is about."""

    kind: ClassVar[str]
    # Whether several instances of the engine on one host have this in common.
    is_shared: bool = False

    path: Path

    @property
    def key(self) -> str:
        """What names this step in the journal."""
        return f"{self.kind} {self.path}"

    @abstractmethod
    def describe(self) -> str:
        """What it would change, for people; one line, and a diff below it if any."""

    @abstractmethod
    def is_made(self, known: Record | None) -> bool:
        """Whether there is nothing to do; ``known`` is what the journal has of it."""

    @property
    def is_found_ours(self) -> bool:
        """Whether what is made already can only have come from us."""
        return True

    @abstractmethod
    def record(self, known: Record | None) -> Record:
        """How to take it back to what was before the first installation."""

    @abstractmethod
    def make(self, host: Host, record: Record) -> None:
        """Do it; raises InstallError."""


def base_record(change: Change) -> Record:
    """What every record has."""
    return {
        "kind": change.kind,
        "path": str(change.path),
        "shared": change.is_shared,
        "made_folders": [],
    }
