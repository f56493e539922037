# An RTSP camera that does what a test says.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays what an ffmpeg has sent, over one TCP connection, and is strict about requests.

``record`` is a server that an ffmpeg publishes to (ANNOUNCE, RECORD): the packets are
real, whatever the codec is. ``RtspCamera`` sends them again and again, in their time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import socket
import struct
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import attrs

from moonraker_prusacam.camera.rtsp.message import (
    Headers,
    Request,
    Response,
    Splitter,
)
from moonraker_prusacam.tasks import TaskOwner

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence
    from types import TracebackType

WAIT_S = 20.0
LINGER_RESET = struct.pack("ii", 1, 0)
RTP_CLOCK_HZ = 90_000
SEQUENCES = 1 << 16
TIMESTAMPS = 1 << 32
METHODS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER", "TEARDOWN")
DIGEST = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


@attrs.frozen
class Recording:
    """A description, and RTP packets with their times in seconds."""

    description: bytes
    packets: tuple[tuple[float, bytes], ...]
    duration_s: float
    frames: int


async def record(ffmpeg: str, *arguments: str, rate: int = 25) -> Recording:
    """What ``ffmpeg`` publishes with these arguments, as fast as it can."""
    taken: asyncio.Queue[tuple[bytes, list[bytes]]] = asyncio.Queue()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter, description, packets = Splitter(), b"", []
        # It may leave without the answer to its last request.
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                for piece in splitter.feed(data):
                    if isinstance(piece, bytes):
                        packets += packets_of(piece)
                    elif isinstance(piece, Request):
                        description = piece.body or description
                        writer.write(_granted(piece).encode())
        writer.close()
        taken.put_nowait((description, packets))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"rtsp://127.0.0.1:{port}/record"
    command = [ffmpeg, "-v", "error", "-nostdin", *arguments]
    command += ["-an", "-f", "rtsp", "-rtsp_transport", "tcp", url]
    child = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        _, errors = await asyncio.wait_for(child.communicate(), WAIT_S)
        assert child.returncode == 0, errors.decode()
        description, packets = await asyncio.wait_for(taken.get(), WAIT_S)
    finally:
        server.close()
    rtp = [packet for packet in packets if packet[1] == 0]
    first = timestamp(rtp[0])
    times = [(timestamp(packet) - first) % TIMESTAMPS / RTP_CLOCK_HZ for packet in rtp]
    return Recording(
        description,
        tuple(zip(times, rtp, strict=True)),
        times[-1] + 1 / rate,
        len(set(times)),
    )


def _granted(request: Request) -> Response:
    pairs = [("CSeq", request.headers.get("CSeq")), ("Session", "1")]
    pairs.append(("Transport", request.headers.get("Transport")))
    return Response(200, "OK", Headers(tuple(pairs)))


def packets_of(run: bytes) -> list[bytes]:
    """The interleaved packets of a run, each with its prefix."""
    found = []
    while run:
        size = 4 + int.from_bytes(run[2:4], "big")
        found.append(run[:size])
        run = run[size:]
    return found


def timestamp(packet: bytes) -> int:
    """Of RTP, at 90 kHz."""
    return int.from_bytes(packet[8:12], "big")


@attrs.define
class Behaviour:
    """What the camera does; faults are ordered by changing it."""

    path: str = "/live?channel=1"
    user: str = ""
    password: str = ""
    scheme: str = "digest"
    algorithm: str | None = None
    qop: str | None = None
    says_stale: bool = True
    requests_a_nonce: int = 1000
    # In place of an answer to a method: these bytes; b"" is silence.
    instead: dict[str, bytes] = attrs.field(factory=dict)
    # Bytes that are sent before the connection is reset, or closed.
    reset_after: int | None = None
    close_after: int | None = None
    frames: int | None = None
    trickles: bool = False
    play_first: int = 0
    """Packets that are sent before the answer to PLAY."""
    start_packet: int = 0
    content_base: str | None = "{url}/"
    sends_numbers: bool = True
    session_timeout_s: int = 60
    answers_keep_alives: bool = True
    speed: float = 1.0
    clock: str = "steady"
    """``frozen``: all packets have one time; ``wild``: any."""
    keeps_description: bool = True


