# The hand on the printers of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/_ctl/printers`` and ``/_ctl/files``: what the user's page would do, and more.

``{printer}`` is a uuid, or ``last`` for the one that was confirmed last.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .commands import GCODE, Spoilt
from .control_api import object_of, wrong
from .request_log import Redaction

if TYPE_CHECKING:
    from .commands import LocalCommand
    from .files import LocalFile
    from .printer import LocalPrinter
    from .server import LocalConnect

MAX_WAIT_S = 600.0
COMMAND_KEYS = {"command", "args", "kwargs", "gcode", "force", "overtakes", "id"}


class PrinterControl:
    """Handlers; 400 with the reason for what makes no sense, 404 for no such thing."""

    def __init__(self, connect: LocalConnect) -> None:
        self._connect = connect
        self._account = connect.account

    def routes(self) -> list[web.RouteDef]:
        """What to route where."""
        one, its = "/_ctl/printers/{printer}", "/_ctl/printers/{printer}/commands"
        return [
            web.get("/_ctl/printers", self._list),
            web.get(one, self._show),
            web.delete(one, self._remove),
            web.post(f"{one}/forget", self._forget),
            web.get(f"{one}/events", self._events),
            web.get(f"{one}/telemetry", self._telemetry),
            web.get(f"{one}/transcript", self._transcript),
            web.get(its, self._commands),
            web.post(its, self._add_command),
            web.get(f"{its}/{{id}}", self._show_command),
            web.post(f"{its}/{{id}}/repeat", self._repeat),
            web.get("/_ctl/files", self._files),
            web.post("/_ctl/files/{name}", self._add_file),
        ]

    async def _list(self, _request: web.Request) -> web.Response:
        printers = self._account.printers.values()
        return web.json_response([self.shown(printer) for printer in printers])

    async def _show(self, request: web.Request) -> web.Response:
        """All that is known, with the audit."""
        printer = self._printer(request)
        audit = self._connect.audit_printer(printer)
        told = {"info": printer.info, "audit": audit.as_json()}
        return self._masked({**self.shown(printer), **told})

    async def _remove(self, request: web.Request) -> web.Response:
        printer = self._printer(request)
        self._account.remove_printer(printer)
        if printer.socket is not None:
            await printer.socket.close()
        return web.Response(status=204)

    async def _forget(self, request: web.Request) -> web.Response:
        """Know nothing of it until the next INFO."""
        self._printer(request).forget()
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.Response:
        """The newest events, ``?kind=`` only those."""
        kind = request.query.get("kind")
        events = self._printer(request).events
        return self._masked(
            [each.as_json() for each in events if kind in (None, each.kind)]
        )

    async def _telemetry(self, request: web.Request) -> web.Response:
        printer = self._printer(request)
        return web.json_response(
            {"count": printer.telemetry_count, "telemetry": printer.telemetry}
        )

    async def _transcript(self, request: web.Request) -> web.Response:
        """All of it in lines for people."""
        lines = self._connect.transcript(self._printer(request))
        redaction = Redaction(self._account.secrets())
        return web.Response(text=redaction.text("".join(f"{line}\n" for line in lines)))

    async def _commands(self, request: web.Request) -> web.Response:
        commands = self._printer(request).commands.all
        return web.json_response([command.as_json() for command in commands])

    async def _add_command(self, request: web.Request) -> web.Response:
        """Queue a command; ``?wait_s=`` waits for its end and answers 504 without."""
        printer, wanted = self._printer(request), await object_of(request)
        try:
            spoilt = wanted.pop("spoilt", None)
            command = printer.commands.add(
                **_checked(wanted), spoilt=None if spoilt is None else Spoilt(**spoilt)
            )
        except (TypeError, ValueError) as error:
            raise wrong(error) from None
        await self._connect.changed()
        return await self._when_ended(request, command, 201)

    async def _show_command(self, request: web.Request) -> web.Response:
        return await self._when_ended(request, self._command(request), 200)

    async def _repeat(self, request: web.Request) -> web.Response:
        """Send it again with the same id."""
        command = self._command(request)
        self._printer(request).commands.repeat(command)
        return web.json_response(command.as_json())

    async def _when_ended(
        self, request: web.Request, command: LocalCommand, status: int
    ) -> web.Response:
        if "wait_s" in request.query:
            try:
                wait_s = min(float(request.query["wait_s"]), MAX_WAIT_S)
            except ValueError as error:
                raise wrong(error) from None
            try:
                await self._connect.finish(command, wait_s)
            except TimeoutError:
                status = 504
        return web.json_response(command.as_json(), status=status)

    async def _files(self, _request: web.Request) -> web.Response:
        files = self._account.files.values()
        return web.json_response([self._shown_file(file) for file in files])

    async def _add_file(self, request: web.Request) -> web.Response:
        """Upload a file: the body is its content; ``?team_id=``."""
        team_id = request.query.get("team_id", "1")
        if not (team_id.isdecimal() and len(team_id) < 10):
            raise wrong("team_id is a number")
        name = request.match_info["name"]
        file = self._account.add_file(name, await request.read(), team_id=int(team_id))
        return web.json_response(self._shown_file(file), status=201)

    def _masked(self, content: Any) -> web.Response:
        """JSON without the secrets that printers put into what they tell."""
        text = Redaction(self._account.secrets()).text(json.dumps(content))
        return web.json_response(text=text)

    def _shown_file(self, file: LocalFile) -> dict[str, Any]:
        return {
            "name": file.name,
            "team_id": file.team_id,
            "hash": file.hash,
            "size_bytes": len(file.content),
            "url": self._connect.url + file.path,
            "url_elsewhere": self._connect.url_elsewhere(file),
        }

    def _printer(self, request: web.Request) -> LocalPrinter:
        name = request.match_info["printer"]
        printers = self._account.printers
        if name == "last" and printers:
            return next(reversed(printers.values()))
        if name not in printers:
            raise web.HTTPNotFound(text=f"no printer {name}")
        return printers[name]

    def _command(self, request: web.Request) -> LocalCommand:
        number = request.match_info["id"]
        known = number.isdecimal() and len(number) < 12
        command = self._printer(request).commands.find(int(number)) if known else None
        if command is None:
            raise web.HTTPNotFound(text=f"no command {number}")
        return command

    @staticmethod
    def shown(printer: LocalPrinter) -> dict[str, Any]:
        """A printer without its secrets."""
        return {
            "uuid": printer.uuid,
            "serial_number": printer.serial_number,
            "printer_type": printer.printer_type,
            "firmware": printer.firmware,
            "registered": printer.token is not None,
            "informed": printer.info is not None,
            "connected": printer.socket is not None,
            "state": printer.state,
            "telemetry_count": printer.telemetry_count,
            "events": len(printer.events),
            "clock_adjusted": printer.clock_adjusted,
        }


def _checked(wanted: dict[str, Any]) -> dict[str, Any]:
    """The arguments of ``Commands.add``; TypeError for nonsense."""
    if unknown := wanted.keys() - COMMAND_KEYS:
        raise TypeError(f"a command has no {', '.join(sorted(unknown))}")
    types: dict[str, Any] = {
        "command": str,
        "args": list,
        "kwargs": dict,
        "gcode": str,
        "force": bool,
        "overtakes": bool,
        "id": int,
    }
    for key, value in wanted.items():
        if not isinstance(value, types[key]):
            raise TypeError(f"{key} cannot be {value!r}")
    if "command" not in wanted and "gcode" not in wanted:
        raise TypeError("either command or gcode is needed")
    named = dict(wanted)
    named["name"] = named.pop("command", GCODE)
    named["command_id"] = named.pop("id", None)
    return named
