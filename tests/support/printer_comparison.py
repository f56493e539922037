# Two printers' requests side by side.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Differences of what two clients said in the same steps, and a table of them."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.printer_requests import TELEMETRY

if TYPE_CHECKING:
    from tests.support.printer_requests import Said

DATA = Path(__file__).parents[1] / "data"
CLOCK = "clock-adjusted"
RECORDED = DATA / "sdk_printer.txt"


# What ours does otherwise, wherever it does, and why.
REASONS = {
    "INFO -data.mmu +data.printer_type +data.storages +data.tools": (
        "as Prusa's firmware does; there is no multi-material unit"
    ),
    "telemetry +values": "the SDK sends what its host gives; here, nothing",
    "also INFO": "when Moonraker comes back, its files may be others",
    "MEDIUM_INSERTED -data.files": "they are in that INFO",
    "telemetry with Clock-Adjusted +values": "likewise",
    "FILE_INFO +data.name": "as Prusa's firmware does; of a file without metadata",
    "REJECTED, not FAILED": (
        "nothing was begun; the SDK rejects only what it has no handler for"
    ),
    "also JOB_INFO": "a print that begins is told of unasked",
    "JOB_INFO +data.display_name +data.state +data.time_printing": (
        "the SDK leaves it to its host; here, the path alone"
    ),
    "REJECTED -data.actual_command_id": "no other client sends it",
    "REJECTED, not FINISHED": "the SDK's host has to know; here, no dialog is open",
    "no FINISHED": (
        "what RESET_PRINTER interrupts has failed; the SDK's host calls it done"
    ),
    "also FAILED": "likewise",
    "no FAILED": "the scenario has the SDK send it; Klipper's errors are states",
    "no JOB_INFO": "the scenario has the SDK send it; ours came with the print",
    "no MESH_BED_DATA": "nothing reads a mesh here yet",
    "no SLOT_EVENT": "there is no multi-material unit",
    "POST /p/camera -config.trigger_scheme": (
        "which pictures are wanted is chosen in the web page"
    ),
    "PUT /c/snapshot -timestamp": "only the SDK sends it, OpenAPI does not know it",
}


def differences(theirs: list[Said], ours: list[Said]) -> list[str]:
    """What is another in one step; empty where all is the same.

    ``INFO +data.tools -data.mmu``: ours says the one and not the other; ``REJECTED, not
    FAILED``: ours comes in the place of theirs; ``no MEDIUM_INSERTED``, ``also
    JOB_INFO``: only one of them sends it.
    """
    found = []
    names = [short(said) for said in theirs], [short(said) for said in ours]
    matcher = difflib.SequenceMatcher(None, *names, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            pairs = zip(theirs[a:b], ours[c:d], strict=True)
            found += [_inside(*pair) for pair in pairs]
        elif kind == "replace" and b - a == d - c:
            replaced = zip(names[0][a:b], names[1][c:d], strict=True)
            found += [f"{other}, not {one}" for one, other in replaced]
        else:
            found += [f"no {name}" for name in names[0][a:b]]
            found += [f"also {name}" for name in names[1][c:d]]
    return [each for each in found if each]


def compared(said: list[Said], step: str) -> list[Said]:
    """Without telemetry where a step is not about it: its pace is a client's own.

    So is how often a transfer is told of unasked: the SDK does it in a thread, which a
    busy host runs earlier or later.
    """
    return [
        each
        for each in said
        if ("tells" in step or each.what != TELEMETRY) and not is_progress(each)
    ]


def is_progress(said: Said) -> bool:
    """Whether this is a TRANSFER_INFO for which nobody has asked."""
    is_answer = any(name.startswith("command_id") for name in said.body)
    return said.event == "TRANSFER_INFO" and not is_answer


def short(said: Said) -> str:
    """A request in a word or two."""
    name = said.event or ("telemetry" if said.what == TELEMETRY else said.what)
    return f"{name} with Clock-Adjusted" if CLOCK in said.headers else name


def table(theirs: dict[str, list[Said]], ours: dict[str, list[Said]]) -> str:
    """Markdown: what both said in each step, what differs, and why."""
    lines = ["| step | SDK | ours | same? |", "|---|---|---|---|"]
    for step in theirs:
        both = compared(theirs[step], step), compared(ours[step], step)
        cells = [", ".join(map(short, said)) or "nothing" for said in both]
        same = "; ".join(differences(*both)) or "yes"
        lines.append(f"| {' | '.join([step, *cells])} | {same} |")
    lines += ["", "| difference | why |", "|---|---|"]
    lines += [f"| {difference} | {why} |" for difference, why in REASONS.items()]
    return "\n".join(lines) + "\n"


def _inside(one: Said, other: Said) -> str:
    """What two of the same kind do not share; of telemetry, what theirs has alone.

    A host gives the SDK its telemetry, so ours always says more.
    """
    pairs = [(one.headers, other.headers), (one.body, other.body)]
    lost = [name for theirs, ours in pairs for name in theirs if name not in ours]
    new = [name for theirs, ours in pairs for name in ours if name not in theirs]
    changes = [f"-{name.partition(': ')[0]}" for name in lost]
    if one.what == TELEMETRY:
        changes += ["+values"] if new else []
    else:
        changes += [f"+{name.partition(': ')[0]}" for name in new]
    return f"{short(one)} {' '.join(changes)}" if changes else ""
