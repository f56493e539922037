# One event at the local signalling service, from its arrival to its acknowledgement.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets the judge answer each event, a fault come between, and the log remember."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from . import rules
from .delivery import DEFAULT_LATE_S
from .event_log import Direction
from .faults import EVENT_KINDS, FaultKind
from .judge import AUTHENTICATIONS
from .session import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from moonraker_prusacam.emulator.connect.plan import FaultPlan

    from .delivery import Delivery
    from .event_log import EventLog
    from .faults import Fault
    from .judge import Judge, Verdict
    from .session import Member, Sessions

    # Starts what has to happen after the acknowledgement has left.
    Later: TypeAlias = Callable[[Coroutine[Any, Any, None]], object]

AFTERWARDS = (FaultKind.DISCONNECT, FaultKind.DROP, FaultKind.ERROR)


class Exchange:
    """Treats events one by one."""

    def __init__(
        self,
        judge: Judge,
        sessions: Sessions,
        faults: FaultPlan[Fault],
        log: EventLog,
        delivery: Delivery,
        later: Later,
    ) -> None:
        self._judge = judge
        self._sessions = sessions
        self._faults = faults
        self._log = log
        self._delivery = delivery
        self._later = later

    async def treat(
        self, member: Member, event: str, arguments: Sequence[object]
    ) -> tuple[bool, Any]:
        """Whether an event is acknowledged, and what is said."""
        verdict = self._judge.judge(member, event, arguments)
        fault = self._faults.take(EVENT_KINDS, event)
        answered, ack = self._acknowledgement(event, verdict, fault)
        if verdict.joins is not None and fault is not None:
            # Nobody is a member before that is acknowledged.
            await _wait_for(fault)
        if verdict.joins is not None:
            self._join(member, verdict)
        self._log.note(
            member,
            Direction.IN,
            event,
            octets=arguments[0] if arguments else b"",
            message=verdict.message,
            rule=verdict.rule,
            fault=fault,
            acked=answered,
            ack=ack,
        )
        if fault is not None and fault.kind is FaultKind.STALL:
            await self._delivery.strike(member, fault)
            return False, None
        await self._act(member, event, verdict, fault)
        if verdict.joins is None and fault is not None:
            await _wait_for(fault)
        return answered, ack

    async def _act(
        self, member: Member, event: str, verdict: Verdict, fault: Fault | None
    ) -> None:
        """Pass on what is to be passed on, and plan what comes after the answer."""
        message, targets = verdict.message, verdict.relay_to
        if member.role is Role.VIEWER:
            twice = fault is not None and fault.kind is FaultKind.TWICE
            for camera in (*targets, *targets) if twice else targets:
                self._judge.note_asked(camera, message)
        if targets:
            await self._delivery.pass_on(targets, event, verdict.octets, message, fault)
        if verdict.ends:
            self._later(self._delivery.send_away(member, verdict.error))
        elif verdict.error:
            self._later(self._delivery.tell_error(member, verdict.error))
        if fault is not None and fault.kind in AFTERWARDS:
            self._later(self._delivery.strike(member, fault))

    def _acknowledgement(
        self, event: str, verdict: Verdict, fault: Fault | None
    ) -> tuple[bool, Any]:
        answered, ack = verdict.answered, verdict.ack
        acks = self._judge.behaviour.acks
        if acks == "all" and answered and ack is None:
            ack = rules.ACK_OK
        if acks == "authentication" and event not in AUTHENTICATIONS:
            answered = False
        if fault is not None and fault.kind is FaultKind.ACK:
            return True, fault.ack
        silent = (FaultKind.ACK_NEVER, FaultKind.DROP, FaultKind.STALL)
        if fault is not None and fault.kind in silent:
            answered = False
        return answered, ack

    def _join(self, member: Member, verdict: Verdict) -> None:
        if verdict.joins is None:
            return
        role, camera = verdict.joins
        if role is Role.CAMERA and camera.fingerprint is None:
            camera.fingerprint = verdict.fingerprint or None
        before = self._sessions.join(member, role, camera)
        if before is not None:
            self._later(self._delivery.send_away(before))


async def _wait_for(fault: Fault) -> None:
    if fault.kind is FaultKind.ACK_LATE:
        await asyncio.sleep(fault.seconds or DEFAULT_LATE_S)
