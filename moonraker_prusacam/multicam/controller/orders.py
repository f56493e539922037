# What devices are told, and what they make of it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and stop of one device's take.

Neither ever raises: a device that is dead or lies spoils its own take and no other. A
START may be said twice, since devices that record say that they do. A STOP is said only
to devices that record: some never answer it when they do not.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from moonraker_prusacam.errors import (
    MultiCamError,
    MultiCamRefused,
    MultiCamUnavailable,
    TimeNotSynchronized,
)
from moonraker_prusacam.multicam.protocol.commands import CommandMessage
from moonraker_prusacam.multicam.protocol.vocabulary import DeviceStatus

from .exchange import ask, ask_files, ask_status, retried
from .session import TakeState

if TYPE_CHECKING:
    from moonraker_prusacam.multicam.protocol.responses import (
        FileMetadata,
        StatusResponse,
    )

    from .exchange import Exchange
    from .session import Take

log = logging.getLogger(__name__)

VERIFY_AFTER_S = 1.0  # after the instant
MAX_WAIT_S = 61.0  # the longest delay, and a second
POLL_S = 2.0  # while a device makes its file final
CREATION_SLACK_S = 5.0
"""A file of this session may have been created so long before the order."""
BUSY = frozenset({DeviceStatus.RECORDING, DeviceStatus.STOPPING})
# For the instant; the oldest phones of one kind say no more while they record.
WAITING = frozenset(
    {DeviceStatus.SCHEDULED_RECORDING_ACCEPTED, DeviceStatus.COMMAND_RECEIVED}
)

GROSS_S = 1.0
"""A clock that is further off ours is told the instant in its own time."""

PHONES = ("iOS:", "Android:")
"""What phones call themselves. They begin by the time that servers tell, and say that
of their own clock (MultiCam's CameraManager.swift, TimeSync.java)."""


async def start(
    take: Take, target: float, *, is_clock_set: bool = True, is_resumed: bool = False
) -> bool:
    """Order the start at ``target``; ``is_resumed``: it may have been ordered before.

    What somebody else has it record is theirs, and neither ended nor fetched: then the
    take has failed, and this is False.
    """

    def note_why(error: MultiCamError) -> None:
        take.reason = str(error)

    try:
        exchange = await retried(lambda: ask_status(take.address), note_why)
        take.reason = ""
        _note_device(take, exchange, keeps_time=is_clock_set)
        if not _records(exchange.answer):
            await _order(take, target)
        elif not is_resumed:
            take.fail("it records already, for somebody else")
            return False
        elif take.accepted is None:
            take.is_ordered, take.is_offset_unknown = True, True
            take.warning = "this host was restarted while it began"
    except MultiCamError as error:
        _note_trouble(take, error)
    return True


async def verify(take: Take, target: float) -> None:
    """See after the instant that it records; if not, order it once more."""
    try:
        await _until(max(target, take.begins or 0.0) + VERIFY_AFTER_S)
        if _has_begun(take, await _told_well(take)):
            return
        await _order(take, target)
        told = await _told_well(take)
        if _has_begun(take, told):
            return
        if told.status == DeviceStatus.SCHEDULED_RECORDING_ACCEPTED:
            take.reason = "it still waits for the instant, by its own clock"
        else:
            take.fail("it took the order, but does not record")
    except MultiCamError as error:
        _note_trouble(take, error)


async def has_ended(take: Take, ordered: float, others: frozenset[str]) -> bool:
    """Whether a device that recorded does so no more, as after a restart of its own.

    Then its file is known, if it has one; ``others`` are of other sessions. False
    where nobody knows.
    """
    try:
        told = await _told_by(take)
        if _records(told) or told.status in WAITING:
            return False
        await _find(take, ordered, None, others)
    except MultiCamError as error:
        log.info("MultiCam device %s: %s", take.name, error)
        return False
    return True


async def stop(
    take: Take,
    ordered: float,
    target: float | None,
    timeout_s: float,
    until: float | None = None,
    others: frozenset[str] = frozenset(),
) -> None:
    """Have the device end what it records, and learn what its file is called.

    Before the instant ``target`` that is no use: some devices refuse, and begin all
    the same. What it records since ``until`` belongs to a later session: it goes on.
    ``others`` are files of other sessions. Raises MultiCamUnavailable while it is
    away; what else goes wrong ends the take.
    """
    if until is None:
        await _until((target or 0.0) + VERIFY_AFTER_S)
        await _end(take, timeout_s)
    else:
        await _told_by(take)
    if take.recording is None:
        await _find(take, ordered, until, others)
    if take.recording is None:
        take.fail(take.reason or "it has no recording of this session")
        return
    take.state, take.stopped, take.reason = TakeState.STOPPED, time.time(), ""


async def recognise(take: Take) -> None:
    """Raise MultiCamUnavailable where another device has the address by now."""
    try:
        await _told_by(take)
    except MultiCamUnavailable:
        raise
    except MultiCamError as error:
        log.info("MultiCam device %s: %s", take.name, error)


