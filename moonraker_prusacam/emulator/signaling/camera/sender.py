# What the virtual Prusa camera says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends messages, or what a fault makes of that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.connect.signaling.messages import (
    FileList,
    ProtocolVersion,
    Status,
)

from .faults import SENDING_KINDS, CameraFaultKind

if TYPE_CHECKING:
    from moonraker_prusacam.connect.signaling.codec import Codec
    from moonraker_prusacam.connect.signaling.messages import Message
    from moonraker_prusacam.emulator.connect.plan import FaultPlan

    from .answers import Answers
    from .connection import Connection
    from .faults import CameraFault
    from .timelapse import Phase, Trouble

DEFAULT_LATE_S = 1.0
OTHER_REQUEST_ID = "of another"
GONE_KINDS = (CameraFaultKind.LEAVE, CameraFaultKind.NEVER)


class Sender:
    """Sends through ``connection``, while there is one."""

    def __init__(
        self, codec: Codec, answers: Answers, faults: FaultPlan[CameraFault]
    ) -> None:
        self.connection: Connection | None = None
        self._codec = codec
        self._answers = answers
        self._faults = faults

    async def tell(
        self, phase: Phase, percent: int = 0, trouble: Trouble | None = None
    ) -> None:
        """Tell how the video goes on."""
        message = self._answers.progress(phase, percent, trouble)
        await self.send("client_trigger", message)

    async def send(self, event: str, message: Message) -> None:
        """Send a message as ``event``."""
        fault = self._faults.take(SENDING_KINDS, event)
        if not await self._wait_out(fault) or self.connection is None:
            return
        kind = fault.kind if fault is not None else None
        if kind is CameraFaultKind.OTHER_REQUEST_ID:
            message = self._of_another(message)
        octets = self._codec.encode(message)
        for _ in range(2 if kind is CameraFaultKind.TWICE else 1):
            await self.connection.send(event, octets)

    async def may(self, what: str) -> bool:
        """Whether ``what`` is done, of what is no event."""
        return await self._wait_out(self._faults.take(SENDING_KINDS, what))

    def _of_another(self, message: Message) -> Message:
        """``message`` with another request id, where it can have one."""
        is_wire = self._codec.profile == "wire"
        if is_wire and isinstance(message, Status | ProtocolVersion | FileList):
            return attrs.evolve(message, request_id=OTHER_REQUEST_ID)
        return message

    async def _wait_out(self, fault: CameraFault | None) -> bool:
        """Do what ``fault`` wants first; whether to go on."""
        if fault is None:
            return True
        if fault.kind is CameraFaultKind.LEAVE and self.connection is not None:
            await self.connection.leave(fault.seconds)
        if fault.kind is CameraFaultKind.LATE:
            await asyncio.sleep(fault.seconds or DEFAULT_LATE_S)
        return fault.kind not in GONE_KINDS
