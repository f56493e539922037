# A printer's life in the local Prusa Connect, for people.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line for each thing that was said: ``>`` by the printer, ``<`` to it.

What is the same as the line before is counted there. No line holds a secret.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from .commands import LocalCommand
    from .printer import LocalPrinter
    from .request_log import RequestRecord

TOLD_OF_EVENTS = ("state", "reason", "job_id", "transfer_id", "dialog_id")
SHOWN_DATA = ("path", "old_path", "new_path", "size", "transferred", "progress", "type")
SHOWN_TELEMETRY = ("state", "progress", "job_id", "transfer_progress")
MAX_TEXT = 60


@attrs.frozen(order=True)
class _Line:
    at_s: float
    text: str = attrs.field(order=False)


def transcript(
    records: Iterable[RequestRecord], printer: LocalPrinter, cameras: Collection[int]
) -> list[str]:
    """What ``printer`` and its ``cameras`` said and were told, oldest first."""
    own = [record for record in records if _is_own(record, printer, cameras)]
    lines = sorted(
        [
            *(_Line(record.started_s, _said(record)) for record in own),
            *_commands(printer.commands.all),
        ]
    )
    return list(_counted(lines))


def _is_own(
    record: RequestRecord, printer: LocalPrinter, cameras: Collection[int]
) -> bool:
    # Who registers has no token yet.
    registers = record.path == "/p/register"
    return registers or record.printer == printer.uuid or record.camera_id in cameras


def _said(record: RequestRecord) -> str:
    told = record.content if isinstance(record.content, dict) else {}
    if record.path == "/p/events" and "event" in told:
        what = _event(told)
    elif record.path == "/p/telemetry":
        what = f"telemetry {_values(told, SHOWN_TELEMETRY)}".rstrip()
    else:
        what = f"{record.method} {record.path}"
    how = [record.verdict] if record.status and record.status >= 300 else []
    how += [f"fault {record.fault}"] if record.fault else []
    how += [f"HTTP {record.status}"] if how and record.status else []
    return f"> {what}" + (f" ({', '.join(how)})" if how else "")


def _event(told: Mapping[str, Any]) -> str:
    number = f" #{told['command_id']}" if "command_id" in told else ""
    data = told["data"] if isinstance(told.get("data"), dict) else {}
    more = [_values(told, TOLD_OF_EVENTS), _values(data, SHOWN_DATA)]
    return " ".join([f"{told['event']}{number}", *filter(None, more)])


def _values(told: Mapping[str, Any], names: Iterable[str]) -> str:
    shown = (f"{name}={_short(told[name])}" for name in names if name in told)
    return " ".join(shown)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


def _commands(commands: Iterable[LocalCommand]) -> Iterator[_Line]:
    for command in commands:
        said = command.kwargs if command.gcode is None else command.gcode
        parts = [f"< {command.name} #{command.id}"]
        parts += [_short(said)] if said else []
        parts += ["forced"] if command.force else []
        for at_s in command.sent_s:
            yield _Line(at_s, " ".join(parts))


def _counted(lines: list[_Line]) -> Iterator[str]:
    for text, same in groupby(lines, key=lambda line: line.text):
        first, *more = same
        count = f" ({len(more) + 1} times)" if more else ""
        yield f"{first.at_s - lines[0].at_s:9.2f} s  {text}{count}"
