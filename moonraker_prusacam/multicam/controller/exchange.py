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
import time
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import MultiCamMalformed, MultiCamUnavailable
from moonraker_prusacam.multicam.protocol.commands import CommandMessage
from moonraker_prusacam.multicam.protocol.responses import (
    ListFilesResponse,
    StatusResponse,
)
from moonraker_prusacam.multicam.protocol.scanner import ObjectScanner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from moonraker_prusacam.multicam_options import Address

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
LIST_TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 2 << 20
"""A phone lists all its videos at once; some 150 octets each."""
READ_BYTES = 64 << 10


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
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection; raises MultiCamUnavailable, for what fails within as well."""
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, limit=READ_BYTES
            )
    except (OSError, TimeoutError) as error:
        raise _unavailable(address, error) from error
    try:
        yield reader, writer
    except MultiCamUnavailable:
        raise
    except OSError as error:
        raise _unavailable(address, error) from error
    finally:
        # Not closed politely: a device that is away would have us wait for it.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def ask(
    address: Address, command: CommandMessage, timeout_s: float = ANSWER_TIMEOUT_S
) -> Exchange:
    """Send ``command`` and read its answer, whatever it says; raises MultiCamError."""
    sent = time.time()
    text = await _ask(address, command, timeout_s)
    return Exchange(StatusResponse.from_json(text), sent, time.time())


async def ask_status(address: Address) -> Exchange:
    """How the device is; raises MultiCamError."""
    return await ask(address, CommandMessage.device_status())


async def ask_files(address: Address) -> ListFilesResponse:
    """What the device has recorded; raises MultiCamError."""
    text = await _ask(address, CommandMessage.list_files(), LIST_TIMEOUT_S)
    try:
        return ListFilesResponse.from_json(text)
    except MultiCamMalformed:
        StatusResponse.from_json(text).check()  # says what it has against the question
        raise


async def read_object(
    reader: asyncio.StreamReader, address: Address, begun: bytes = b""
) -> bytes:
    """The next JSON object, of which ``begun`` was read; raises MultiCamError."""
    scanner = ObjectScanner(MAX_ANSWER_BYTES)
    scanner.feed(begun)
    while (text := scanner.take()) is None:
        received = await reader.read(READ_BYTES)
        if not received:
            raise MultiCamUnavailable(f"{address} closed before it answered")
        scanner.feed(received)
    return text


async def _ask(address: Address, command: CommandMessage, timeout_s: float) -> bytes:
    async with connected(address) as (reader, writer):
        writer.write(command.to_bytes())
        try:
            async with asyncio.timeout(timeout_s):
                return await read_object(reader, address)
        except TimeoutError as error:
            raise MultiCamUnavailable(
                f"{address} did not answer {command.command} within {timeout_s:g} s"
            ) from error


def _unavailable(address: Address, error: OSError) -> MultiCamUnavailable:
    if isinstance(error, TimeoutError) and not error.errno:
        reason = "no answer" if not str(error) else str(error)
    else:
        reason = error.strerror or str(error) or type(error).__name__
    return MultiCamUnavailable(f"{address}: {reason}")