class RtspCamera:
    """Serves clients of a recording; what they asked is in ``requests``."""

    def __init__(self, recording: Recording, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour = Behaviour()
        self.requests: list[Request] = []
        self.mistakes: list[str] = []
        self.connections = 0
        self.frames_sent = 0
        self.packets_back = 0
        self.port = 0
        self._recording = recording
        self._tls = tls
        self._nonce, self._nonce_used = "", 0
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._changed = asyncio.Event()
        self._tasks = TaskOwner("rtsp-camera")

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._take, "127.0.0.1", 0, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._tasks.aclose()
        assert not self.mistakes

    @property
    def url(self) -> str:
        """The address, as a camera is configured with it."""
        scheme = "rtsps" if self._tls else "rtsp"
        return f"{scheme}://127.0.0.1:{self.port}{self.behaviour.path}"

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    def asked(self, method: str) -> list[Request]:
        """The requests of one method."""
        return [request for request in self.requests if request.method == method]

    async def left(self) -> None:
        """Wait until nobody is connected."""
        async with asyncio.timeout(WAIT_S):
            while self._clients:
                self._changed.clear()
                await self._changed.wait()

    async def until_asked(self, method: str, count: int = 1) -> None:
        """Wait for so many requests of a method."""
        async with asyncio.timeout(WAIT_S):
            while len(self.asked(method)) < count:
                self._changed.clear()
                await self._changed.wait()

    async def until_sent(self, frames: int) -> None:
        """Wait until so many frames have begun."""
        async with asyncio.timeout(WAIT_S):
            while self.frames_sent < frames:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start("client", self._serve(reader, writer))

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        self._clients.add(writer)
        served = _Served(self, self._recording, writer, self._tasks)
        splitter = Splitter()
        try:
            while data := await reader.read(1 << 16):
                for piece in splitter.feed(data):
                    if isinstance(piece, Request):
                        self.requests.append(piece)
                        await served.answer(piece)
                        self._changed.set()
                    elif isinstance(piece, bytes):
                        self.packets_back += len(packets_of(piece))
        except OSError:
            pass
        finally:
            served.stop()
            self._clients.discard(writer)
            self._changed.set()
            writer.transport.abort()

    def challenge(self, request: Request) -> Headers | None:
        """What a request lacks to be let in, or None."""
        behaviour = self.behaviour
        if not behaviour.user:
            return None
        given = request.headers.get("Authorization")
        if behaviour.scheme == "basic":
            both = f"{behaviour.user}:{behaviour.password}".encode()
            if given == f"Basic {base64.b64encode(both).decode()}":
                return None
            return Headers((("WWW-Authenticate", 'Basic realm="a camera"'),))
        is_right = bool(given) and self._is_right(request, given)
        self._nonce_used += is_right
        if is_right and self._nonce_used <= behaviour.requests_a_nonce:
            return None
        is_stale = is_right and behaviour.says_stale
        self._nonce, self._nonce_used = hashlib.md5(self._nonce.encode()).hexdigest(), 0
        words = ['Digest realm="a, camera"', f'nonce="{self._nonce}"']
        if behaviour.algorithm:
            words.append(f"algorithm={behaviour.algorithm}")
        if behaviour.qop:
            words.append(f'qop="{behaviour.qop}"')
        if is_stale:
            words.append("stale=true")
        # Basic is offered, too, and must not be taken.
        return Headers(
            (
                ("WWW-Authenticate", 'Basic realm="a, camera"'),
                ("WWW-Authenticate", ", ".join(words)),
            )
        )

    def _is_right(self, request: Request, given: str) -> bool:
        behaviour = self.behaviour
        words: dict[str, str] = {n: a or b for n, a, b in DIGEST.findall(given)}
        if words.get("uri") != request.url or words.get("username") != behaviour.user:
            return False
        if words.get("nonce") != self._nonce or not self._nonce:
            return False
        algorithm = behaviour.algorithm or "MD5"

        def hashed(*parts: str) -> str:
            name = "sha256" if algorithm.startswith("SHA-256") else "md5"
            return hashlib.new(name, ":".join(parts).encode()).hexdigest()

        secret = hashed(behaviour.user, "a, camera", behaviour.password)
        if algorithm.endswith("-sess"):
            secret = hashed(secret, self._nonce, words["cnonce"])
        counted = [words["nc"], words["cnonce"], "auth"] if behaviour.qop else []
        asked = hashed(request.method, request.url)
        expected: str = hashed(secret, self._nonce, *counted, asked)
        return words["response"] == expected


class _Served:
    """One client."""

    def __init__(
        self,
        camera: RtspCamera,
        recording: Recording,
        writer: asyncio.StreamWriter,
        tasks: TaskOwner,
    ) -> None:
        self._camera = camera
        self._behaviour = camera.behaviour
        self._recording = recording
        self._writer = writer
        self._tasks = tasks
        self._sent_bytes = 0
        self._session = ""
        self._last_number = 0
        self._playing: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Play no more."""
        if self._playing is not None:
            self._playing.cancel()

    async def answer(self, request: Request) -> None:
        """Answer one request, or do what a fault says in its place."""
        self._check(request)
        keeps = request.method == "GET_PARAMETER"
        if keeps and not self._behaviour.answers_keep_alives:
            return
        if (raw := self._behaviour.instead.get(request.method)) is not None:
            await self._send(raw)
            return
        response = self._response(request)
        number = ("CSeq", request.headers.get("CSeq"))
        numbers = (number,) if self._behaviour.sends_numbers else ()
        headers = Headers((*numbers, *response.headers.pairs))
        plays = request.method == "PLAY" and response.status == 200
        if plays:
            for _, packet in self._recording.packets[: self._behaviour.play_first]:
                await self._send(packet)
        reason = response.reason or "OK"
        await self._send(
            Response(response.status, reason, headers, response.body).encode()
        )
        if plays:
            self._playing = self._tasks.start("play", self._play_on())

    def _check(self, request: Request) -> None:
        mistakes = self._camera.mistakes
        number = int(request.headers.get("CSeq") or 0)
        if number <= self._last_number:
            mistakes.append(f"CSeq {number} after {self._last_number}")
        self._last_number = number
        if not request.url.startswith(self._camera.url.partition("?")[0]):
            mistakes.append(f"{request.method} {request.url}")
        needs_session = request.method in ("PLAY", "TEARDOWN", "GET_PARAMETER")
        if needs_session and request.headers.get("Session") != self._session:
            mistakes.append(f"{request.method} in session of another")

    def _response(self, request: Request) -> Response:
        url = self._camera.url
        if (challenge := self._camera.challenge(request)) is not None:
            return Response(401, "Unauthorized", challenge)
        match request.method:
            case "OPTIONS":
                return Response(200, headers=Headers((("Public", ", ".join(METHODS)),)))
            case "DESCRIBE" if request.url != url:
                return Response(404, "Not Found")
            case "DESCRIBE":
                return self._described(url)
            case "SETUP":
                return self._set_up(request)
            case "PLAY":
                return Response(
                    200,
                    headers=Headers(
                        (
                            ("Session", self._session),
                            ("RTP-Info", f"url={url}/track;seq=9;rtptime=4294967295"),
                        )
                    ),
                )
            case "GET_PARAMETER" | "TEARDOWN":
                return Response(200)
        return Response(405, "Method Not Allowed")

    def _described(self, url: str) -> Response:
        body = self._recording.description
        pairs = [("Content-Type", "application/sdp")]
        if self._behaviour.content_base is not None:
            base = self._behaviour.content_base.format(url=url)
            pairs.append(("Content-Base", base))
        return Response(200, headers=Headers(tuple(pairs)), body=body)

    def _set_up(self, request: Request) -> Response:
        transport = request.headers.get("Transport")
        if "RTP/AVP/TCP" not in transport or "interleaved=0-1" not in transport:
            return Response(461, "Unsupported Transport")
        if not request.url.endswith("/streamid=0"):
            self._camera.mistakes.append(f"SETUP {request.url}")
        self._session = f"s{time.monotonic_ns()}"
        timeout_s = self._behaviour.session_timeout_s
        return Response(
            200,
            headers=Headers(
                (
                    ("Session", f"{self._session};timeout={timeout_s}"),
                    ("Transport", f"{transport};ssrc=1"),
                )
            ),
        )

    async def _play_on(self) -> None:
        with suppress(OSError):
            await self._play()

    async def _play(self) -> None:
        recording, camera = self._recording, self._camera
        loop = asyncio.get_running_loop()
        begin_s, sequence, start = loop.time(), 0, self._behaviour.start_packet
        shift_s, packets = recording.packets[start][0], recording.packets[start:]
        lap, last_s = 0, -1.0
        while True:
            for time_s, packet in packets:
                at_s = time_s + lap * recording.duration_s
                if at_s != last_s:
                    if camera.frames_sent == self._behaviour.frames:
                        return
                    camera.frames_sent += 1
                    last_s = at_s
                due_s = begin_s + (at_s - shift_s) / self._behaviour.speed
                if due_s > loop.time():
                    await asyncio.sleep(due_s - loop.time())
                stamp = self._stamp(at_s)
                head = packet[:6] + (sequence % SEQUENCES).to_bytes(2, "big")
                await self._send(head + stamp.to_bytes(4, "big") + packet[12:])
                sequence += 1
            lap, packets = lap + 1, recording.packets

    def _stamp(self, at_s: float) -> int:
        match self._behaviour.clock:
            case "frozen":
                return 90_000
            case "wild":
                return hash(at_s) % TIMESTAMPS
        return round(at_s * RTP_CLOCK_HZ) % TIMESTAMPS

    async def _send(self, data: bytes) -> None:
        behaviour = self._behaviour
        for limit, ends in (
            (behaviour.reset_after, self._reset),
            (behaviour.close_after, self._close),
        ):
            if limit is not None and self._sent_bytes + len(data) >= limit:
                self._writer.write(data[: limit - self._sent_bytes])
                await self._writer.drain()
                ends()
                raise ConnectionError
        self._sent_bytes += len(data)
        for piece in (
            [data[i : i + 1] for i in range(len(data))]
            if (behaviour.trickles)
            else [data]
        ):
            self._writer.write(piece)
            await self._writer.drain()
            if behaviour.trickles:
                await asyncio.sleep(0.02)

    def _reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self._writer.transport.abort()

    def _close(self) -> None:
        self._writer.close()


def h264(seconds: float = 2, *more: str, size: str = "320x240") -> Sequence[str]:
    """Arguments for a recording of H.264 with a keyframe each second."""
    return (
        *("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25", "-t", f"{seconds:g}"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency"),
        *("-g", "25", "-pix_fmt", "yuv420p", *more),
    )
