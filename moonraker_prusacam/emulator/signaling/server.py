# The local signalling service of Prusa cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Socket.IO server with both roles, at the address of a local Prusa Connect.

``Judge`` says what becomes of an event; a planned fault may come between.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import socketio
from aiohttp import web
from socketio.exceptions import ConnectionRefusedError as Refused

from moonraker_prusacam.connect.signaling.messages import Switch, Trigger
from moonraker_prusacam.emulator.connect.plan import FaultPlan
from moonraker_prusacam.errors import EmulatorError
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.tasks import TaskOwner

from . import rules
from .audit import Audit
from .control_api import ControlApi
from .delivery import Delivery
from .event_log import CONNECT, DISCONNECT, UPGRADE, Direction, EventLog, EventRecord
from .exchange import Exchange
from .faults import CONNECT_KINDS, DOOR_KINDS, Fault, FaultKind
from .judge import Judge
from .session import Member, Role, Sessions
from .transcript import transcript
from .transport import VISIT, GuardedSocket, Visit, answer_of_old

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from moonraker_prusacam.connect.signaling.messages import Configuration
    from moonraker_prusacam.emulator.connect import LocalCamera, LocalConnect, Rule

    from .behaviour import Behaviour

PATH = "/socket.io/"
# Those of the original are not known; these are Socket.IO's own.
PING_INTERVAL_S, PING_TIMEOUT_S = 25.0, 20.0


