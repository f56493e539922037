# Which parts of docs/ are made by program.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages, and what makes them; ``python -m tests.reference`` writes them anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from . import commands, multicam, options

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
PAGES: dict[str, Callable[[str], str]] = {
    "configuration.md": options.written,
    "commands.md": commands.written,
    "multicam-protocol.md": multicam.written,
}


def stale() -> dict[Path, str]:
    """The pages that are not what the code says, with what they should be."""
    found = {}
    for name, write in PAGES.items():
        path = DOCS / name
        page = path.read_text()
        if (written := write(page)) != page:
            found[path] = written
    return found
