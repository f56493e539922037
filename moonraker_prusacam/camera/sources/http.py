# MJPEG over HTTP.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``http(s)://…``: what crowsnest, ustreamer, go2rtc, ESP32-CAMs and phones serve.

The pictures tell themselves where they begin and end. Delimiters, lengths and the other
headers of multipart/x-mixed-replace, which no two cameras write alike, are not needed.

aiohttp asks and reads the header. Where the body is then nothing but its bytes, its
socket goes to the native thread: that takes a fifth of the CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import hdrs

from moonraker_prusacam.camera.frame_watch import FRAME_TIMEOUT_S, expect_frames
from moonraker_prusacam.camera.http.client import READ_TIMEOUT_S, HttpClient
from moonraker_prusacam.camera.http.content import HEAD_BYTES, JPEG, name_unfit
from moonraker_prusacam.camera.http.trouble import RESTART, STREAMS
from moonraker_prusacam.camera.receiver import Broken, Silence
from moonraker_prusacam.camera.scanner import Scanner
from moonraker_prusacam.errors import SourceStalled, SourceUnavailable, SourceUnfit

if TYPE_CHECKING:
    import asyncio

    import aiohttp

    from moonraker_prusacam.camera.http.client import Pins
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig


class HttpSource:
    """The body of one answer, which is expected to have no end."""

    def __init__(self, config: CameraConfig, pins: Pins) -> None:
        self._config = config
        self._pins = pins
        # Who has a slow camera says so.
        self._silence_s = max(READ_TIMEOUT_S, config.stale_after_s)
        self._frame_timeout_s = max(FRAME_TIMEOUT_S, config.stale_after_s)

    async def run(self, receiver: Receiver) -> None:
        """Receive what the server sends; see Source."""
        client = HttpClient(
            self._config,
            self._pins,
            receiver.reached,
            silence_s=self._silence_s,
            usual=STREAMS,
        )
        async with client, client.get() as answer:
            where = client.where
            before = receiver.stats.frames
            async with expect_frames(receiver, where, self._frame_timeout_s):
                head = await _read_head(answer)
                if unfit := name_unfit(answer.headers.get(hdrs.CONTENT_TYPE, ""), head):
                    raise SourceUnfit(
                        f"{where} sends {unfit}, and no MJPEG",
                        advice=f"compare the address; {STREAMS}",
                    )
                is_undivided = head.startswith(JPEG)
                if is_undivided:
                    head = await self._skip_picture(answer, head, where)
                receiver.feed(head)
                await self._read(answer, is_undivided, receiver, where)
            if receiver.stats.frames > before:
                raise SourceUnavailable(
                    f"{where} closed the connection", advice=RESTART
                )
            raise self._single(where) if is_undivided else _nothing(where)

    async def _skip_picture(
        self, answer: aiohttp.ClientResponse, head: bytes, where: str
    ) -> bytes:
        """What follows the first picture: only then it is a stream; raises SourceError.

        Else a camera that gives one picture a request would be live for a moment after
        each attempt, and nobody would read what is wrong.
        """
        scanner = Scanner(self._config.max_frame_bytes)
        chunk, size, end = head, 0, 0
        while chunk:
            size += len(chunk)
            if not end and (frames := scanner.feed(chunk)):
                end = frames[0].offset + len(frames[0])
            if end and size > end:
                return chunk[end - size :]
            chunk = await answer.content.readany()
        raise self._single(where) if end else _nothing(where)

    async def _read(
        self,
        answer: aiohttp.ClientResponse,
        is_undivided: bool,
        receiver: Receiver,
        where: str,
    ) -> None:
        """Let the rest of the body be received, to its end."""
        transport = bare_transport(answer, is_undivided)
        if transport is None:
            while chunk := await answer.content.readany():
                receiver.feed(chunk)
            return
        transport.pause_reading()
        while rest := answer.content.read_nowait():
            receiver.feed(rest)
        descriptor = transport.get_extra_info("socket").dup().detach()
        # Aborting closes aiohttp's descriptor only: the connection lives on in ours.
        transport.abort()
        try:
            await receiver.read(descriptor, self._silence_s)
        except Silence:
            raise SourceStalled(
                f"{where} is connected, but has sent nothing for {self._silence_s:g} s",
                advice=RESTART,
            ) from None
        except Broken:
            raise SourceUnavailable(
                f"{where} dropped the connection", advice=RESTART
            ) from None

    def _single(self, where: str) -> SourceUnfit:
        return SourceUnfit(
            f"{where} gives one picture a request, and no stream",
            advice=f"write source: snapshot+{self._config.source}",
        )


def _nothing(where: str) -> SourceUnavailable:
    return SourceUnavailable(
        f"{where} closed the connection before a whole picture had come", advice=RESTART
    )


async def _read_head(answer: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body."""
    head = b""
    while len(head) < HEAD_BYTES and (chunk := await answer.content.readany()):
        head += chunk
    return head


def bare_transport(
    answer: aiohttp.ClientResponse, is_undivided: bool
) -> asyncio.Transport | None:
    """What carries the body and nothing else; None: there is more to be undone."""
    if answer.connection is None:
        return None  # it is over
    transport = answer.connection.transport
    if transport is None or transport.get_extra_info("ssl_object") is not None:
        return None
    coded = (hdrs.TRANSFER_ENCODING, hdrs.CONTENT_ENCODING)
    if any(name in answer.headers for name in coded):
        return None
    # What is perhaps a single picture ends by its length; the connection may go on.
    is_limited = is_undivided and hdrs.CONTENT_LENGTH in answer.headers
    return None if is_limited else transport