class LocalSignaling:
    """The service; it lives from ``connect.start()`` to ``connect.aclose()``.

    A test that wants another pace of pings sets them here.
    """

    def __init__(
        self,
        connect: LocalConnect,
        *,
        ping_interval_s: float = PING_INTERVAL_S,
        ping_timeout_s: float = PING_TIMEOUT_S,
    ) -> None:
        self.faults: FaultPlan[Fault] = FaultPlan()
        self.sessions = Sessions()
        self.connect = connect
        self.log = EventLog(connect.account.secrets)
        self._judge = Judge(connect.account, self.sessions)
        self._sockets: set[GuardedSocket] = set()
        self._knocks = 0
        self._closed = False
        self._tasks = TaskOwner("local-signaling")
        self._server = self._make_server(ping_interval_s, ping_timeout_s)
        self._delivery = Delivery(self._server, self.log)
        self._exchange = Exchange(
            self._judge,
            self.sessions,
            self.faults,
            self.log,
            self._delivery,
            lambda work: self._tasks.start("afterwards", work),
        )
        connect.account.on_trigger.append(self._snapshot_wanted)
        connect.mount(self)

    @property
    def url(self) -> str:
        """What a client is given as the server."""
        return self.connect.url

    @property
    def behaviour(self) -> Behaviour:
        """How it answers where the service's answer is in doubt."""
        return self._judge.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        self._judge.behaviour = behaviour

    @property
    def events(self) -> list[EventRecord]:
        """The newest events, oldest first; bounded."""
        return self.log.records

    def audit(self, role: Role) -> Audit:
        """What the log tells of those who came as ``role``."""
        return Audit(self.events, role)

    def is_connected(self, token: str, role: Role) -> bool:
        """Whether somebody has authenticated for that camera as ``role``."""
        return any(member.role is role for member in self.sessions[token].members)

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Wait until ``condition`` holds, asked after each event, or TimeoutError."""
        await self.log.changes.wait_for(condition, timeout_s)

    async def inject(self, *faults: Fault) -> None:
        """Plan faults."""
        self.faults.add(faults)

    async def send(self, token: str, message: Trigger | Configuration) -> None:
        """Send a message to a camera as the service itself; EmulatorError if away."""
        camera = self.sessions[token].camera
        if camera is None:
            raise EmulatorError("that camera is not connected")
        self._judge.note_asked(camera, message)
        event = "trigger" if isinstance(message, Trigger) else "configuration"
        octets = self._judge.codec.encode(message)
        await self._delivery.pass_on((camera,), event, octets, message)

    async def disconnect(self, token: str, role: Role | None = None) -> None:
        """Send away those of ``role``, or all; they may come back."""
        for member in self.sessions[token].members:
            if role in (None, member.role):
                await self._delivery.send_away(member)

    async def revoke(self, token: str) -> None:
        """Delete a camera, connected or not."""
        self.connect.account.cameras[token].deleted_at = time.time()
        for member in self.sessions[token].members:
            await self._delivery.revoke(member, rules.REVOKED)

    def transcript(self) -> str:
        """The log as lines for people."""
        return transcript(self.events)

    def log_as_json(self) -> dict[str, Any]:
        """What ``GET /_ctl/signaling/log`` answers."""
        return {
            **{role.value: self.audit(role).as_json() for role in Role},
            "events": [record.as_json() for record in self.events],
        }

    def routes(self) -> list[web.RouteDef]:
        """What to route where."""
        return [web.route("*", PATH, self._door), *ControlApi(self).routes()]

    async def aclose(self) -> None:
        """End all connections. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for socket in self._sockets:
            socket.reset()
        await self._server.shutdown()
        await self._tasks.aclose()

    def _make_server(self, ping_interval_s: float, ping_timeout_s: float) -> Any:
        # It would log tokens.
        quiet = logging.getLogger(f"{__name__}.socketio")
        quiet.setLevel(logging.WARNING)
        server = socketio.AsyncServer(
            async_mode="aiohttp",
            transports=["websocket"],
            cors_allowed_origins="*",
            ping_interval=ping_interval_s,
            ping_timeout=ping_timeout_s,
            logger=quiet,
            engineio_logger=quiet,
        )
        # Its background tasks end with us; and there is no other way to get a hand on
        # what leaves.
        server.eio.start_background_task = self._start
        driver = {**server.eio._async, "websocket": GuardedSocket}  # noqa: SLF001
        server.eio._async = driver  # noqa: SLF001
        server.on("connect", self._connected)
        server.on("disconnect", self._disconnected)
        server.on("*", self._event)
        return server

    def _start(
        self, work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any
    ) -> asyncio.Task[Any]:
        return self._tasks.start("socketio", work(*arguments))

    async def _door(self, request: web.Request) -> web.StreamResponse:
        self._knocks += 1
        refusal = self._refuse(request)
        fault = self.faults.take(DOOR_KINDS, UPGRADE) if refusal is None else None
        self.log.knock(self._knocks, request, refusal, fault)
        if refusal is not None:
            return web.Response(status=403 if refusal is rules.ORIGIN_MISSING else 400)
        if fault is not None and fault.kind is FaultKind.REFUSE_UPGRADE:
            return web.Response(status=fault.status, text=fault.text)
        if fault is not None and fault.kind is FaultKind.OLD_ENGINE:
            return await answer_of_old(request, fault.seconds)
        visit = Visit(self._knocks, fault)
        VISIT.set(visit)
        try:
            response: web.StreamResponse = await self._server.handle_request(request)
        finally:
            if visit.socket is not None:
                self._sockets.discard(visit.socket)
        return response

    def _refuse(self, request: web.Request) -> Rule | None:
        if request.query.get("transport", "polling") != "websocket":
            return rules.POLLING
        if request.query.get("EIO") != "4":
            return rules.ENGINE_VERSION
        if self.behaviour.require_origin and not request.headers.get("Origin"):
            return rules.ORIGIN_MISSING
        return None

    async def _connected(self, sid: str, _environ: dict[str, Any], auth: Any) -> None:
        visit = VISIT.get()
        assert visit.socket is not None  # noqa: S101
        self._sockets.add(visit.socket)
        member = Member(visit.number, sid, visit.socket)
        token = auth.get("token") if isinstance(auth, dict) else None
        rule = rules.CONNECTED if token else rules.CONNECT_TOKEN
        fault = self.faults.take(CONNECT_KINDS, CONNECT) if token else None
        self.log.note(member, Direction.IN, CONNECT, rule=rule, fault=fault)
        if not token:
            raise Refused("token is missing")
        if fault is not None and fault.kind is FaultKind.REFUSE_CONNECT:
            raise Refused(fault.text)
        self.sessions.members[sid] = member
        if fault is not None:
            self._tasks.start("afterwards", self._delivery.strike(member, fault))

    async def _disconnected(self, sid: str, reason: str = "") -> None:
        member = self.sessions.members.pop(sid, None)
        if member is not None:
            self.sessions.leave(member)
            self.log.note(member, Direction.IN, DISCONNECT, text=str(reason))

    async def _event(self, event: str, sid: str, *arguments: Any) -> Any:
        """What is acknowledged."""
        member = self.sessions.members.get(sid)
        if member is None or member.socket.stalled:
            return self._server.not_handled
        answered, ack = await self._exchange.treat(member, event, arguments)
        if not answered or member.socket.stalled:
            return self._server.not_handled
        return ack

    def _snapshot_wanted(self, camera: LocalCamera) -> None:
        if self.is_connected(camera.token, Role.CAMERA):
            token = Secret(camera.token)
            message = Trigger(get_snapshot=Switch.ON, camera_token=token)
            self._tasks.start("snapshot", self.send(camera.token, message))
