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

from moonraker_prusacam.errors import MultiCamError, TimeNotSynchronized
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
POLL_S = 2.0  # while a device makes its file final
CREATION_SLACK_S = 5.0
"""A file of this session may have been created so long before the order."""
BUSY = frozenset({DeviceStatus.RECORDING, DeviceStatus.STOPPING})


async def start(take: Take, target: float) -> None:
    """Order the start at ``target``, and see at the instant that it was done."""
    try:
        await _order(take, target)
        await asyncio.sleep(max(0.0, target + VERIFY_AFTER_S - time.time()))
        if not await _is_recording(take):
            # It said yes and does not record: once more, from now on.
            await _order(take, target)
            if not await _is_recording(take):
                take.fail("it took the order, but does not record")
    except MultiCamError as error:
        take.fail(str(error))


async def stop(take: Take, ordered: float, timeout_s: float) -> None:
    """Have the device end what it records, and learn what its file is called.

    Raises MultiCamUnavailable while it is away; what else goes wrong ends the take.
    """
    told = (await retried(lambda: ask_status(take.address))).answer
    if told.status == DeviceStatus.STOPPING:
        await _wait_until_stopped(take, timeout_s)
    elif told.isRecording or told.status in BUSY:
        try:
            command = CommandMessage.stop_recording()
            answer = (await ask(take.address, command, timeout_s)).answer
            answer.check()
            _note_file(take, answer)
        except MultiCamError as error:
            # It may have stopped all the same, and its answer be lost.
            log.info("MultiCam device %s: %s", take.name, error)
            take.reason = str(error)
    if take.recording is None:
        await _find(take, ordered)
    if take.recording is None:
        take.fail(take.reason or "it has no recording of this session")
        return
    take.state, take.stopped, take.reason = TakeState.STOPPED, time.time(), ""


async def _order(take: Take, target: float) -> None:
    """Say START; raises MultiCamError when the device says no, or nothing at all."""
    exchange = await retried(lambda: ask_status(take.address))
    _note_device(take, exchange)
    try:
        accepted = await _say_start(take, target)
    except TimeNotSynchronized:
        # Such a device begins at once, whatever instant it is given, if that is past
        # by its own clock.
        await asyncio.sleep(max(0.0, target - time.time()))
        exchange = await ask_status(take.address)
        accepted = await _say_start(take, exchange.answer.timestamp)
        take.is_clock_wrong = True
        take.warning = "its clock is not set, so it began when it heard of it"
    take.accepted = accepted
    take.late_s = max(0.0, accepted - target)


async def _say_start(take: Take, timestamp: float) -> float:
    """When the device had taken the order, at the latest; raises MultiCamError."""
    command = CommandMessage.start_recording(timestamp)
    exchange = await ask(take.address, command)
    exchange.answer.check()
    return exchange.received


async def _is_recording(take: Take) -> bool:
    answer = (await retried(lambda: ask_status(take.address))).answer
    answer.check()
    is_recording = answer.isRecording or answer.status in BUSY
    # The oldest phones of one kind say no more while they record.
    is_recording |= answer.status == DeviceStatus.COMMAND_RECEIVED
    if is_recording:
        take.state = TakeState.RECORDING
    return is_recording


def _note_device(take: Take, exchange: Exchange) -> None:
    answer = exchange.answer
    take.device_id, take.device_type = answer.deviceId, answer.deviceType or ""
    take.dialect = "" if answer.dialect is None else answer.dialect.value
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
        if (await retried(lambda: ask_status(take.address))).answer.status not in BUSY:
            return


async def _find(take: Take, ordered: float) -> None:
    """Look for the recording among the device's files: the newest since the order.

    Raises MultiCamUnavailable.
    """
    try:
        listed = await ask_files(take.address)
    except MultiCamError as error:
        if error.retryable:
            raise
        take.reason = take.reason or str(error)
        return
    since = ordered + (take.clock_offset_s or 0.0) - CREATION_SLACK_S
    recent = [file for file in listed.files if file.creationDate >= since]
    if recent:
        newest = max(recent, key=_created)
        take.file_id, take.file_name = newest.fileId, newest.fileName
        take.told_bytes = newest.fileSize


def _created(file: FileMetadata) -> float:
    return file.creationDate
