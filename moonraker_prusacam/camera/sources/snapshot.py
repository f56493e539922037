# A URL that gives one JPEG a request.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``snapshot+http(s)://…``: a picture is asked for every ``interval``, one at a time.

A picture that has not changed is no new one, whether the camera says so (304) or sends
the same bytes again. It is left out, so the last one grows old: a camera that froze
would be live for ever otherwise.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

import attrs
from aiohttp import hdrs

from moonraker_prusacam.camera.http.client import (
    NOT_MODIFIED,
    READ_TIMEOUT_S,
    HttpClient,
)
from moonraker_prusacam.camera.http.content import (
    HEAD_BYTES,
    is_multipart,
    name_unfit,
)
from moonraker_prusacam.camera.http.trouble import RESTART, SNAPSHOTS
from moonraker_prusacam.camera.scanner import Scanner
from moonraker_prusacam.errors import (
    SourceError,
    SourceStalled,
    SourceUnavailable,
    SourceUnfit,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

    from moonraker_prusacam.camera.http.client import Pins
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig

PICTURE_TIMEOUT_S = 60.0  # however slowly its bytes come
# Last-Modified counts whole seconds: who asks more often would miss changes.
LEAST_MODIFIED_INTERVAL_S = 1.0
JITTER = 0.1  # of the interval, by which an answer may be late


@attrs.frozen
class Picture:
    """What an answer held, when it came, and how to ask for what is newer."""

    body: bytes = attrs.field(repr=False)
    came_s: float
    conditions: Mapping[str, str]


class SnapshotSource:
    """Pictures that are asked for one by one."""

    def __init__(self, config: CameraConfig, pins: Pins) -> None:
        self._config = config
        self._pins = pins
        # Kept from run to run, or a frozen camera would be live after each reconnect.
        self._last: Picture | None = None
        self._is_believed = True  # when it says that nothing has changed

    async def run(self, receiver: Receiver) -> None:
        """Ask for pictures, for ever; see Source."""
        loop = asyncio.get_running_loop()
        client = HttpClient(
            self._config,
            self._pins,
            receiver.reached,
            silence_s=READ_TIMEOUT_S,
            usual=SNAPSHOTS,
        )
        async with client:
            due_s = loop.time()
            while True:
                await self._poll(client, receiver)
                due_s = next_due_s(due_s, loop.time(), self._config.interval_s)
                await asyncio.sleep(due_s - loop.time())

    async def _poll(self, client: HttpClient, receiver: Receiver) -> None:
        last = self._last
        conditions = last.conditions if last and self._is_believed else {}
        picture = await self._ask(client, receiver, conditions)
        is_late = self._is_late()
        if picture is None and is_late:
            # Some cameras give every picture the same ETag.
            picture = await self._ask(client, receiver, {})
            self._is_believed = picture is None or _is_same(picture, last)
        if picture is not None and not _is_same(picture, last):
            fault = find_fault(picture.body, client.where)
            if not isinstance(fault, SourceUnfit):
                receiver.feed(picture.body[1:])  # a broken one is counted there
            if fault is not None:
                raise fault
            self._last = picture
        elif is_late:
            raise self._frozen(client.where)

    def _is_late(self) -> bool:
        """Whether the last picture is too old to be live when the next answer comes."""
        if self._last is None:
            return False
        age_s = asyncio.get_running_loop().time() - self._last.came_s
        next_s = age_s + self._config.interval_s * (1 + JITTER)
        return next_s >= self._config.stale_after_s

    def _frozen(self, where: str) -> SourceStalled:
        error = SourceStalled(
            f"{where} answers, but its picture has not changed for "
            f"{self._config.stale_after_s:g} s",
            advice="restart the camera; if it makes pictures that seldom, raise "
            "stale_after",
        )
        # Nothing is wrong with the connection, so there is no reason to ask more often.
        error.least_delay_s = self._config.interval_s
        return error

    async def _ask(
        self, client: HttpClient, receiver: Receiver, conditions: Mapping[str, str]
    ) -> Picture | None:
        """A picture; None: the camera says that it is the same as before."""
        async with client.get(conditions) as answer:
            if answer.status == NOT_MODIFIED:
                return None
            received = bytearray()
            limit = asyncio.timeout(PICTURE_TIMEOUT_S)
            try:
                async with limit:
                    await self._read(answer, received, receiver, client.where)
            except TimeoutError:
                if not limit.expired():
                    raise
                raise SourceStalled(
                    f"{client.where} has sent {len(received)} bytes of a picture in "
                    f"{PICTURE_TIMEOUT_S:g} s, and not the rest",
                    advice="is the way to the camera too slow for it?",
                ) from None
            return Picture(
                bytes(received),
                asyncio.get_running_loop().time(),
                self._conditions(answer.headers),
            )

    async def _read(
        self,
        answer: aiohttp.ClientResponse,
        received: bytearray,
        receiver: Receiver,
        where: str,
    ) -> None:
        """Put the body into ``received``; raises SourceUnfit as soon as it can."""
        self._check_size(answer.content_length or 0, where)
        content_type = answer.headers.get(hdrs.CONTENT_TYPE, "")
        is_judged = False
        while chunk := await answer.content.readany():
            if not received:
                # The scanner notes when a frame begins to come. It gets the rest when
                # that is known to be a new one; else this is junk.
                receiver.feed(chunk[:1])
            received += chunk
            self._check_size(len(received), where)
            if len(received) >= HEAD_BYTES and not is_judged:
                is_judged = True
                self._judge(content_type, bytes(received[:HEAD_BYTES]), where)
        if not is_judged:
            self._judge(content_type, bytes(received), where)

    def _check_size(self, size_bytes: int, where: str) -> None:
        most_bytes = self._config.max_frame_bytes
        if size_bytes > most_bytes:
            raise SourceUnfit(
                f"{where} sends a picture of more than {most_bytes} bytes",
                advice="choose a smaller picture in the camera's settings, or raise "
                "max_frame_bytes",
            )

    def _judge(self, content_type: str, head: bytes, where: str) -> None:
        if unfit := name_unfit(content_type, head):
            raise SourceUnfit(
                f"{where} sends {unfit}, and no JPEG",
                advice=f"compare the address; {SNAPSHOTS}",
            )
        if is_multipart(content_type, head):
            address = str(self._config.source).removeprefix("snapshot+")
            raise SourceUnfit(
                f"{where} sends a stream, and not one picture a request",
                advice=f"write source: {address}",
            )
        if not head:
            raise SourceUnavailable(f"{where} gives an empty answer", advice=RESTART)

    def _conditions(self, headers: Mapping[str, str]) -> dict[str, str]:
        """What makes the camera answer 304 for as long as nothing has changed."""
        etag = headers.get(hdrs.ETAG, "")
        if etag and etag.isascii():
            return {hdrs.IF_NONE_MATCH: etag}
        modified = headers.get(hdrs.LAST_MODIFIED, "")
        is_exact = self._config.interval_s >= LEAST_MODIFIED_INTERVAL_S
        if modified and modified.isascii() and is_exact:
            return {hdrs.IF_MODIFIED_SINCE: modified}
        return {}


def next_due_s(due_s: float, now_s: float, interval_s: float) -> float:
    """The next point of the grid on which ``due_s`` lies; what was missed is left out.

    So pictures that take longer than the interval do not pile up, and others do not
    drift.
    """
    return due_s + max(1, math.ceil((now_s - due_s) / interval_s)) * interval_s


def _is_same(picture: Picture, last: Picture | None) -> bool:
    return last is not None and picture.body == last.body


def find_fault(body: bytes, where: str) -> SourceError | None:
    """What is wrong with an answer that should hold one whole picture, if anything."""
    scanner = Scanner(max(1, len(body)))
    frames = len(scanner.feed(body))
    if frames == 1:
        return None
    if frames > 1:
        return SourceUnfit(
            f"{where} gives {frames} pictures in one answer",
            advice="is that the address of a stream? Write source: http://…",
        )
    fault = "is damaged"
    if scanner.pending_bytes:
        fault = f"breaks off after {len(body)} bytes"
    return SourceUnavailable(f"{where} gives a picture that {fault}", advice=RESTART)
