# Moonraker's endpoints of the camera engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What web clients may ask: each endpoint is one call to the engine.

Arguments are checked here, results are passed through, and an engine that is absent,
silent or unwilling becomes an HTTP status with a text that says what to do.
"""

from __future__ import annotations

import asyncio
import binascii
from typing import TYPE_CHECKING, Any

from .camera_params import camera_params, stop_params, stream_params
from .errors import LinkError
from .link import CALL_TIMEOUT_S, UPLOAD_TIMEOUT_S
from .multicam_endpoints import DEVICES_TIMEOUT_S, MULTICAM_ENDPOINTS
from .printer_endpoints import PRINTER_ENDPOINTS, REGISTER_TIMEOUT_S
from .prusa_camera_endpoints import (
    CAMERA_TIMEOUT_S,
    PRUSA_CAMERA_ENDPOINTS,
    ROOT,
)
from .remote_methods import frame_request
from .video_params import (
    job_params,
    pin_params,
    remove_params,
    rerender_params,
    retime_params,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from moonraker.common import WebRequest
    from moonraker.server import Server

    from .link import EngineLink

RETIME_TIMEOUT_S = 60.0
"""``timelapse.retime`` reads and writes a whole video once."""

TEST_TIMEOUT_S = 20.0
"""``camera.test`` waits for a camera, for up to 15 s."""

MAX_ERROR_TEXT = 300

INLINE_DECODE_CHARS = 256 << 10
"""Longer base64 text is decoded in a thread: 1 MiB takes a small board ~20 ms."""

DECODE_STEP_CHARS = 64 << 10
"""The decoder holds the interpreter's lock for one step; a multiple of four."""

BAD_REQUEST = 400
BAD_GATEWAY = 502


