# Cameras of Bambu Lab's printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``bambu://HOST?model=…``: A1 and P1 send JPEGs by a protocol of their own, in TLS.

The client greets with 80 bytes; then each picture comes behind a header of 16, a few a
second. Source: video.md of OpenBambuAPI, and clients that work. A printer serves one
viewer or two, and goes on feeding a connection that it thinks is alive, so there is
never a second one of ours.

What a printer does that is told a wrong access code is known from users only: it closes
the connection, or says nothing.
"""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.tls import close_tls, connect_tls, place
from moonraker_prusacam.camera_options import BAMBU_USER
from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.source_url import BAMBU_CHAMBER_MODELS

if TYPE_CHECKING:
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera.tls import Connection
    from moonraker_prusacam.camera_options import CameraConfig

    from . import Host, Source

PORT = 6000
# From one whole picture to the end of the next: a trickle is no picture either.
READ_TIMEOUT_S = 10.0
READ_BYTES = 64 << 10
# Pictures that the scanner found none in, one after the other.
MOST_FRUITLESS = 10

GREETING = struct.Struct("<IIII32s32s")
GREETING_SIZE, GREETING_KIND = 0x40, 0x3000
USER = BAMBU_USER.encode()
LONGEST_CODE_BYTES = 32
HEADER = struct.Struct("<I12x")
JPEG_BEGIN = b"\xff\xd8\xff"

CODE_ADVICE = (
    "compare 'access_code' with the code in the printer's network settings; it changes "
    "when it is renewed there"
)
OTHERS_ADVICE = "close Bambu Studio, Bambu Handy and whatever else shows the camera"
LIVEVIEW_ADVICE = (
    "is this the printer's address, is its model right, and is LAN-only liveview on in "
    "its settings?"
)
RESTART_ADVICE = "restart the printer"


def bambu_source(config: CameraConfig, host: Host) -> Source:
    """The source for the model that ``config`` names."""
    if config.source.model in BAMBU_CHAMBER_MODELS:
        return ChamberSource(config, host)
    from .liveview import LiveviewSource

    return LiveviewSource(config, host)


async def connect_printer(config: CameraConfig, host: Host, port: int) -> Connection:
    """Like ``connect_tls``, with advice that fits a printer."""
    try:
        return await connect_tls(config, host, port)
    except SourceUnavailable as error:
        if not isinstance(error.__cause__, ConnectionRefusedError):
            raise
        raise SourceUnavailable(str(error), advice=LIVEVIEW_ADVICE) from error


class ChamberSource:
    """The pictures of one A1 or P1."""

    def __init__(self, config: CameraConfig, host: Host) -> None:
        self._config = config
        self._host = host

    async def run(self, receiver: Receiver) -> None:
        """Receive what the printer sends; see Source."""
        code = self._code()
        reader, writer = await connect_printer(self._config, self._host, PORT)
        try:
            receiver.reached(Stage.REACHABLE)
            writer.write(_greeting(code))
            await _Viewing(self._config, reader, receiver).run()
        finally:
            await close_tls(writer)

    def _code(self) -> Secret:
        """The access code; raises SourceRefused."""
        credentials = self._config.credentials
        code = credentials.password.reveal().strip() if credentials else ""
        if not 0 < len(code.encode()) <= LONGEST_CODE_BYTES:
            raise SourceRefused(
                f"an access code has 1 to {LONGEST_CODE_BYTES} characters",
                advice=CODE_ADVICE,
            )
        return Secret(code)


def _greeting(code: Secret) -> bytes:
    octets = code.reveal().encode()
    return GREETING.pack(GREETING_SIZE, GREETING_KIND, 0, 0, USER, octets)


class _Viewing:
    """What comes of one connection."""

    def __init__(
        self, config: CameraConfig, reader: asyncio.StreamReader, receiver: Receiver
    ) -> None:
        self._where = place(config.source.host, PORT)
        self._largest_bytes = config.max_frame_bytes
        self._interval_s = 1 / config.fps if config.fps else 0.0
        self._reader = reader
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._deadline_s = self._due_s = self._loop.time()
        self._heard = False

    async def run(self) -> None:
        """Raises SourceError at the end."""
        fruitless = 0
        while fruitless < MOST_FRUITLESS:
            self._deadline_s = self._loop.time() + READ_TIMEOUT_S
            size = await self._header()
            self._receiver.reached(Stage.AUTHENTICATED)
            if not self._is_due():
                await self._skip(size)
                continue
            before = self._receiver.stats.frames
            await self._picture(size)
            is_frame = self._receiver.stats.frames != before
            fruitless = 0 if is_frame else fruitless + 1
        raise SourceUnfit(
            f"{self._where} sends pictures that break off or are damaged",
            advice=RESTART_ADVICE,
        )

    async def _header(self) -> int:
        """The size of the picture that follows."""
        (size,) = HEADER.unpack(await self._exactly(HEADER.size))
        if not 0 < size <= self._largest_bytes:
            raise SourceUnfit(
                f"{self._where} announces a picture of {size} bytes; 1 to "
                f"{self._largest_bytes} would make sense",
                advice="restart the printer, or raise 'max_frame_bytes'",
            )
        return int(size)

    async def _picture(self, size: int) -> None:
        begin = await self._exactly(min(size, len(JPEG_BEGIN)))
        if begin != JPEG_BEGIN:
            raise SourceUnfit(
                f"{self._where} sends something else than JPEGs",
                advice=f"is the model right? Else {RESTART_ADVICE}",
            )
        self._receiver.feed(begin)
        left = size - len(begin)
        while left:
            piece = await self._some(left)
            left -= len(piece)
            self._receiver.feed(piece)

    async def _skip(self, size: int) -> None:
        while size:
            size -= len(await self._some(size))

    def _is_due(self) -> bool:
        """Whether the picture that comes now is not one too many.

        Half an interval early is in time, so that a camera of just the wanted rate
        loses nothing by its jitter.
        """
        now_s, interval_s = self._loop.time(), self._interval_s
        if now_s < self._due_s - interval_s / 2:
            return False
        self._due_s = max(self._due_s, now_s - interval_s) + interval_s
        return True

    async def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += await self._some(size - len(data))
        return data

    async def _some(self, most: int) -> bytes:
        """At least one byte; raises SourceError."""
        try:
            async with asyncio.timeout_at(self._deadline_s):
                data = await self._reader.read(min(most, READ_BYTES))
        except TimeoutError as error:
            raise self._silent() from error
        except OSError as error:
            raise self._gone() from error
        if not data:
            raise self._gone()
        self._heard = True
        return data

    def _silent(self) -> SourceError:
        if self._heard:
            return SourceStalled(
                f"{self._where} is connected, but has sent no whole picture for "
                f"{READ_TIMEOUT_S:g} s",
                advice=f"{RESTART_ADVICE}, or bring it nearer to the wireless network",
            )
        return SourceRefused(
            f"{self._where} has sent nothing in the {READ_TIMEOUT_S:g} s since it was "
            "told the access code",
            advice=f"either the code is wrong: {CODE_ADVICE}; or somebody else has the "
            f"camera: {OTHERS_ADVICE}",
        )

    def _gone(self) -> SourceError:
        if self._heard:
            return SourceUnavailable(
                f"{self._where} closed the connection", advice=OTHERS_ADVICE
            )
        return SourceRefused(
            f"{self._where} closed the connection when it was told the access code",
            advice=CODE_ADVICE,
        )
