# python-socketio's client, hardened.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Socket.IO client that any server can talk to without harm.

python-socketio trusts its server: a binary event that lacks its octets swallows the
next message and blocks the rest for ever, what it cannot parse raises in a task that
nobody awaits, tasks are left to end when they like, and its log shows the token. Here
every packet is bounded and checked, what is wrong with it is handed to ``complain``,
and all tasks have an owner. It never reconnects: that is the session's business.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Any

import attrs
import engineio
import socketio
from aiohttp import ClientWSTimeout, WSCloseCode

from moonraker_prusacam.errors import (
    ClosedError,
    SignalingRefused,
    SignalingUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import aiohttp

    from moonraker_prusacam.errors import SignalingError
    from moonraker_prusacam.tasks import TaskOwner

MAX_FRAME_BYTES = 16 << 20
"""What costs its memory for a moment; a longer one costs the connection."""
MAX_PACKET_BYTES = 64 << 10
"""What is looked at; known packets have at most some 2 KiB."""
MAX_ATTACHMENTS = 8  # every known event has one
MAX_PING_S = 120.0  # a server that announces more is not waited for so long
CLOSE_TIMEOUT_S = 2.0  # for the server's part in the end of a connection

# Packets of another namespace than the default one: "0/other,…", "51-/other,…".
OTHER_NAMESPACE = re.compile(r"\d(?:\d+-)?/.")

# Both libraries write whole packets into their logs, the one with the token among
# them. What matters is told by us.
SILENT = logging.getLogger(f"{__name__}.library")
SILENT.disabled = True


class Engine(engineio.AsyncClient):
    """Engine.IO whose tasks have an owner."""

    def __init__(self, *, tasks: TaskOwner, **options: Any) -> None:
        super().__init__(**options)
        self._tasks = tasks

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> asyncio.Future[Any]:
        """Run ``target``; every task of both libraries begins here."""
        try:
            return self._tasks.start(
                target.__name__.strip("_"), target(*args, **kwargs)
            )
        except ClosedError:  # a message came while the connection was closed
            nothing = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing


@attrs.frozen
class Ears:
    """Whom to tell what comes in; none of them may raise.

    ``receive`` gets each event with its values, ``complain`` what is wrong with a
    packet. ``quote`` makes others' words fit to be shown.
    """

    receive: Callable[[str, tuple[object, ...]], None]
    complain: Callable[[str], None]
    quote: Callable[[str], str]


class SocketIo(socketio.AsyncClient):
    """One connection of one namespace, over a websocket.

    ``joined`` is done when the server has let us in, ``lost`` has the reason when it
    or the connection is gone.
    """

    _binary_packet: Any  # an event whose octets are to come, or None

    def __init__(
        self,
        tasks: TaskOwner,
        http: aiohttp.ClientSession,
        ears: Ears,
    ) -> None:
        super().__init__(
            reconnection=False,
            logger=SILENT,
            engineio_logger=SILENT,
            handle_sigint=False,
            http_session=http,
            websocket_extra_options={
                "max_msg_size": MAX_FRAME_BYTES,
                # Old ones give it as a number, of which aiohttp warns.
                "timeout": ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S),
            },
            tasks=tasks,
        )
        self._ears = ears
        loop = asyncio.get_running_loop()
        self.joined: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[SignalingError] = loop.create_future()
        self.on("*", self._received)

    def end(self, reason: SignalingError) -> None:
        """Call the connection lost; closing it is the owner's business."""
        if not self.lost.done():
            self.lost.set_result(reason)

    def _engineio_client_class(self) -> type[Engine]:
        return Engine

    async def _handle_eio_connect(self) -> None:
        # Before the loops start that use it.
        self.eio.ping_interval = min(self.eio.ping_interval, MAX_PING_S)
        self.eio.ping_timeout = min(self.eio.ping_timeout, MAX_PING_S)
        await super()._handle_eio_connect()

    async def _handle_eio_message(self, data: object) -> None:
        if self.lost.done():
            return
        trouble = self._trouble(data)
        if trouble:
            self._binary_packet = None
            self._ears.complain(trouble)
            return
        try:
            await super()._handle_eio_message(data)
        # Whatever its parser comes upon in a packet that is none.
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            self._binary_packet = None
            self._ears.complain(f"a packet makes no sense ({type(error).__name__})")
        header = self._binary_packet
        if header is not None and not 0 < header.attachment_count <= MAX_ATTACHMENTS:
            self._binary_packet = None
            self._ears.complain(
                f"an event announces {header.attachment_count} attachments"
            )

    def _trouble(self, data: object) -> str:
        """What is wrong with a packet before it is parsed; "" if nothing is."""
        if not isinstance(data, str | bytes):
            return f"a packet holds {type(data).__name__}"
        if len(data) > MAX_PACKET_BYTES:
            return f"a packet has {len(data)} octets"
        if isinstance(data, bytes):
            return "" if self._binary_packet else "octets came without their event"
        if self._binary_packet:
            self._binary_packet = None
            self._ears.complain("an event came without its octets")
        if OTHER_NAMESPACE.match(data):
            return "a packet is of another namespace"
        return ""

    def _received(self, event: object, *values: object) -> None:
        if isinstance(event, str):
            self._ears.receive(event, values)
        else:
            self._ears.complain(f"the name of an event is {type(event).__name__}")

    async def _handle_connect(self, namespace: str | None, data: object) -> None:
        if self.joined.done():
            self._ears.complain("the server lets us in once more")
            return
        sid = data.get("sid") if isinstance(data, dict) else None
        if not isinstance(sid, str) or not sid:
            # Socket.IO 2 gives a namespace no id of its own.
            self.end(
                SignalingUnavailable(
                    "the server speaks an older Socket.IO than 3",
                    advice="check signaling_url: this is not Prusa's server",
                )
            )
            return
        await super()._handle_connect(namespace, data)
        self.joined.set_result(None)

    async def _handle_disconnect(self, namespace: object) -> None:  # noqa: ARG002
        # Not closed from in here, which would wait for itself.
        self.end(SignalingUnavailable("the server has ended the session"))

    async def _handle_error(self, namespace: object, data: object) -> None:  # noqa: ARG002
        said = data.get("message") if isinstance(data, dict) else data
        words = self._ears.quote(said) if isinstance(said, str) else ""
        self.end(
            SignalingRefused(
                f"the server does not let us in{words and ': ' + words}",
                advice="compare the camera's token with the one in Prusa Connect",
            )
        )

    async def _handle_eio_disconnect(self, reason: str) -> None:
        self.end(SignalingUnavailable(self._last_words(reason)))
        await super()._handle_eio_disconnect(reason)

    def _last_words(self, reason: str) -> str:
        if reason != self.reason.TRANSPORT_ERROR:
            return "the server has closed the connection"
        socket = self.eio.ws
        if socket is not None and not socket.closed:
            return "the server is silent, or sends what is no packet"
        code = getattr(socket, "close_code", None)
        if code == WSCloseCode.MESSAGE_TOO_BIG:
            return f"the server sent more than {MAX_FRAME_BYTES >> 20} MiB at once"
        return f"the connection broke{f' (websocket {code})' if code else ''}"
