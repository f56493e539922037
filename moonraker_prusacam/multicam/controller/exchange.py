# One command to a device, and its answer.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a device over a connection of its own.

Devices answer and never close, so an answer ends where its JSON ends. A command goes
out in one write, because devices take one segment for one command.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import time
from typing import TYPE_CHECKING, TypeVar

import attrs

from moonraker_prusacam.errors import MultiCamError, MultiCamUnavailable
from moonraker_prusacam.multicam.protocol.answers import CHUNK_BYTES, AnswerReader
from moonraker_prusacam.multicam.protocol.commands import CommandMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from moonraker_prusacam.multicam.protocol.responses import (
        ListFilesResponse,
        StatusResponse,
    )
    from moonraker_prusacam.multicam_options import Address

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
LIST_TIMEOUT_S = 30.0
IS_IT_THERE = "is MultiCam open there, and the device in this network?"
RETRY_DELAYS_S = (1.0, 2.0, 4.0)

T = TypeVar("T")


@attrs.frozen
class Exchange:
    """An answer with when the command left and when it came, in unix seconds."""

    answer: StatusResponse
    sent: float
    received: float

    @property
    def clock_offset_s(self) -> float:
        """How far the device's clock is ahead of ours, were both ways equally long."""
        return self.answer.timestamp - (self.sent + self.received) / 2

    @property
    def uncertainty_s(self) -> float:
        """By how much ``clock_offset_s`` may be wrong."""
        return (self.received - self.sent) / 2


@contextlib.asynccontextmanager
async def connected(
    address: Address,
) -> AsyncIterator[tuple[AnswerReader, asyncio.StreamWriter]]:
    """A connection; raises MultiCamUnavailable, for what fails within as well."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, limit=CHUNK_BYTES
            )
    except (OSError, TimeoutError) as error:
        raise _unavailable(address, error) from error
    try:
        yield AnswerReader(reader), writer
    except MultiCamUnavailable as error:
        raise MultiCamUnavailable(f"{address}: {error}") from error
    except OSError as error:
        raise _unavailable(address, error) from error
    finally:
        # Not closed politely: a device that is away would have us wait for it.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ask(
    address: Address, command: CommandMessage, timeout_s: float | None = None
) -> Exchange:
    """Send ``command`` and read its answer, whatever it says; raises MultiCamError."""
    async with connected(address) as (answers, writer):
        sent = time.time()
        writer.write(command.to_bytes())
        answer = await answers.status(timeout_s or ANSWER_TIMEOUT_S)
        return Exchange(answer, sent, time.time())


async def ask_status(address: Address) -> Exchange:
    """How the device is; raises MultiCamError."""
    return await ask(address, CommandMessage.device_status())


async def ask_files(address: Address) -> ListFilesResponse:
    """What the device has recorded; raises MultiCamError."""
    async with connected(address) as (answers, writer):
        writer.write(CommandMessage.list_files().to_bytes())
        return await answers.files(LIST_TIMEOUT_S)


async def retried(
    attempt: Callable[[], Awaitable[T]],
    note: Callable[[MultiCamError], None] = lambda _: None,
) -> T:
    """What ``attempt`` gives, tried again where waiting may help.

    ``note`` hears why it waits. Raises MultiCamError. Times are those of MultiCam
    PROTOCOL.md, section 7.
    """
    for delay_s in RETRY_DELAYS_S:
        try:
            return await attempt()
        except MultiCamError as error:
            if not error.retryable:
                raise
            note(error)
        await asyncio.sleep(delay_s)
    return await attempt()


def _unavailable(address: Address, error: OSError) -> MultiCamUnavailable:
    """Why there is no connection, and what to look at."""
    if isinstance(error, socket.gaierror):
        words = f"{address}: the name is not known; write the device's address"
    elif isinstance(error, ConnectionRefusedError):
        words = f"nothing listens at {address}: is MultiCam open there?"
    elif isinstance(error, TimeoutError):
        words = f"{address} does not answer: {IS_IT_THERE}"
    elif error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH, None):
        # asyncio's error for several addresses has no number.
        words = f"there is no way to {address}: {IS_IT_THERE}"
    else:
        words = f"{address}: {os.strerror(error.errno).lower()}"
    return MultiCamUnavailable(words)
