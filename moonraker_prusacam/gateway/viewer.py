# One viewer's WebSocket, and the one to Moonraker behind it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passes calls in, and answers and notices out, as far as they are allowed.

Each call that passes gets a number of ours, and only an answer with such a number goes
back, under the viewer's own id. So neither side can speak of anything that the other
one did not ask for. Who sends too fast is read more slowly; who reads too slowly is
dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Any

import aiohttp
import attrs
from aiohttp import web

from moonraker_prusacam.errors import CallRefused
from moonraker_prusacam.tasks import TaskOwner

from . import message
from .methods import METHODS, Method
from .notices import NOTICES
from .refusals import refusal

if TYPE_CHECKING:
    from .message import Call, Invalid
    from .moonraker import Moonraker
    from .pace import Pace

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 60.0
# A frame that a viewer does not take for so long ends the connection.
SEND_TIMEOUT_S = 20.0
MAX_PENDING = 64
MAX_QUEUED_BYTES = 8 << 20
NO_ANSWER = -32000
# Of answers that are not as they were in the Moonraker that we know.
MISUNDERSTANDINGS = (KeyError, IndexError, TypeError, ValueError, AttributeError)
NOT_UNDERSTOOD = CallRefused(
    -32603, "read-only gateway: Moonraker's answer was not understood"
)


class Batch:
    """Gathers the answers to the calls of one message."""

    def __init__(self, expected: int, *, is_array: bool) -> None:
        self._left = expected
        self._is_array = is_array
        self._answers: list[dict[str, Any]] = []

    def add(self, answer: dict[str, Any] | None) -> str | None:
        """Take one (None: none is wanted); all of them as JSON with the last one."""
        if answer is not None:
            self._answers.append(answer)
        self._left -= 1
        if self._left or not self._answers:
            return None
        return message.write(self._answers if self._is_array else self._answers[0])


@attrs.define
class Pending:
    """A call that Moonraker has not answered yet."""

    id: int | str | None
    method: Method
    params: dict[str, Any]
    batch: Batch
    timer: asyncio.TimerHandle


