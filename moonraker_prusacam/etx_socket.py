# A client of a Unix socket that speaks JSON with an ETX behind each message.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Klipper's API socket and Moonraker's have in common.

JSON objects, both ways; a request carries a number, and so does its reply. Whatever
the other end does, the worst is an error of the ``Peer``'s class, in its words.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import attrs

from .errors import PrusacamError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ETX = b"\x03"
CONNECT_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 1.0
SHOWN_BYTES = 40

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@attrs.frozen
class Peer:
    """Who is at the other end: its errors and, as templates, what they say."""

    unavailable: type[PrusacamError]
    unfit: type[PrusacamError]  # for the last two, the others are ``unavailable``
    absent: str  # path, reason
    closed: str
    lost: str  # reason
    unanswered: str  # method, seconds
    ended: str  # by ourselves
    too_long: str  # bytes, mebibytes
    garbled: str  # what, start


class EtxSocket(ABC):
    """One connection; ``run`` reads it until it ends. Its owner connects again."""

    peer: ClassVar[Peer]
    max_message_bytes: ClassVar[int]
    # What each request has besides its number, method and params.
    envelope: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, wire: Wire) -> None:
        self._reader, self._writer = wire
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._end: PrusacamError | None = None

    @classmethod
    async def _open(cls, path: Path) -> Wire:
        """Connect to ``path``; raises ``unavailable``."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_unix_connection(
                    path, limit=cls.max_message_bytes
                )
        except OSError as error:  # TimeoutError is one
            reason = error.strerror or str(error) or "no answer"
            text = cls.peer.absent.format(path=path, reason=reason)
            raise cls.peer.unavailable(text) from error

    @abstractmethod
    def _take(self, message: dict[str, Any]) -> None:
        """Do what ``message`` wants; what this raises ends ``run``."""

    @abstractmethod
    def _bear_silence(self, silence_s: float) -> None:
        """Nothing has come for ``silence_s``; what this raises ends ``run``."""

    async def run(self, silence_s: float) -> NoReturn:
        """Read until something ends it, and say what, by raising an error of the peer.

        ``unavailable``: closed, or silent. ``unfit``: what came is no message.
        """
        try:
            while True:
                try:
                    async with asyncio.timeout(silence_s):
                        data = await self._read()
                except TimeoutError:
                    self._bear_silence(silence_s)
                else:
                    self._take(self._decoded(data))
        except PrusacamError as error:
            self._fail_requests(error)
            raise

    async def aclose(self) -> None:
        """Close the connection. Idempotent; ``run`` ends with ``unavailable``."""
        self._fail_requests(self.peer.unavailable(self.peer.ended))
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()

    async def _ask(
        self, method: str, params: dict[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        """The whole reply to ``method``.

        Raises ``unavailable`` without one in time, and what has ended ``run``.
        """
        if self._end is not None:
            raise self._end
        identity = next(self._ids)
        reply: asyncio.Future[dict[str, Any]]
        self._replies[identity] = reply = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                self._send(identity, method, params)
                await self._writer.drain()
                return await reply
        except TimeoutError:
            text = self.peer.unanswered.format(method=method, seconds=f"{timeout_s:g}")
            raise self.peer.unavailable(text) from None
        except OSError as error:
            raise self.peer.unavailable(self.peer.lost.format(reason=error)) from error
        finally:
            del self._replies[identity]

    def _send(self, identity: int, method: str, params: dict[str, Any]) -> None:
        request = {**self.envelope, "id": identity, "method": method, "params": params}
        self._writer.write(json.dumps(request).encode() + ETX)

    def _settle(self, message: dict[str, Any]) -> None:
        """Hand a reply to who waits for it; one for nobody does no harm."""
        identity = message.get("id")
        reply = self._replies.get(identity) if isinstance(identity, int) else None
        if reply is not None and not reply.done():
            reply.set_result(message)

    async def _read(self) -> bytes:
        try:
            return await self._reader.readuntil(ETX)
        except asyncio.LimitOverrunError:
            size = self.max_message_bytes
            text = self.peer.too_long.format(bytes=size, mebibytes=size >> 20)
            raise self.peer.unfit(text) from None
        except (asyncio.IncompleteReadError, OSError):
            raise self.peer.unavailable(self.peer.closed) from None

    def _decoded(self, data: bytes) -> dict[str, Any]:
        what = "no message"
        with contextlib.suppress(ValueError, RecursionError):
            message = json.loads(data[: -len(ETX)])
            if isinstance(message, dict):
                return message
            what = "not a JSON object"
        start = repr(data[:SHOWN_BYTES])
        raise self.peer.unfit(self.peer.garbled.format(what=what, start=start))

    def _fail_requests(self, error: PrusacamError) -> None:
        self._end = self._end or error
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(error)
