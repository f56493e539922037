# Findings for people.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table of all that was looked at; below what was found stands what helps.

Nothing is cut off, however narrow the terminal: a remedy is often a command or a path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def print_findings(console: Console, findings: Sequence[dict[str, Any]]) -> None:
    """Print ``findings`` as ``Finding.as_json`` gives them."""
    table = Table("what", "state", box=box.SIMPLE)
    table.add_column("what was found, and what helps", overflow="fold")
    for finding in findings:
        what = " ".join(filter(None, (finding["name"], finding["subject"])))
        state = Text(finding["state"], STYLES.get(finding["state"], ""))
        told = Text(_shortened(finding["found"]))
        if finding["remedy"]:
            told.append(f"\n→ {_shortened(finding['remedy'])}", "bold")
        table.add_row(Text(what, overflow="fold"), state, told)
    console.print(table)
    console.print(_conclusion([finding["state"] for finding in findings]))


def _shortened(text: str) -> str:
    """``text`` with the user's own folder as a shell writes it."""
    home = f"{Path.home()}/"
    return text if home == "//" else text.replace(home, "~/")


def _conclusion(states: Sequence[str]) -> str:
    failed, warned = states.count("failed"), states.count("warning")
    parts = [f"{failed} failed"] if failed else []
    if warned:
        parts.append("1 warning" if warned == 1 else f"{warned} warnings")
    return f"{', '.join(parts)}." if parts else "All is well."