async def _end(take: Take, timeout_s: float) -> None:
    """Say STOP to a device that records; raises MultiCamError."""
    told = await _told_by(take)
    if told.status == DeviceStatus.STOPPING:
        await _wait_until_stopped(take, timeout_s)
    elif _records(told) or told.status in WAITING:
        try:
            command = CommandMessage.stop_recording()
            answer = (await ask(take.address, command, timeout_s)).answer
            answer.check()
            _note_file(take, answer)
        except MultiCamError as error:
            # It may have stopped all the same, and its answer be lost.
            log.info("MultiCam device %s: %s", take.name, error)
            take.reason = str(error)
            # It has not heard of it, or its file is not final.
            if error.retryable and _records(await _told_by(take)):
                raise
    elif take.state is TakeState.RECORDING:
        take.warning = take.warning or "it did not record any more at the end"


async def _order(take: Take, target: float) -> None:
    """Say START; raises MultiCamError when the device says no, or nothing at all."""
    ahead_s = take.clock_offset_s or 0.0
    is_gross = abs(ahead_s) - (take.clock_uncertainty_s or 0.0) > GROSS_S
    told = target + ahead_s if is_gross and not take.keeps_time else target
    try:
        exchange = await _say_start(take, told)
    except TimeNotSynchronized:
        # Such a device begins at once, whatever instant it is given, if that is past
        # by its own clock.
        await _until(target)
        now = await ask_status(take.address)
        exchange = await _say_start(take, now.answer.timestamp)
        take.is_offset_unknown = True
        take.warning = "its clock is not set, so it began when it heard of it"
    if told != target:
        take.warning = f"its clock is {ahead_s:+.1f} s off this host's"
    take.accepted = exchange.received
    take.late_s = max(0.0, exchange.received - target)
    # None begins before it has heard of it.
    by_its_clock = told if take.keeps_time else told - ahead_s
    heard = (exchange.sent + exchange.received) / 2
    take.begins = max(by_its_clock, heard)
    if exchange.received > by_its_clock:
        take.begins_uncertainty_s = round(exchange.uncertainty_s, 4)


async def _say_start(take: Take, timestamp: float) -> Exchange:
    """The order and its answer; raises MultiCamError."""
    take.is_ordered = True
    exchange = await ask(take.address, CommandMessage.start_recording(timestamp))
    exchange.answer.check()
    return exchange


async def _told_well(take: Take) -> StatusResponse:
    """How the device is; raises MultiCamError, for an error that it tells as well."""
    answer = await _told_by(take)
    answer.check()
    return answer


async def _told_by(take: Take) -> StatusResponse:
    """How the device is; raises MultiCamError.

    It is away where another one has its address: what that has is nobody's to stop,
    nor to fetch.
    """
    answer = (await retried(lambda: ask_status(take.address))).answer
    if take.device_id and answer.deviceId != take.device_id:
        raise MultiCamUnavailable(f"{take.address} is another device by now")
    return answer


def _has_begun(take: Take, answer: StatusResponse) -> bool:
    if not (_records(answer) or answer.status == DeviceStatus.COMMAND_RECEIVED):
        return False
    take.state, take.reason = TakeState.RECORDING, ""
    take.is_offset_unknown |= take.accepted is None
    return True


def _note_trouble(take: Take, error: MultiCamError) -> None:
    """Who may have heard the order is asked at the end; nobody else is."""
    if take.is_ordered and not isinstance(error, MultiCamRefused):
        log.info("MultiCam device %s: %s", take.name, error)
        take.reason = str(error)
    else:
        take.fail(str(error))


async def _until(instant: float) -> None:
    """Wait for it, but not for hours because somebody has set the clock back."""
    await asyncio.sleep(min(MAX_WAIT_S, max(0.0, instant - time.time())))


def _records(answer: StatusResponse) -> bool:
    return answer.isRecording or answer.status in BUSY


def _note_device(take: Take, exchange: Exchange, *, keeps_time: bool) -> None:
    """Who it is; ``keeps_time``: our clock is that of the network, too."""
    answer = exchange.answer
    take.device_id, take.device_type = answer.deviceId, answer.deviceType or ""
    take.dialect = "" if answer.dialect is None else answer.dialect.value
    take.keeps_time = keeps_time and take.device_type.startswith(PHONES)
    take.clock_offset_s = round(exchange.clock_offset_s, 4)
    take.clock_uncertainty_s = round(exchange.uncertainty_s, 4)


def _note_file(take: Take, answer: StatusResponse) -> None:
    take.file_id, take.file_name = answer.fileId or None, answer.fileName or None
    take.told_bytes = answer.fileSize


async def _wait_until_stopped(take: Take, timeout_s: float) -> None:
    """Ask until the device is done, or its time is over; raises MultiCamError."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        if (await _told_by(take)).status not in BUSY:
            return


async def _find(
    take: Take, ordered: float, until: float | None, others: frozenset[str]
) -> None:
    """Look for the recording among the device's files: the newest since the order.

    A file of the session before may be as new as that, where prints follow each other
    quickly: ``others`` are none of ours. Raises MultiCamUnavailable.
    """
    try:
        listed = await ask_files(take.address)
    except MultiCamError as error:
        if error.retryable:
            raise
        take.reason = take.reason or str(error)
        return
    ahead_s = take.clock_offset_s or 0.0
    since = ordered + ahead_s - CREATION_SLACK_S
    before = float("inf") if until is None else until + ahead_s
    recent = [
        file
        for file in listed.files
        if since <= file.creationDate < before
        and not others & {file.fileId, file.fileName}
    ]
    if recent:
        newest = max(recent, key=_created)
        take.file_id, take.file_name = newest.fileId, newest.fileName
        take.told_bytes = newest.fileSize


def _created(file: FileMetadata) -> float:
    return file.creationDate
