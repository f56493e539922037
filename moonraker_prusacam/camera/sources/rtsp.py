# Video by RTSP, made into MJPEG.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``rtsp://`` and ``rtsps://``: H.264, H.265 or MJPEG, always over one TCP connection.

The engine holds that connection and logs in. ffmpeg is the codec, and knows of a relay
on this host only (``camera.rtsp.relay``), so there is no password in its arguments.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import attrs

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.child import running
from moonraker_prusacam.camera.complaint import advice, complaint, ending
from moonraker_prusacam.camera.dial import CONNECT_TIMEOUT_S, connect, explain
from moonraker_prusacam.camera.rtsp.client import RtspClient
from moonraker_prusacam.camera.rtsp.decoder import Profile, decoder
from moonraker_prusacam.camera.rtsp.describing import describe
from moonraker_prusacam.camera.rtsp.relay import Relay
from moonraker_prusacam.errors import (
    FfmpegMissing,
    SourceStalled,
    SourceUnavailable,
)
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.tasks import TaskOwner

from .output import read_output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from moonraker_prusacam.camera.child import Child
    from moonraker_prusacam.camera.receiver import Receiver
    from moonraker_prusacam.camera_options import CameraConfig, Credentials

    from . import Host

# From one keyframe to the next it may take longer than a camera may be silent.
PICTURE_TIMEOUT_S = 30.0
# What ffmpeg may still write of a connection that has ended.
DRAIN_TIMEOUT_S = 2.0
CLOSE_TIMEOUT_S = 2.0
DEFAULT_PORTS = {"rtsp": 554, "rtsps": 322}
DECODER_ADVICE = "update ffmpeg, or set the camera to H.264"

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@attrs.frozen
class Endpoint:
    """A camera's RTSP server: ``url`` without a user, ``where`` for people."""

    url: str
    where: str
    credentials: Credentials | None
    connect: Callable[[], Awaitable[Connection]]
    profile: Profile = attrs.field(factory=Profile)


def endpoint(config: CameraConfig, host: Host) -> Endpoint:
    """What the source URL of ``config`` names."""
    source = config.source
    port = source.port or DEFAULT_PORTS[source.scheme]
    where = f"[{source.host}]:{port}" if ":" in source.host else f"{source.host}:{port}"

    async def connect_tcp() -> Connection:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await asyncio.open_connection(
                    sock=await connect(source.host, port)
                )
        except OSError as error:
            raise explain(error, where) from error

    async def connect_encrypted() -> Connection:
        from moonraker_prusacam.camera.tls import connect_tls

        return await connect_tls(config, host, port)

    connects = connect_encrypted if source.scheme == "rtsps" else connect_tcp
    return Endpoint(source.reveal(), where, config.credentials, connects)


class RtspSource:
    """The video of one camera, decoded by ffmpeg."""

    def __init__(self, config: CameraConfig, host: Host, camera: Endpoint) -> None:
        self._config = config
        self._program = host.ffmpeg
        self._camera = camera

    async def run(self, receiver: Receiver) -> None:
        """Play until the camera or ffmpeg ends; see Source."""
        try:
            ffmpeg = await asyncio.to_thread(find_ffmpeg, self._program)
        except FfmpegMissing as error:
            raise SourceUnavailable(
                f"nothing decodes this camera's video: {error}",
                advice="sudo apt install ffmpeg",
            ) from error
        camera = self._camera
        async with _connected(camera) as (client, serving):
            found = await describe(
                client, camera.url, lambda: receiver.reached(Stage.REACHABLE)
            )
            receiver.reached(Stage.AUTHENTICATED)
            codec = found.track.codec
            async with Relay(client, found) as relay:
                command = decoder(
                    ffmpeg, relay.url, codec, self._config, camera.profile
                )
                async with running(command) as child:
                    has_stalled = await _played(child, receiver, serving, relay)
        if reason := client.error or relay.refusal:
            raise reason
        told = complaint(child.stderr)
        told = told and f": {told}"
        if has_stalled:
            raise SourceStalled(
                f"{camera.where} sends {codec}, of which ffmpeg makes no picture{told}",
                advice=DECODER_ADVICE,
            )
        raise SourceUnavailable(
            f"ffmpeg {ending(child.returncode)}{told}",
            advice=advice(child.stderr) or DECODER_ADVICE,
        )


@asynccontextmanager
async def _connected(
    camera: Endpoint,
) -> AsyncIterator[tuple[RtspClient, asyncio.Task[None]]]:
    """A client, and the task that reads for it."""
    reader, writer = await camera.connect()
    client = RtspClient(reader, writer, camera.where, camera.credentials)
    tasks = TaskOwner(f"rtsp:{camera.where}")
    try:
        yield client, tasks.start("client", client.serve())
    finally:
        client.leave()
        try:
            await tasks.aclose()
        finally:
            await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await writer.wait_closed()
    except OSError:
        pass  # it was closed already, or takes no leave
    finally:
        writer.transport.abort()


async def _played(
    child: Child, receiver: Receiver, serving: asyncio.Task[None], relay: Relay
) -> bool:
    """Receive what ffmpeg makes until it ends, or the camera's connection does.

    True: it was asked to end, since it made no picture for too long.
    """
    leash = asyncio.timeout(None)

    def over(_: asyncio.Task[None]) -> None:
        relay.close_decoder()
        leash.reschedule(asyncio.get_running_loop().time() + DRAIN_TIMEOUT_S)

    try:
        async with leash:
            serving.add_done_callback(over)
            try:
                await read_output(child, receiver, PICTURE_TIMEOUT_S)
                await child.left()
            finally:
                serving.remove_done_callback(over)
    except SourceStalled:
        return True
    except TimeoutError:
        if not leash.expired():
            raise
    return False
