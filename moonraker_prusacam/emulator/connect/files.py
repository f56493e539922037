# Files that printers download.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that a user has uploaded to the local Prusa Connect."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import attrs


@attrs.frozen(eq=False)
class LocalFile:
    """A file of a team; how Prusa Connect makes ``hash`` is not known.

    Here it is the SHA-256 of the content, in hex.
    """

    name: str
    content: bytes = attrs.field(repr=False)
    team_id: int = 1

    @property
    def hash(self) -> str:
        """What the file is asked for by."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def path(self) -> str:
        """Where a printer gets it, with its token."""
        return f"/p/teams/{self.team_id}/files/{self.hash}/raw"

    @property
    def path_elsewhere(self) -> str:
        """Where anybody gets it."""
        return f"/elsewhere/{self.hash}/{quote(self.name)}"

    def download(self, folder: str, *, printing: bool = False) -> dict[str, Any]:
        """``kwargs`` of START_CONNECT_DOWNLOAD (printer SDK)."""
        return {
            "path": f"{folder.rstrip('/')}/{self.name}",
            "team_id": self.team_id,
            "hash": self.hash,
            "size": len(self.content),
            "printing": printing,
        }
