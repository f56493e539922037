# Peers for the local signalling service.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client that does as it is told, and speaks Engine.IO and Socket.IO by hand.

By hand, since what python-socketio's client would never send or show is of interest,
too. Packets: Engine.IO ``0`` open, ``2`` ping, ``3`` pong, ``4`` message; within a
message Socket.IO ``0`` connect, ``1`` disconnect, ``2`` event, ``3`` acknowledgement,
``4`` connect error, ``5`` binary event.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import attrs
import socketio

from moonraker_prusacam.connect.signaling.codec import Codec
from moonraker_prusacam.connect.signaling.messages import (
    CameraAuthentication,
    ClientAuthentication,
    ClientTrigger,
    Configuration,
    Features,
    FileList,
    Message,
    ProtocolVersion,
    Status,
    Trigger,
)
from moonraker_prusacam.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from moonraker_prusacam.emulator.signaling import PrusaCameraStand

WAIT_S = 10.0
QUERY = {"EIO": "4", "transport": "websocket"}
PING, PONG = "2", "3"
ANSWERS: Mapping[str, type[Message]] = {
    "status": Status,
    "features": Features,
    "protobuf_version": ProtocolVersion,
    "client_trigger": ClientTrigger,
    "file_list": FileList,
}
FINGERPRINT = "0123456789abcdef0123456789abcdef"

M = TypeVar("M", bound=Message)


@attrs.frozen
class Ended:
    """The connection is over; ``code`` is the WebSocket's, 1006 when it broke."""

    code: int | None


@attrs.frozen
class Event:
    """What a server sends: a name, and what comes with it."""

    name: str
    payloads: tuple[Any, ...]


