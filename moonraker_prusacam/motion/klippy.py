# A client of Klipper's API socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Klipper and listens to it; never makes it do anything.

JSON objects with an ETX behind each, both ways, over a Unix socket. Klipper shuts the
printer down when an endpoint of its own fails, so only the few requests in READ_ONLY
can be made at all. Source: Klipper docs/API_Server.md and klippy/webhooks.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any, Self

from moonraker_prusacam.errors import (
    KlippyDataError,
    KlippyError,
    KlippyRefused,
    KlippyUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Receiver = Callable[[dict[str, Any]], None]

ETX = b"\x03"
# The largest message is the reply about ``configfile``, some hundred kilobytes.
MAX_MESSAGE_BYTES = 8 << 20
CONNECT_TIMEOUT_S = 2.0
REQUEST_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0

READ_ONLY = frozenset(
    {
        "info",
        "objects/list",
        "objects/query",
        "objects/subscribe",
        "motion_report/dump_trapq",
    }
)


class KlippyClient:
    """One connection; ``run`` reads it until it ends. Its owner connects again."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._receivers: dict[str, Receiver] = {}
        self._end: KlippyError | None = None

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Open a connection; raises KlippyUnavailable."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                streams = await asyncio.open_unix_connection(
                    path, limit=MAX_MESSAGE_BYTES
                )
        except OSError as error:
            reason = error.strerror or str(error) or "no answer"
            raise KlippyUnavailable(f"no Klipper at {path}: {reason}") from error
        return cls(*streams)

    async def run(self, silence_timeout_s: float) -> None:
        """Read until something ends it, and say what, by raising.

        KlippyUnavailable: closed, or nothing came for ``silence_timeout_s``.
        KlippyDataError: what came is no message.
        """
        try:
            while True:
                self._dispatch(_decode(await self._read_message(silence_timeout_s)))
        except KlippyError as error:
            self._fail_requests(error)
            raise

    async def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> dict[str, Any]:
        """The result of ``method``, which is one of READ_ONLY.

        Raises KlippyRefused if Klipper says no, KlippyUnavailable if it says nothing,
        and after the end of ``run`` what ended it.
        """
        if method not in READ_ONLY:
            raise KlippyRefused(f"{method} is not for onlookers")
        if self._end is not None:
            raise self._end
        identity = next(self._ids)
        message = {"id": identity, "method": method, "params": params or {}}
        reply: asyncio.Future[dict[str, Any]]
        self._replies[identity] = reply = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                self._writer.write(json.dumps(message).encode() + ETX)
                await self._writer.drain()
                return await reply
        except TimeoutError:
            raise KlippyUnavailable(
                f"Klipper did not answer {method} within {timeout_s:g} s"
            ) from None
        except OSError as error:
            raise KlippyUnavailable(f"Klipper went away: {error}") from error
        finally:
            del self._replies[identity]

    async def subscribe(
        self, method: str, params: dict[str, Any], receive: Receiver
    ) -> dict[str, Any]:
        """Like ``request``; what follows is handed to ``receive``, as it arrives.

        ``receive`` is called with the ``params`` of each notification, perhaps before
        this returns. What it raises ends ``run``.
        """
        name = f"{method}#{next(self._ids)}"
        self._receivers[name] = receive
        template = {"method": name}
        try:
            return await self.request(method, {**params, "response_template": template})
        except BaseException:
            del self._receivers[name]
            raise

    async def aclose(self) -> None:
        """Close the connection. Idempotent; ``run`` ends with KlippyUnavailable."""
        self._fail_requests(KlippyUnavailable("the connection to Klipper is closed"))
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()

    async def _read_message(self, timeout_s: float) -> bytes:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._reader.readuntil(ETX)
        except TimeoutError:
            raise KlippyUnavailable(
                f"Klipper said nothing for {timeout_s:g} s"
            ) from None
        except asyncio.LimitOverrunError:
            raise KlippyDataError(
                f"a message has more than {MAX_MESSAGE_BYTES} bytes"
            ) from None
        except (asyncio.IncompleteReadError, OSError):
            raise KlippyUnavailable("Klipper closed the connection") from None

    def _dispatch(self, message: dict[str, Any]) -> None:
        identity = message.get("id")
        if identity is None:
            name = message.get("method")
            receive = self._receivers.get(name) if isinstance(name, str) else None
            params = message.get("params")
            if receive is not None and isinstance(params, dict):
                receive(params)
            return
        reply = self._replies.get(identity) if isinstance(identity, int) else None
        if reply is None or reply.done():
            return  # nobody waits for it any more
        result = message.get("result")
        if isinstance(result, dict):
            reply.set_result(result)
        else:
            reply.set_exception(KlippyRefused(_reason(message.get("error"))))

    def _fail_requests(self, error: KlippyError) -> None:
        self._end = self._end or error
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(error)


def _decode(data: bytes) -> dict[str, Any]:
    try:
        message = json.loads(data[: -len(ETX)])
    except (ValueError, RecursionError):
        raise KlippyDataError(f"no message: {data[:40]!r}") from None
    if not isinstance(message, dict):
        raise KlippyDataError(f"not a JSON object: {data[:40]!r}")
    return message


def _reason(error: object) -> str:
    text = error.get("message") if isinstance(error, dict) else None
    return text[:200] if isinstance(text, str) else "Klipper gave no reason"
