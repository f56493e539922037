# Tests of the gateway's routes.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A target has one meaning here, or none."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.errors import RequestError
from moonraker_prusacam.gateway.methods import METHODS, PATHS
from moonraker_prusacam.gateway.routes import (
    ApiRoute,
    CameraRoute,
    FileRoute,
    Route,
    SocketRoute,
    find_route,
)


def find(target: str) -> Route | None:
    """The route; None for what is refused as well."""
    try:
        return find_route(target, ("/webcam/cam/", "/webcam2/"))
    except RequestError:
        return None


FOUND = {
    "/websocket": SocketRoute(),
    "/websocket?token=abc": SocketRoute(),
    "/server/info": ApiRoute("server.info", {}),
    "/server/info?_=1&raw=true": ApiRoute("server.info", {"_": "1", "raw": "true"}),
    "/server/history/list?limit:int=5": ApiRoute("server.history.list", {"limit": "5"}),
    "/server/files/directory?path=gcodes%2Fa": ApiRoute(
        "server.files.get_directory", {"path": "gcodes/a"}
    ),
    "/printer/objects/query?toolhead&extruder=target,temperature&token=x": ApiRoute(
        "printer.objects.query",
        {"objects": {"toolhead": None, "extruder": ["target", "temperature"]}},
    ),
    "/server/files/gcodes/.thumbs/a-32x32.png?timestamp=1": FileRoute(
        "/server/files/gcodes/.thumbs/a-32x32.png", "image/png"
    ),
    "/server/files/gcodes/a%20b/%C3%BC%25.JPG": FileRoute(
        "/server/files/gcodes/a%20b/%C3%BC%25.JPG", "image/jpeg"
    ),
    "/server/files/timelapse/a.mp4": FileRoute(
        "/server/files/timelapse/a.mp4", "video/mp4"
    ),
    "/stream.mjpg?timestamp=5": CameraRoute("/stream.mjpg", True),
    "/webcam2/stream.mjpg?placeholder=1&viewer=x": CameraRoute(
        "/stream.mjpg?placeholder=1", True
    ),
    "/webcam/cam/snapshot.jpg": CameraRoute("/snapshot.jpg", False),
    "/webcam2/?action=snapshot&bypassCache=1": CameraRoute("/snapshot.jpg", False),
    "/?action=stream": CameraRoute("/stream.mjpg", True),
    "/snapshot.jpg?camera=a%20b": CameraRoute("/snapshot.jpg?camera=a+b", False),
    "/cameras/a%20b/snapshot": CameraRoute("/cameras/a%20b/snapshot", False),
    "/printers/mk4/camera/stream": CameraRoute("/cameras/mk4/stream", True),
}


@pytest.mark.parametrize("target", FOUND)
def test_target_when_known_then_its_route(target: str) -> None:
    assert find_route(target, ("/webcam/cam/", "/webcam2/")) == FOUND[target]


