# The log of the local signalling service, to be read.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line for each event: when, who, what it said, and what was acknowledged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .event_log import Direction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .event_log import EventRecord


def transcript(records: Sequence[EventRecord]) -> str:
    """``records`` as lines; ``->`` is to the service, ``<-`` from it."""
    start_s = records[0].at_s if records else 0.0
    return "".join(f"{_line(record, start_s)}\n" for record in records)


def _line(record: EventRecord, start_s: float) -> str:
    arrow = "->" if record.direction is Direction.IN else "<-"
    words = [
        f"{record.at_s - start_s:8.3f}",
        f"#{record.connection}",
        f"{record.role or '-':6}",
        arrow,
        record.event,
    ]
    if record.size_bytes:
        words.append(f"{record.size_bytes} B")
    if record.message:
        words.append(_fields(record.message))
    if record.text:
        words.append(repr(record.text))
    if record.acked:
        words.append("receipt" if record.ack is None else f"ack {record.ack!r}")
    if record.verdict:
        words.append(f"[{record.verdict}, {record.evidence}]")
    if record.fault:
        words.append(f"fault {record.fault}")
    return " ".join(words)


def _fields(message: dict[str, Any]) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in message.items())
    return "{" + shown.replace("\n", "\\n") + "}"
