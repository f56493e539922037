# What printers tell the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/p/telemetry`` and ``/p/events``, and the commands that come back.

The same is judged whether it came over HTTP or over a WebSocket.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import attrs

from . import printer_rules as rules
from .answers import JSON_TYPE, Answer, invalid_body, parse_object
from .commands import LocalCommand, LocalEvent
from .printer_login import identify
from .vocabulary import EVENTS, SOURCES, STATES, remarks_on

if TYPE_CHECKING:
    from aiohttp import web

    from .account import Account
    from .printer import LocalPrinter

GCODE_TYPE = "text/x.gcode"
ANSWERS = ("ACCEPTED", "FINISHED")
FIELDS: dict[str, type] = {
    "state": str,
    "command_id": int,
    "job_id": int,
    "transfer_id": int,
    "reason": str,
    "dialog_id": int,
}
INFORM = "Printer has not sent its info"


class ReportApi:
    """Judges what printers tell, and hands out commands."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def telemetry(self, request: web.Request, body: bytes) -> Answer:
        """``POST /p/telemetry``: a command if one is due, else nothing."""
        printer = identify(self._account, request)
        if isinstance(printer, Answer):
            return printer
        answer = self.take_telemetry(printer, parse_object(body))
        command = self.due(printer) if answer.status == 204 else None
        if command is None:
            return answer
        return attrs.evolve(_sent(command), notes=answer.notes)

    def events(self, request: web.Request, body: bytes) -> Answer:
        """``POST /p/events``."""
        printer = identify(self._account, request)
        if isinstance(printer, Answer):
            return printer
        return self.take_event(printer, parse_object(body))

    def due(self, printer: LocalPrinter) -> LocalCommand | None:
        """The command that a printer is to be sent now."""
        resend_after_s = self._account.behaviour.resend_after_s
        return printer.commands.due(time.monotonic(), resend_after_s)

    def take_telemetry(self, printer: LocalPrinter, told: dict[str, Any]) -> Answer:
        """Judge telemetry, and keep it if it is good."""
        state = told.get("state")
        if not isinstance(state, str) or state not in STATES:
            return invalid_body(rules.TELEMETRY_BODY)
        if printer.info is None:
            return Answer.error(rules.NOT_INFORMED, 503, "SERVICE_UNAVAILABLE", INFORM)
        notes = remarks_on(told)
        rule = rules.TELEMETRY
        if printer.state not in (None, state):
            notes.append(f"state {state} after {printer.state}")
            rule = rules.STATE_DIFFERS
            if self._account.behaviour.inconsistent_status is not None:
                return Answer.error(rule, 503, "SERVICE_UNAVAILABLE", "Wrong state")
        printer.telemetry.update(told)
        printer.telemetry_count += 1
        return attrs.evolve(Answer.by(rule, 204), notes=tuple(notes))

    def take_event(self, printer: LocalPrinter, told: dict[str, Any]) -> Answer:
        """Judge an event, and keep it if it is good."""
        if not _is_event(told):
            return invalid_body(rules.EVENT_BODY)
        notes = [f"unknown key {key}" for key in told.keys() - _KNOWN_KEYS]
        is_strict = self._account.behaviour.strict_events
        if wrong := _wrong_names(told):
            if is_strict:
                return invalid_body(rules.EVENT_NAME)
            notes += wrong
        event = LocalEvent(
            at_s=time.monotonic(),
            kind=told["event"],
            source=told["source"],
            data=told["data"],
            **{name: told.get(name) for name in FIELDS},
        )
        if not _is_answer_to_something(printer, event):
            if is_strict:
                return invalid_body(rules.EVENT_ANSWER)
            notes.append(f"{event.kind} to no command")
        printer.take(event)
        notes += _remarks_on_info(printer, event)
        return attrs.evolve(Answer.by(rules.EVENT, 204), notes=tuple(notes))


_KNOWN_KEYS = {"event", "source", "data", *FIELDS}


def _sent(command: LocalCommand) -> Answer:
    """A command as it goes over HTTP."""
    headers = {"Command-Id": str(command.id)}
    if command.spoilt is not None:
        body = command.spoilt.body.encode()
        return Answer.by(
            rules.COMMAND, 200, body, headers={**headers, **command.spoilt.headers}
        )
    if command.force:
        headers["Force"] = "1"
    body = content_of(command).encode()
    content_type = JSON_TYPE if command.gcode is None else GCODE_TYPE
    return Answer.by(rules.COMMAND, 200, body, content_type, headers=headers)


def content_of(command: LocalCommand) -> str:
    """What a command says, whatever carries it."""
    if command.gcode is not None:
        return command.gcode
    asked = {"command": command.name, "args": command.args, "kwargs": command.kwargs}
    return json.dumps(asked)


def _is_event(told: dict[str, Any]) -> bool:
    names = isinstance(told.get("event"), str) and isinstance(told.get("source"), str)
    fields = all(
        isinstance(told[name], kind) and not isinstance(told[name], bool)
        for name, kind in FIELDS.items()
        if name in told
    )
    return names and fields and isinstance(told.get("data"), dict)


def _wrong_names(told: dict[str, Any]) -> list[str]:
    known = {"event": EVENTS, "source": SOURCES, "state": STATES}
    return [
        f"unknown {name} {told[name]}"
        for name, words in known.items()
        if name in told and told[name] not in words
    ]


def _is_answer_to_something(printer: LocalPrinter, event: LocalEvent) -> bool:
    if event.command_id is None:
        return event.kind not in ANSWERS
    return printer.commands.answer(event)


def _remarks_on_info(printer: LocalPrinter, event: LocalEvent) -> list[str]:
    """Where an INFO does not tell of the printer that was registered."""
    if event.kind != "INFO":
        return []
    expected = {"sn": printer.serial_number, "fingerprint": printer.fingerprint}
    return [
        f"INFO with {'another' if name in event.data else 'no'} {name}"
        for name, value in expected.items()
        if event.data.get(name) != value
    ]