NOT_FOUND = [
    "",
    "*",
    "server/info",
    "//server/info",
    "/server//info",
    "/server/info/",
    "/server/info/.",
    "/server/./info",
    "/server/x/../info",
    "/server/%2e%2e/server/info",
    "/server%2finfo",
    "/server%2Finfo",
    "/server/info%00",
    "/server/info;a",
    "/server;/info",
    "/server/info%20",
    "/SERVER/info",
    "/Server/Info",
    "/server/info#a",
    "/server\\info",
    "/server/%5cinfo",
    "/server/inf\u043e",
    "/server/%c0%afinfo",
    "/server/info%",
    "http://127.0.0.1/server/info",
    "http://evil/server/info",
    "https:/server/info",
    "/websocket/",
    "/klippysocket",
    "/server/jsonrpc",
    "/server/redirect?url=http://evil",
    "/api/version",
    "/api/printer/command",
    "/printer/gcode/script?script=M112",
    "/printer/emergency_stop",
    "/printer/print/pause",
    "/printer/objects/subscribe?toolhead",
    "/printer/query_endstops/status",
    "/machine/reboot",
    "/machine/update/status?refresh=true",
    "/access/oneshot_token",
    "/access/api_key",
    "/server/files/config/moonraker.conf",
    "/server/files/config/.theme/default.json",
    "/server/files/moonraker.log",
    "/server/files/klippy.log",
    "/server/files/logs/prusacam.log",
    "/server/files/gcodes/a.gcode",
    "/server/files/gcodes/a.png.gcode",
    "/server/files/gcodes/.secret/a.png",
    "/server/files/gcodes/.png",
    "/server/files/gcodes/",
    "/server/files/gcodes",
    "/server/files/gcodes/a/../../config/a.png",
    "/server/files/gcodes/%2e%2e/config/a.png",
    "/server/files/gcodes/..%2fconfig/a.png",
    "/server/files/Gcodes/a.png",
    "/server/files/timelapse/a.html",
    "/server/files/timelapse_frames/a.mp4",
    "/server/files/timelapse/a.svg",
    "/status.json",
    "/metrics",
    "/",
    "/?action=stop",
    "/cameras/a/stop",
    "/cameras/a/test",
    "/cameras/../snapshot",
    "/cameras/a%2fb/snapshot",
    "/webcam2",
    "/webcam2/status.json",
    "/webcam2/cameras/a/stop",
    "/webcam2/../server/info",
    "/webcam2/webcam2/snapshot.jpg",
    "/webcam/snapshot.jpg",
    "/server/history/list?limit=1&limit=2",
    "/server/history/list?limit=1&limit:int=2",
    "/" + "a" * 9000,
]


@pytest.mark.parametrize("target", NOT_FOUND)
def test_target_when_anything_else_then_none(target: str) -> None:
    assert find(target) is None


@pytest.mark.parametrize("path", PATHS)
def test_path_when_altered_then_none(path: str) -> None:
    for altered in (
        path.upper(),
        f"{path}/",
        f"/{path}",
        f"{path}%00",
        f"{path};",
        path.replace("/", "//"),
        path.replace("/", "/./"),
        path.replace("/", "%2f"),
        f"/x/..{path}",
    ):
        assert find(altered) is None, altered


PIECES = st.sampled_from(
    [
        *("/", "//", ".", "..", "%2e", "%2f", "%5c", "%00", ";", "\\", "?", "#", "%"),
        *("server", "files", "gcodes", "config", "printer", "gcode", "script", "info"),
        *(
            "webcam2",
            "cameras",
            "snapshot",
            "stream.mjpg",
            "a.png",
            ".thumbs",
            "action=",
        ),
        *("http://", "\u212a", "\uff0f", " ", "\r\n", "&", "=", "timelapse", "a.mp4"),
    ]
) | st.text(max_size=3)


@given(st.lists(PIECES, max_size=9).map("".join))
def test_target_when_invented_then_its_route_stays_where_it_may(text: str) -> None:
    route: Any = find(f"/{text}")
    if isinstance(route, ApiRoute):
        assert METHODS[route.method].path == f"/{text}".partition("?")[0]
    elif isinstance(route, (FileRoute, CameraRoute)):
        path = unquote(route.path.partition("?")[0])
        assert not {"", ".", ".."} & set(path.split("/")[1:])
        assert path.startswith(
            ("/server/files/gcodes/", "/server/files/timelapse", "/cameras/")
        ) or path in ("/stream.mjpg", "/snapshot.jpg")
        assert route.path.isascii()
        assert not set(" \r\n\\#") & set(route.path)
        # It would be found again as what it is.
        assert find(route.path) == route


@given(st.text(min_size=1, max_size=8))
def test_camera_when_named_then_named_alike_upstream(name: str) -> None:
    route = find(f"/cameras/{quote(name, safe='')}/snapshot")
    if route is not None:
        assert isinstance(route, CameraRoute)
        assert unquote(route.path) == f"/cameras/{name}/snapshot"
