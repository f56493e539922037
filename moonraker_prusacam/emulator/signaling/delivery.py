# What the local signalling service sends.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events to one connection, whole or spoilt, and the ends of connections.

A binary event of Socket.IO is a text ``45<attachments>-["name",<placeholder>]``, and
then each attachment as a binary message. A client that is told of one and gets none
takes what comes next for it.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from . import rules
from .event_log import Direction
from .faults import RELAY_KINDS, FaultKind
from .octets import TEXT_FIELDS, spoil
from .session import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moonraker_prusacam.connect.signaling.messages import Message
    from moonraker_prusacam.emulator.connect import Rule

    from .event_log import EventLog
    from .faults import Fault
    from .session import Member

DEFAULT_LATE_S = 1.0
BINARY_EVENT = "5"  # Socket.IO
CONNECT = "0"
OTHER_SID = "AnotherSidForTheSame"


class Delivery:
    """Sends through python-socketio's ``server``, and below it what that would not."""

    def __init__(self, server: Any, log: EventLog) -> None:
        self._server = server
        self._log = log

    async def pass_on(
        self,
        targets: Sequence[Member],
        event: str,
        octets: bytes,
        message: Message | None,
        fault: Fault | None = None,
    ) -> None:
        """Send ``octets`` to all ``targets``, or what ``fault`` makes of them."""
        if fault is not None and fault.kind not in RELAY_KINDS:
            fault = None
        if fault is not None and fault.kind is FaultKind.LOSE:
            return
        if fault is not None and fault.kind is FaultKind.LATE:
            await asyncio.sleep(fault.seconds or DEFAULT_LATE_S)
        if fault is not None and event in TEXT_FIELDS:
            octets = spoil(fault.kind, event, octets, fault.size_bytes)
        for target in tuple(targets):  # whoever is gone is removed from them
            if target.socket.stalled:
                continue
            self._log.note(
                target,
                Direction.OUT,
                event,
                octets=octets,
                message=message,
                fault=fault,
            )
            await self._send(target, event, octets, fault)

    async def tell_error(self, member: Member, text: str) -> None:
        """Send the event ``error``."""
        self._log.note(member, Direction.OUT, "error", octets=text, text=text)
        await self._server.emit("error", text, to=member.sid)

    async def send_away(self, member: Member, error: str = "") -> None:
        """End the connection after an error, if there is one."""
        if error:
            await self.tell_error(member, error)
        await self._server.disconnect(member.sid)

    async def revoke(self, member: Member, rule: Rule) -> None:
        """End the connection of one whose camera is no more."""
        of_camera = member.role is Role.CAMERA
        error = rules.CAMERA_NOT_MEMBER if of_camera else rules.CLIENT_NOT_MEMBER
        self._log.note(member, Direction.OUT, "revoked", rule=rule)
        await self.send_away(member, error)

    async def strike(self, member: Member, fault: Fault) -> None:
        """Do to a connection what ``fault`` says, once it has the namespace."""
        await member.socket.greeted.wait()
        match fault.kind:
            case FaultKind.DISCONNECT:
                await self._server.disconnect(member.sid)
            case FaultKind.DROP:
                member.socket.reset()
            case FaultKind.STALL:
                member.socket.stall()
            case FaultKind.OTHER_SID:
                await self._raw(member, CONNECT + json.dumps({"sid": OTHER_SID}))
            case FaultKind.ERROR:
                await self.tell_error(member, fault.text)
            case _:
                pass

    async def _send(
        self, target: Member, event: str, octets: bytes, fault: Fault | None
    ) -> None:
        match fault.kind if fault is not None else None:
            case FaultKind.NO_ATTACHMENT:
                await self._raw(target, _head(event, 1))
            case FaultKind.TWO_ATTACHMENTS:
                await self._raw(target, _head(event, 1), octets, octets)
            case FaultKind.TWO_PAYLOADS:
                await self._raw(target, _head(event, 2), octets, octets)
            case FaultKind.AS_TEXT:
                text = octets.decode("latin-1")
                await self._server.emit(event, text, to=target.sid)
            case FaultKind.TWICE:
                await self._server.emit(event, octets, to=target.sid)
                await self._server.emit(event, octets, to=target.sid)
            case _:
                await self._server.emit(event, octets, to=target.sid)

    async def _raw(self, target: Member, *packets: str | bytes) -> None:
        """Send Socket.IO packets as they are."""
        engine_sid = self._server.manager.eio_sid_from_sid(target.sid, "/")
        for packet in packets:
            await self._server.eio.send(engine_sid, packet)


def _head(event: str, payloads: int) -> str:
    """The text that announces binary payloads."""
    places = [{"_placeholder": True, "num": number} for number in range(payloads)]
    return f"{BINARY_EVENT}{payloads}-{json.dumps([event, *places])}"
