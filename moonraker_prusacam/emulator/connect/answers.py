# What the local Prusa Connect answers, and why.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of Prusa Connect's camera API, each with its answer.

Source: Prusa's camera OpenAPI 0.22.0, and what users reported of the real service
where the OpenAPI is silent (the bodies of 400 and 403).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .camera import LocalCamera

MAX_BODY_BYTES = 16 * 1024 * 1024
MIN_FINGERPRINT, MAX_FINGERPRINT = 16, 64
MAX_NAME = 64
IMAGE_TYPES = ("image/jpg", "image/jpeg")
TRIGGER_SCHEMES = (
    "MANUAL",
    "EACH_LAYER",
    "FIFTH_LAYER",
    "GCODE",
    "TEN_SEC",
    "THIRTY_SEC",
    "SIXTY_SEC",
    "TEN_MIN",
)
NGINX_400 = (
    b"<html>\r\n<head><title>400 Bad Request</title></head>\r\n<body>\r\n"
    b"<center><h1>400 Bad Request</h1></center>\r\n</body>\r\n</html>\r\n"
)


@attrs.frozen
class Answer:
    """An answer and the word for it in the log."""

    verdict: str
    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)
    too_soon: bool = False

    @classmethod
    def error(cls, verdict: str, status: int, code: str, message: str) -> Answer:
        """An error as the OpenAPI has it."""
        body = json.dumps({"code": code, "message": message}).encode()
        return cls(verdict, status, body, "application/json")

    def response(self) -> web.Response:
        """A new response to be sent."""
        response = web.Response(
            status=self.status, body=self.body or None, headers=self.headers
        )
        if self.content_type is not None:
            response.content_type = self.content_type
        return response


TOKEN_UNKNOWN = Answer.error(
    "token unknown", 401, "UNAUTHORIZED", "Token is missing or not valid"
)


def refuse_fingerprint(request: web.Request, camera: LocalCamera) -> Answer | None:
    """Why the request's fingerprint is not taken, None when it is."""
    fingerprint = request.headers.get("Fingerprint")
    if fingerprint is None:
        return Answer.error(
            "fingerprint missing", 401, "UNAUTHORIZED", "Fingerprint is missing"
        )
    if not MIN_FINGERPRINT <= len(fingerprint) <= MAX_FINGERPRINT:
        return Answer.error(
            "fingerprint length", 400, "BAD_REQUEST", "Fingerprint has a wrong length"
        )
    if camera.fingerprint not in (None, fingerprint):
        return Answer.error(
            "fingerprint differs",
            403,
            "FORBIDDEN_INVALID_FINGERPRINT",
            "Fingerprint is not valid",
        )
    return None


def judge_snapshot(request: web.Request, camera: LocalCamera, body: bytes) -> Answer:
    """Judge ``PUT /c/snapshot`` of a known camera and keep the picture."""
    if "Transfer-Encoding" in request.headers:
        return Answer.error(
            "chunked", 413, "PAYLOAD_TOO_LARGE", "Chunked request was too large"
        )
    if not request.content_length:
        return Answer("empty", 400, NGINX_400, "text/html")
    if request.content_length > MAX_BODY_BYTES:
        return Answer.error(
            "too large", 413, "PAYLOAD_TOO_LARGE", "Request was too large"
        )
    if request.headers.get("Content-Type", "").lower() not in IMAGE_TYPES:
        return Answer.error(
            "media type", 400, "BAD_REQUEST", "Not an image of type image/jpg"
        )
    too_soon = camera.accept(body, time.monotonic())
    verdict = "accepted" if camera.printer_online else "hidden"
    return Answer(verdict, 204, too_soon=too_soon)


def judge_info(_request: web.Request, camera: LocalCamera, body: bytes) -> Answer:
    """Judge ``PUT /c/info`` of a known camera and keep what it says."""
    info = _parse_info(body)
    if info is None:
        return Answer.error("info", 400, "BAD_REQUEST", "Request body validation error")
    camera.info = info
    content = json.dumps(camera.response()).encode()
    return Answer("accepted", 200, content, "application/json")


def _parse_info(body: bytes) -> dict[str, Any] | None:
    """The JSON of a ``camera_request``, None when it is not one."""
    try:
        info = json.loads(body)
        config = info["config"]
        name, scheme = config["name"], config.get("trigger_scheme")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    named = isinstance(name, str) and 0 < len(name) <= MAX_NAME
    if not named or scheme not in (None, *TRIGGER_SCHEMES):
        return None
    parsed: dict[str, Any] = info
    return parsed
