# The local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server as a whole: its routes, its start and end, and what tests ask of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from moonraker_prusacam.errors import ClosedError, EmulatorError
from moonraker_prusacam.tasks import TaskOwner

from .account import Account
from .answers import ENDPOINT_UNKNOWN
from .audit import Audit
from .camera_api import MAX_BODY_BYTES, CameraApi
from .control_api import ControlApi
from .exchange import Exchanges
from .faults import Fault, FaultKind
from .files_api import FilesApi
from .front import Front
from .plan import FaultPlan
from .printer_api import PrinterApi
from .printer_audit import PrinterAudit
from .printer_control import PrinterControl
from .printer_socket import SocketApi
from .report_api import ReportApi
from .request_log import RequestLog, RequestRecord
from .timelapse_api import TimelapseApi
from .transcript import transcript
from .web_api import WebApi

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Mapping

    from .behaviour import Behaviour
    from .camera import LocalCamera
    from .commands import LocalCommand, LocalEvent
    from .exchange import Judge
    from .files import LocalFile
    from .printer import LocalPrinter

CLOSE_TIMEOUT_S = 2.0


class Part(Protocol):
    """Another service at the same address."""

    def routes(self) -> Iterable[web.RouteDef]:
        """What to route where."""
        ...

    async def aclose(self) -> None:
        """End what is under way. Idempotent."""
        ...