class Endpoints:
    """Registers the endpoints and relays their calls."""

    def __init__(self, server: Server, link: EngineLink) -> None:
        self._server = server
        self._link = link

    def register(self) -> None:
        """Make the endpoints known."""
        root = "/server/prusacam"
        self._relay("GET", f"{root}/status", "engine.status")
        self._relay("GET", f"{root}/cameras", "camera.list")
        self._relay("GET", f"{root}/timelapse/status", "timelapse.status")
        self._relay("GET", f"{root}/timelapse/list", "timelapse.list")
        self._relay("POST", f"{root}/timelapse/start", "timelapse.start", dict)
        self._relay("POST", f"{root}/timelapse/frame", "timelapse.frame", frame_params)
        self._relay("POST", f"{root}/timelapse/render", "timelapse.render", job_params)
        self._relay("GET", f"{root}/timelapse/queue", "timelapse.queue")
        self._relay(
            "POST", f"{root}/timelapse/discard", "timelapse.discard", job_params
        )
        self._relay_videos(f"{root}/timelapse")
        for endpoint in PRUSA_CAMERA_ENDPOINTS:
            self._relay(
                endpoint.request_type,
                f"{ROOT}/{endpoint.path}",
                endpoint.method,
                endpoint.params,
                timeout_s=CAMERA_TIMEOUT_S,
            )
        for request_type, path, method, params in PRINTER_ENDPOINTS:
            self._relay(
                request_type,
                f"{root}/{path}",
                method,
                params,
                timeout_s=REGISTER_TIMEOUT_S,
            )
        for request_type, path, method, params in MULTICAM_ENDPOINTS:
            self._relay(
                request_type,
                f"{root}/{path}",
                method,
                params,
                timeout_s=DEVICES_TIMEOUT_S,
            )
        for path in ("connect", "connect/status"):
            self._relay("GET", f"{root}/{path}", "connect.status")
        self._relay(
            "POST",
            f"{root}/connect/upload",
            "connect.upload",
            camera_params,
            timeout_s=UPLOAD_TIMEOUT_S,
        )
        self._server.register_endpoint(
            f"{root}/snapshot",
            ["GET"],
            self._snapshot,
            transports=["HTTP"],
            wrap_result=False,
            content_type="image/jpeg",
        )
        self._relay_cameras(f"{root}/camera")

    def _relay_cameras(self, root: str) -> None:
        # Video does not pass through Moonraker: it is told where the stream is.
        self._relay("GET", f"{root}/stream", "camera.stream", stream_params)
        # navigator.sendBeacon posts.
        self._relay(("GET", "POST"), f"{root}/stop", "camera.stop", stop_params)
        self._relay(
            "GET",
            f"{root}/test",
            "camera.test",
            camera_params,
            timeout_s=TEST_TIMEOUT_S,
        )

    def _relay_videos(self, root: str) -> None:
        self._relay("GET", f"{root}/videos", "timelapse.videos")
        self._relay("POST", f"{root}/pin", "timelapse.pin", pin_params)
        self._relay("POST", f"{root}/remove", "timelapse.remove", remove_params)
        self._relay(
            "POST",
            f"{root}/retime",
            "timelapse.retime",
            retime_params,
            timeout_s=RETIME_TIMEOUT_S,
        )
        self._relay("POST", f"{root}/rerender", "timelapse.rerender", rerender_params)
        method = "timelapse.retention"
        self._relay("GET", f"{root}/retention", method, lambda _: {"dry_run": True})
        self._relay("POST", f"{root}/expire", method, lambda _: {"dry_run": False})

    def _relay(
        self,
        request_types: str | tuple[str, ...],
        path: str,
        method: str,
        params: Callable[[dict[str, Any]], dict[str, Any]] = lambda _: {},
        *,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> None:
        async def handle(web_request: WebRequest) -> Any:
            return await self._call(method, params, web_request, timeout_s)

        if isinstance(request_types, str):
            request_types = (request_types,)
        self._server.register_endpoint(path, list(request_types), handle)

    async def _call(
        self,
        method: str,
        params: Callable[[dict[str, Any]], dict[str, Any]],
        web_request: WebRequest,
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Any:
        try:
            arguments = params(web_request.get_args())
            return await self._link.call(method, arguments, timeout_s)
        except LinkError as error:
            raise self._error(str(error), error.http_status) from None
        except ValueError as error:
            raise self._error(str(error), BAD_REQUEST) from None

    async def _snapshot(self, web_request: WebRequest) -> bytes:
        result = await self._call("camera.snapshot", camera_params, web_request)
        data = result.get("data") if isinstance(result, dict) else None
        if not isinstance(data, str) or not data:
            raise self._error("The camera engine sent no picture", BAD_GATEWAY)
        try:
            if len(data) <= INLINE_DECODE_CHARS:
                return decode_base64(data)
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, decode_base64, data)
        except ValueError:
            raise self._error(
                "The camera engine sent a picture that is not base64", BAD_GATEWAY
            ) from None

    def _error(self, text: str, status: int) -> Exception:
        error: Exception = self._server.error(reason_phrase(text), status)
        return error


def frame_params(arguments: dict[str, Any]) -> dict[str, Any]:
    """Params of ``timelapse.frame`` for a request that arrives now."""
    return frame_request(arguments.get("layer"), parked=False)


def decode_base64(text: str) -> bytes:
    """The bytes of ``text``, in steps that let other threads run; raises ValueError."""
    return b"".join(
        binascii.a2b_base64(text[start : start + DECODE_STEP_CHARS])
        for start in range(0, len(text), DECODE_STEP_CHARS)
    )


def reason_phrase(text: str) -> str:
    """``text`` as Tornado takes it for HTTP's status line (RFC 9112, section 4).

    It replaces a text with line ends, ``<`` or characters beyond Latin-1 as a whole.
    """
    ascii_text = text.encode("ascii", "replace").decode().replace("<", "(")
    words = "".join(char if char.isprintable() else " " for char in ascii_text).split()
    return " ".join(words)[:MAX_ERROR_TEXT] or "The camera engine gave no reason"
