# The RTSP source against GStreamer's server.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that others wrote, as many cameras have it inside.

It needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi, and gstreamer1.0-plugins-base,
-good and -ugly, and is left out where they are not.
"""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera.sources import Host
from moonraker_prusacam.errors import SourceRefused, SourceUnavailable, SourceUnfit
from moonraker_prusacam.secret import Secret
from tests.support.sources import Received, source_of
from tests.support.video import programs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 20.0
PYTHON = "/usr/bin/python3"
HOST = Host(Path("/nowhere"), Path(programs()[0]))
LOGIN: dict[str, Any] = {"username": "bed", "password": Secret("h:u@nter2")}
IMPORTS = """
import sys, gi
for name in ("Gst", "GstRtsp", "GstRtspServer"):
    gi.require_version(name, "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
Gst.init(None)
"""
CHECK = """
for name in ("x264enc", "rtph264pay", "jpegenc", "rtpjpegpay", "alawenc", "rtppcmapay"):
    assert Gst.ElementFactory.find(name), name
"""
SERVE = """
form = "video/x-raw,format=I420,width=640,height=480,framerate=15/1"
video = f"videotestsrc is-live=true pattern=ball ! {form} ! "
h264 = "x264enc tune=zerolatency key-int-max=15 ! rtph264pay name=pay0 pt=96 "
sound = "audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! alawenc ! "
sound += "rtppcmapay name=pay%d pt=8"
launches = {
    "/h264": f"( {video} {h264} {sound % 1} )",
    "/jpeg": f"( {video} jpegenc ! rtpjpegpay name=pay0 pt=26 )",
    "/audio": f"( {sound % 0} )",
}
server = GstRtspServer.RTSPServer(address="127.0.0.1", service="0")
for path, launch in launches.items():
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch)
    factory.set_shared(True)
    allowed = GstRtspServer.RTSPPermissions()
    for word in ("access", "construct"):
        allowed.add_permission_for_role("user", "media.factory." + word, True)
    factory.set_permissions(allowed)
    server.get_mount_points().add_factory(path, factory)
if sys.argv[1] != "none":
    auth, token = GstRtspServer.RTSPAuth(), GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    if sys.argv[1] == "digest":
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest("bed", "h:u@nter2", token)
    else:
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic("bed", "h:u@nter2"), token)
    server.set_auth(auth)
server.attach(None)
print(server.get_bound_port(), flush=True)
GLib.MainLoop().run()
"""


@cache
def is_missing() -> bool:
    """Whether this host has no GStreamer for it."""
    if not Path(PYTHON).exists():
        return True
    tried = subprocess.run(
        [PYTHON, "-c", IMPORTS + CHECK], capture_output=True, timeout=60, check=False
    )
    return tried.returncode != 0


pytestmark = pytest.mark.skipif(
    is_missing(), reason="GStreamer's RTSP server is absent"
)


@asynccontextmanager
async def served(login: str = "none") -> AsyncIterator[str]:
    """The address of a server that wants such a login."""
    server = await asyncio.create_subprocess_exec(
        *(PYTHON, "-c", IMPORTS + SERVE, login), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        line = await asyncio.wait_for(server.stdout.readline(), WAIT_S)
        yield f"rtsp://127.0.0.1:{int(line)}"
    finally:
        server.kill()
        await server.communicate()


@pytest.mark.parametrize("path", ["/h264", "/jpeg"])
@pytest.mark.parametrize("login", ["none", "basic", "digest"])
async def test_run_when_gstreamer_serves_then_pictures_come(
    path: str, login: str
) -> None:
    options = {} if login == "none" else LOGIN
    async with served(login) as address:
        received = Received()
        for _ in range(2):
            before = received.stats.frames
            source = source_of(address + path, HOST, **options)
            task = asyncio.create_task(source.run(received))
            await received.frames(before + 10)
            task.cancel()
            await asyncio.wait([task])
        assert received.newest is not None
        assert received.newest.width == 640


@pytest.mark.parametrize(
    ("path", "login", "options", "kind", "told"),
    [
        ("/nope", "none", {}, SourceUnavailable, "no stream at that path"),
        ("/audio", "none", {}, SourceUnfit, "no video, but audio"),
        ("/h264", "digest", {}, SourceRefused, "wants a user and a password"),
        (
            "/h264",
            "digest",
            {"username": "bed", "password": Secret("guess")},
            SourceRefused,
            "does not accept",
        ),
    ],
)
async def test_run_when_gstreamer_refuses_then_it_is_told(
    path: str, login: str, options: dict[str, Any], kind: type[Exception], told: str
) -> None:
    async with served(login) as address:
        with pytest.raises(kind, match=told):
            await source_of(address + path, HOST, **options).run(Received())