class LocalConnect:
    """Prusa Connect on a port of this machine; ``url`` after ``start``.

    With ``tls`` it speaks https only.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.account = Account()
        self.faults: FaultPlan[Fault] = FaultPlan()
        self._tls = tls
        self._exchanges = Exchanges(self.account, self.faults, RequestLog())
        self._reports = ReportApi(self.account)
        self._sockets = SocketApi(self.account, self._reports, self._exchanges)
        self._parts: list[Part] = []
        self._runner: web.AppRunner | None = None
        self._front: Front | None = None
        self._tasks = TaskOwner("local-connect")
        self._closed = False

    @property
    def url(self) -> str:
        """What a client is given as the server."""
        return f"{'https' if self._tls else 'http'}://{self.host}:{self.port}"

    @property
    def behaviour(self) -> Behaviour:
        """How it answers where Prusa Connect's answer is in doubt."""
        return self.account.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self.account.behaviour = behaviour

    @property
    def requests(self) -> list[RequestRecord]:
        """The newest requests, oldest first; bounded."""
        return self._exchanges.log.records

    @property
    def max_in_flight(self) -> int:
        """How many requests of one camera were under way at once, at most."""
        return self._exchanges.max_in_flight

    @property
    def is_listening(self) -> bool:
        """Whether new connections are accepted."""
        return self._front is not None and self._front.is_listening

    @property
    def connections(self) -> int:
        """How many connections were accepted, spoilt ones included."""
        return self._front.connections if self._front else 0

    @property
    def failed_handshakes(self) -> int:
        """How many clients left before TLS was agreed on."""
        return self._front.failed_handshakes if self._front else 0

    def add_camera(
        self, token: str | None = None, *, printer_online: bool = True
    ) -> LocalCamera:
        """Make a camera as the web page's "Add new other camera" does."""
        printer = self.account.add_printer(online=printer_online)
        return self.account.add_camera(token, printer=printer)

    def last_image(self, token: str) -> bytes | None:
        """The picture that the web page would show."""
        return self.account.cameras[token].last_image

    def accepted(self, token: str) -> int:
        """How many snapshots of a camera were accepted, hidden ones included."""
        return self.account.cameras[token].accepted

    def min_gap_s(self, token: str) -> float | None:
        """The shortest time between two accepted snapshots of a camera."""
        return self.account.cameras[token].min_gap_s

    def audit(self, token: str) -> Audit:
        """What the log tells of one camera's snapshots."""
        return Audit(self.requests, self.account.cameras[token].id)

    def confirm(self, code: str | None = None) -> LocalPrinter:
        """Agree to a printer's registration, the newest if no code is given.

        EmulatorError when there is none.
        """
        return self.account.confirm(code)

    def audit_printer(self, printer: LocalPrinter) -> PrinterAudit:
        """What the log tells of one printer."""
        return PrinterAudit(self.requests, printer)

    def transcript(self, printer: LocalPrinter) -> list[str]:
        """What one printer and its cameras said and were told, for people."""
        cameras = [
            camera.id
            for camera in self.account.cameras.values()
            if camera.printer is printer
        ]
        return transcript(self.requests, printer, cameras)

    async def finish(self, command: LocalCommand, timeout_s: float) -> LocalEvent:
        """Wait for the answer that ends a command; TimeoutError."""
        await self.wait_for(lambda: command.outcome is not None, timeout_s)
        assert command.outcome is not None  # noqa: S101
        return command.outcome

    def url_elsewhere(self, file: LocalFile) -> str:
        """An address of ``file`` on a server that is not Prusa Connect.

        It is this one by another name, so only on 127.0.0.1 anything is there.
        """
        return self.url.replace(self.host, "localhost") + file.path_elsewhere

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``condition`` holds, asked after each change, or TimeoutError."""
        changed = self._exchanges.done
        async with asyncio.timeout(timeout_s), changed:
            await changed.wait_for(condition)

    async def changed(self) -> None:
        """Let ``wait_for`` look again, after something was changed by hand."""
        await self._exchanges.changed()

    async def inject(self, *faults: Fault) -> None:
        """Plan faults; ``refuse`` begins at once."""
        refusals = [fault for fault in faults if fault.kind is FaultKind.REFUSE]
        self.faults.add(fault for fault in faults if fault not in refusals)
        for fault in refusals:
            await self.refuse(fault.seconds)

    def fail_next(
        self,
        status: int,
        *,
        count: int = 1,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next ``count`` requests like this, whatever they are."""
        self.faults.add(
            [
                Fault(
                    FaultKind.ANSWER,
                    answer=status,
                    count=count,
                    body=body,
                    headers=headers or {},
                )
            ]
        )

    async def refuse(self, seconds: float | None = None) -> None:
        """Refuse connections for ``seconds``, or until ``accept``; ends open ones."""
        if self._front is not None:
            await self._front.refuse(seconds)

    async def accept(self) -> None:
        """Accept connections again after ``refuse``."""
        if self._front is not None:
            await self._front.accept()

    def mount(self, part: Part) -> None:
        """Serve ``part`` as well, from ``start`` to ``aclose``."""
        if self._runner is not None:
            raise EmulatorError("the local Prusa Connect has been started")
        self._parts.append(part)

    async def start(self) -> None:
        """Listen; OSError if the port is taken."""
        if self._closed:
            raise ClosedError("the local Prusa Connect is closed")
        # A handler that a fault holds up ends when the client leaves.
        self._runner = web.AppRunner(
            self._app(),
            access_log=None,
            shutdown_timeout=CLOSE_TIMEOUT_S,
            lingering_time=CLOSE_TIMEOUT_S,
            handler_cancellation=True,
        )
        await self._runner.setup()
        assert self._runner.server is not None  # noqa: S101
        self._front = Front(self._runner.server, self.faults, self._notify, self._tls)
        self.port = await self._front.listen(self.host, self.port)
        self._exchanges.host = f"{self.host}:{self.port}"

    async def aclose(self) -> None:
        """Stop listening and end what is under way. Idempotent."""
        self._closed = True
        self._exchanges.closing.set()
        await self._sockets.aclose()
        for part in reversed(self._parts):
            await part.aclose()
        front, self._front = self._front, None
        if front is not None:
            await front.aclose()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        await self._tasks.aclose()

    def log_as_json(self) -> dict[str, Any]:
        """What ``GET /_ctl/log`` answers."""
        return {
            "connections": self.connections,
            "failed_handshakes": self.failed_handshakes,
            "max_in_flight": self.max_in_flight,
            "cameras": [
                {**ControlApi.shown(camera), **self.audit(camera.token).as_json()}
                for camera in self.account.cameras.values()
            ],
            "printers": [
                {**PrinterControl.shown(each), **self.audit_printer(each).as_json()}
                for each in self.account.printers.values()
            ],
            "requests": [record.as_json() for record in self.requests],
        }

    def _notify(self) -> None:
        self._tasks.start("notify", self.changed())

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        camera, printer = CameraApi(self.account), PrinterApi(self.account)
        files = FilesApi(self.account)
        page, video = WebApi(self.account), TimelapseApi(self.account, camera.refuse)
        images = "/app/cameras/{id}/snapshots/last"
        triggers = "/app/cameras/{token}/snapshots"
        videos = "/c/timelapse/{token}/{job_name}.mp4"
        adding = "/add-printer/connect/{type}/{code}"
        raw = "/p/teams/{team_id}/files/{hash}/raw"
        elsewhere = "/elsewhere/{hash}/{name}"
        app.add_routes(ControlApi(self).routes())
        app.add_routes(PrinterControl(self).routes())
        for part in self._parts:
            app.add_routes(part.routes())
        app.add_routes(
            [
                self._route("PUT", "/c/snapshot", camera.put_snapshot),
                self._route("PUT", "/c/info", camera.put_info),
                self._route("GET", videos, video.get, "path"),
                self._route("PUT", videos, video.put, "path"),
                self._route("POST", "/p/register", printer.register, "body"),
                self._route("GET", "/p/register", printer.registered),
                self._route("POST", "/p/camera", printer.add_camera, "body"),
                self._route("POST", "/p/telemetry", self._reports.telemetry),
                self._route("POST", "/p/events", self._reports.events),
                self._route("GET", "/p/ws", self._sockets.upgrade),
                self._route("GET", raw, files.get),
                self._route("GET", elsewhere, files.elsewhere),
                self._route("POST", "/app/printers/{uuid}/camera", page.add_camera),
                self._route("GET", adding, page.add_printer, "path"),
                self._route("POST", adding, page.add_printer, "path"),
                self._route("GET", images, page.last_snapshot),
                self._route("POST", triggers, page.trigger, "path"),
                self._route("GET", "/environment.js", page.environment),
                self._route("*", "/{path:.*}", lambda *_: ENDPOINT_UNKNOWN),
            ]
        )
        return app

    def _route(
        self, method: str, path: str, judge: Judge, *meant_for: str
    ) -> web.RouteDef:
        handler = self._exchanges.handler(judge, meant_for)
        return web.route(method, path, handler, expect_handler=_leave_to_exchange)


async def _leave_to_exchange(_request: web.Request) -> None:
    """``Expect: 100-continue`` may meet a fault as well."""