class RawPeer:
    """One connection; ``packets`` are all that came, acknowledgements excepted."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.opening: dict[str, Any] = {}
        self.sid = ""
        self.pings = 0
        self._socket = socket
        self._acks = 0

    async def receive(self) -> Any:
        """The next packet: Event, Ended, a list (an acknowledgement), or as it is."""
        while True:
            message = await asyncio.wait_for(self._socket.receive(), WAIT_S)
            if message.type is aiohttp.WSMsgType.BINARY:
                return message.data
            if message.type is not aiohttp.WSMsgType.TEXT:
                return Ended(self._socket.close_code)
            packet: str = message.data
            if packet != PING:
                return await self._understood(packet)
            self.pings += 1
            await self._socket.send_str(PONG)

    async def pinged(self, times: int) -> None:
        """Return when there were so many pings more; nothing else may come."""
        for _ in range(times):
            message = await asyncio.wait_for(self._socket.receive(), WAIT_S)
            assert message.data == PING
            await self._socket.send_str(PONG)
            self.pings += 1

    async def _understood(self, packet: str) -> Any:
        kind, content = packet[:2], packet[2:]
        if packet.startswith("0"):
            self.opening = json.loads(packet[1:])
            return "open"
        if kind == "42":
            return Event(json.loads(content)[0], tuple(json.loads(content)[1:]))
        if kind == "45":
            count, _, text = content.partition("-")
            name = json.loads(text)[0]
            payloads = [await self.receive() for _ in range(int(count))]
            return Event(name, tuple(payloads))
        if kind == "43":
            digits = len(content) - len(content.lstrip("0123456789"))
            return json.loads(content[digits:])
        return packet

    async def connect(self, auth: Any) -> Any:
        """Ask for the namespace; what is answered."""
        opened = await self.receive()
        assert opened == "open"
        text = "" if auth is None else json.dumps(auth)
        await self._socket.send_str(f"40{text}")
        answer = await self.receive()
        if isinstance(answer, str) and answer.startswith("40{"):
            self.sid = json.loads(answer[2:])["sid"]
        return answer

    async def emit(self, event: str, *payloads: bytes | str | int) -> None:
        """Send an event that wants to be acknowledged."""
        places: list[Any] = []
        attachments: list[bytes] = []
        for payload in payloads:
            if isinstance(payload, bytes):
                places.append({"_placeholder": True, "num": len(attachments)})
                attachments.append(payload)
            else:
                places.append(payload)
        head = f"45{len(attachments)}-" if attachments else "42"
        content = json.dumps([event, *places])
        await self._socket.send_str(f"{head}{self._acks}{content}")
        self._acks += 1
        for attachment in attachments:
            await self._socket.send_bytes(attachment)

    async def send(self, event: str, *payloads: bytes | str | int) -> Any:
        """Send an event; its acknowledgement, a list. Other packets go by."""
        await self.emit(event, *payloads)
        while not isinstance(packet := await self.receive(), list):
            if isinstance(packet, Ended):
                return packet
        return packet

    async def event(self, name: str) -> Event:
        """The next event of that name; others go by."""
        while True:
            packet = await self.receive()
            assert not isinstance(packet, Ended), packet
            if isinstance(packet, Event) and packet.name == name:
                return packet

    async def end(self) -> Any:
        """How it ends: the disconnect packet or the end of the connection."""
        while True:
            packet = await self.receive()
            if packet == "41" or isinstance(packet, Ended):
                return packet


@asynccontextmanager
async def knocking(
    url: str, headers: Mapping[str, str] | None = None
) -> AsyncIterator[RawPeer]:
    """A connection that has not said anything."""
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.ws_connect(f"{url}/socket.io/", params=QUERY, max_msg_size=0) as socket,
    ):
        yield RawPeer(socket)


@asynccontextmanager
async def connected(
    url: str, token: str = "any", headers: Mapping[str, str] | None = None
) -> AsyncIterator[RawPeer]:
    """A connection that has the namespace and has not authenticated."""
    async with knocking(url, headers) as peer:
        answer = await peer.connect({"token": token})
        assert peer.sid, answer
        yield peer


def camera_authentication(token: str, fingerprint: str = FINGERPRINT) -> bytes:
    """What a camera says first, in both profiles."""
    message = CameraAuthentication(camera_token=Secret(token), fingerprint=fingerprint)
    return Codec("wire").encode(message)


def client_authentication(
    token: str, jwt: str, *, client_type: str = "client", fingerprint: str = ""
) -> bytes:
    """What a viewer says first; the profiles differ in the fingerprint alone."""
    message = ClientAuthentication(
        camera_token=Secret(token),
        jwt=Secret(jwt),
        client_type=client_type,
        fingerprint=fingerprint,
    )
    return Codec("seed").encode(message)


class SignalingViewer:
    """A viewer of a stand's camera, on python-socketio's client."""

    def __init__(self, stand: PrusaCameraStand) -> None:
        self.stand = stand
        self.profile = stand.signaling.behaviour.profile
        self.token = Secret(stand.token)
        self._codec = Codec(self.profile)
        self._client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        self._queues: dict[type[Message], asyncio.Queue[bytes]] = {}

    async def start(self) -> None:
        for event, kind in ANSWERS.items():
            queue = self._queues[kind] = asyncio.Queue()
            self._client.on(event, queue.put_nowait)
        await self._client.connect(
            self.stand.url, auth={"token": "any"}, transports=["websocket"]
        )
        octets = client_authentication(self.stand.token, self.stand.jwt)
        event = "client_authentication"
        assert await self._client.call(event, octets, timeout=WAIT_S) == 0

    async def aclose(self) -> None:
        await self._client.disconnect()

    async def send(self, message: Trigger | Configuration) -> None:
        """Send a message with the camera's token; it has to be acknowledged."""
        event = "trigger" if isinstance(message, Trigger) else "configuration"
        octets = self._codec.encode(attrs.evolve(message, camera_token=self.token))
        code = await self._client.call(event, octets, timeout=WAIT_S)
        assert code == 0, code

    async def receive(self, kind: type[M]) -> M:
        """The next message of that kind."""
        octets = await asyncio.wait_for(self._queues[kind].get(), WAIT_S)
        return self._codec.decode(kind, octets)


@asynccontextmanager
async def viewing(stand: PrusaCameraStand) -> AsyncIterator[SignalingViewer]:
    """A viewer that has been let in."""
    viewer = SignalingViewer(stand)
    try:
        await viewer.start()
        yield viewer
    finally:
        await viewer.aclose()
