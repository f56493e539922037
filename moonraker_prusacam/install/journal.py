# What was done to this host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each step is written down before it is made, with how to take it back.

One file an instance, in its data folder. Instances share the environment and the links
in Moonraker: these go with the last one.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from moonraker_prusacam.durable import write_file
from moonraker_prusacam.errors import InstallError
from moonraker_prusacam.version import __version__

from . import environment, insertion, link, own_file, service
from .host import explained

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .change import Change, Record
    from .host import Host

SCHEMA = 1
TAKE_BACK: dict[str, Callable[[Record, Host], str]] = {
    own_file.OwnFile.kind: own_file.take_back,
    link.Link.kind: link.take_back,
    insertion.Insertion.kind: insertion.take_back,
    environment.Environment.kind: environment.take_back,
    service.Service.kind: service.take_back,
}


class Journal:
    """The records of one instance by their keys, in the order in which they came."""

    def __init__(self, path: Path) -> None:
        """Read ``path``, if it is there; raises InstallError."""
        self.path = path
        self.records: dict[str, Record] = {}
        self._folders: list[str] = []
        try:
            content = json.loads(path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            raise InstallError(
                f"{path} cannot be read ({error}); move it away, and install again"
            ) from error
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise InstallError(f"{path} is of another version of prusacam")
        self.records = content["records"]
        self._folders = content["folders"]

    @property
    def exists(self) -> bool:
        """Whether anything is installed."""
        return bool(self.records)

    @property
    def made_folders(self) -> list[Path]:
        """All that were not there before, innermost first."""
        found = (record["made_folders"] for record in self.records.values())
        paths = {
            Path(folder) for folders in [*found, self._folders] for folder in folders
        }
        return sorted(paths, key=lambda path: len(path.parts), reverse=True)

    def note_folder(self, folder: Path) -> None:
        """Have ``folder`` removed in the end, if it is not there yet, and is empty."""
        if not folder.exists() and str(folder) not in self._folders:
            self._folders.append(str(folder))

    def make(self, change: Change, host: Host, others: Iterable[Journal]) -> bool:
        """Make ``change`` if it is not made; whether it was."""
        known = self.records.get(change.key)
        if known is None and change.is_shared:
            inherited = (journal.records.get(change.key) for journal in others)
            known = next((record for record in inherited if record), None)
        if change.is_made(known):
            if known is None and change.is_found_ours:
                known = change.record(None)  # the journal was lost
            if known is not None and change.key not in self.records:
                self._keep(change.key, known)
            return False
        record = change.record(known)
        self._keep(change.key, record)
        change.make(host, record)
        self._keep(change.key, record)
        return True

    def take_back(self, key: str, host: Host, others: Iterable[Journal]) -> str:
        """Undo one record and forget it; what is left, if anything."""
        record = self.records[key]
        left = ""
        if not (record["shared"] and any(key in other.records for other in others)):
            left = TAKE_BACK[record["kind"]](record, host)
        del self.records[key]
        self._save()
        return left

    def _keep(self, key: str, record: Record) -> None:
        self.records[key] = record
        self._save()

    def _save(self) -> None:
        with explained(self.path):
            if not self.records:
                self.path.unlink(missing_ok=True)
                return
            above = (self.path.parent, *self.path.parent.parents)
            self._folders += [str(folder) for folder in above if not folder.exists()]
            self.path.parent.mkdir(parents=True, exist_ok=True)
            content = {
                "schema": SCHEMA,
                "version": __version__,
                "folders": self._folders,
                "records": self.records,
            }
            # A token may have been in a file that was replaced.
            write_file(self.path, json.dumps(content, indent=1).encode(), 0o600)


def journal_path(data_path: Path) -> Path:
    """Where the journal of the instance with that data folder is."""
    return data_path / "prusacam" / "install.json"


def other_journals(data_path: Path, home: Path) -> list[Journal]:
    """Those of the other instances of this user."""
    own = os.path.realpath(journal_path(data_path))
    found = sorted(home.glob("*/prusacam/install.json"))
    return [Journal(path) for path in found if os.path.realpath(path) != own]