class Viewer:
    """A viewer at ``socket``, and Moonraker behind ``upstream``, until one is gone.

    ``pace`` is that of all that the viewer asks, here and elsewhere.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        upstream: aiohttp.ClientWebSocketResponse,
        moonraker: Moonraker,
        pace: Pace,
    ) -> None:
        self._socket = socket
        self._upstream = upstream
        self._moonraker = moonraker
        self._pace = pace
        self._numbers = count(1)
        self._pending: dict[int, Pending] = {}
        self._slots = asyncio.Semaphore(MAX_PENDING)
        self._queue: deque[str] = deque()
        self._queued_bytes = 0
        self._queue_grew = asyncio.Event()
        self._is_too_slow = asyncio.Event()

    async def run(self) -> str:
        """Serve the viewer; returns why it ended, in a few words."""
        owner = TaskOwner("gateway viewer")
        tasks = {
            owner.start("calls", self._read_viewer()): "the viewer left",
            owner.start("answers", self._read_moonraker()): "Moonraker left",
            owner.start("sender", self._send()): "the viewer takes nothing",
            owner.start("queue", self._watch_queue()): "the viewer is too slow",
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(reason for task, reason in tasks.items() if task in done)
        finally:
            await owner.aclose()
            for pending in self._pending.values():
                pending.timer.cancel()
            self._pending.clear()

    async def _read_viewer(self) -> None:
        # Anything but text ends the connection: Moonraker's clients send nothing else.
        async for received in self._socket:
            if received.type is not aiohttp.WSMsgType.TEXT:
                await self._socket.close(
                    code=aiohttp.WSCloseCode.UNSUPPORTED_DATA, message=b"text only"
                )
                return
            try:
                asked = message.read_message(received.data)
            except CallRefused as refused:
                await self._pace.keep()
                self._put(message.write(message.error(None, refused)))
                continue
            batch = Batch(len(asked.calls), is_array=asked.is_batch)
            for call in asked.calls:
                await self._pace.keep()
                await self._take(call, batch)

    async def _take(self, call: Call | Invalid, batch: Batch) -> None:
        if isinstance(call, message.Invalid):
            self._answer(batch, message.error(call.id, call.error))
            return
        if call.id is None:
            # Nobody waits for an answer, so nobody watches by it.
            self._answer(batch, None)
            return
        try:
            method = METHODS.get(call.method)
            if method is None:
                raise refusal(call.method)
            params = method.read(call.params)
        except CallRefused as refused:
            self._answer(batch, message.error(call.id, refused))
            return
        if method.local is not None:
            self._answer(batch, message.answer(call.id, method.local()))
            return
        await self._slots.acquire()
        await self._moonraker.keep_pace(method.cost)
        number = next(self._numbers)
        timer = asyncio.get_running_loop().call_later(
            ANSWER_TIMEOUT_S, self._give_up, number
        )
        self._pending[number] = Pending(call.id, method, params, batch, timer)
        text = message.write(message.call(call.method, params, number))
        # Where it is gone, the other task sees that as well.
        with contextlib.suppress(ConnectionError):
            await self._upstream.send_str(text)

    async def _read_moonraker(self) -> None:
        async for received in self._upstream:
            if received.type is not aiohttp.WSMsgType.TEXT:
                return
            content = json.loads(received.data)
            if not isinstance(content, dict):
                continue
            if "method" in content:
                self._notify(content, received.data)
            else:
                self._answered(content)

    def _notify(self, content: dict[str, Any], text: str) -> None:
        """Tell the viewer of a notice that is shown; requests of agents are none."""
        method = content["method"]
        notice = NOTICES.get(method) if isinstance(method, str) else None
        if notice is None or "id" in content:
            return
        params = content.get("params", [])
        try:
            shown = notice.show(params) if params else params
        except MISUNDERSTANDINGS:
            log.warning("dropped a notification %s of a shape unknown to us", method)
            return
        if shown is params:
            self._put(text)
        elif shown is not None:
            told = {"jsonrpc": "2.0", "method": method, "params": shown}
            self._put(message.write(told))

    def _answered(self, content: dict[str, Any]) -> None:
        pending = self._forget(content.get("id"))
        if pending is None:
            return
        if "result" in content:
            answer = self._shown(pending, content["result"])
        else:
            refused = self._moonraker.refusal(content)
            answer = message.error(pending.id, refused)
            if (found := pending.method.instead(pending.params, refused)) is not None:
                answer = message.answer(pending.id, found)
        self._answer(pending.batch, answer)

    def _shown(self, pending: Pending, result: Any) -> dict[str, Any]:
        try:
            return message.answer(pending.id, pending.method.show(result))
        except MISUNDERSTANDINGS:
            log.warning("an answer of Moonraker has a shape unknown to us")
            return message.error(pending.id, NOT_UNDERSTOOD)

    def _give_up(self, number: int) -> None:
        if pending := self._forget(number):
            refused = CallRefused(NO_ANSWER, "Moonraker does not answer")
            self._answer(pending.batch, message.error(pending.id, refused))

    def _forget(self, number: object) -> Pending | None:
        if not isinstance(number, int) or isinstance(number, bool):
            return None
        pending = self._pending.pop(number, None)
        if pending is not None:
            pending.timer.cancel()
            self._slots.release()
        return pending

    def _answer(self, batch: Batch, answer: dict[str, Any] | None) -> None:
        text = batch.add(answer)
        if text is not None:
            self._put(text)

    def _put(self, text: str) -> None:
        """Queue ``text``; a queue that is too long ends the connection.

        What is dropped cannot be made up for: a status tells only what changed.
        """
        if self._queue and self._queued_bytes + len(text) > MAX_QUEUED_BYTES:
            self._is_too_slow.set()
            return
        self._queue.append(text)
        self._queued_bytes += len(text)
        self._queue_grew.set()

    async def _send(self) -> None:
        while True:
            await self._queue_grew.wait()
            self._queue_grew.clear()
            while self._queue:
                try:
                    async with asyncio.timeout(SEND_TIMEOUT_S):
                        await self._socket.send_str(self._queue[0])
                except (ConnectionError, TimeoutError):
                    return
                self._queued_bytes -= len(self._queue.popleft())

    async def _watch_queue(self) -> None:
        await self._is_too_slow.wait()
