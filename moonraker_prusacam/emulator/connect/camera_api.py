# The camera's side of the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``PUT /c/snapshot`` and ``PUT /c/info``, judged in the order of ``rules``."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from . import rules
from .account import TRIGGER_SCHEMES
from .answers import (
    EMPTY,
    TOKEN_MISSING,
    Answer,
    invalid_body,
    invalid_fingerprint,
    parse_object,
)
from .camera import Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from .account import Account
    from .camera import LocalCamera

MAX_BODY_BYTES = 16 * 1024 * 1024
MIN_FINGERPRINT, MAX_FINGERPRINT = 16, 64
MAX_NAME = 64
IMAGE_TYPES = ("image/jpg", "image/jpeg")
CODES = {401: "UNAUTHORIZED", 403: "FORBIDDEN", 404: "NOT_FOUND"}


class CameraApi:
    """Judges what cameras send."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def put_snapshot(self, request: web.Request, body: bytes) -> Answer:
        """Judge a picture, and keep it."""
        return self._known(request, body, self._snapshot)

    def put_info(self, request: web.Request, body: bytes) -> Answer:
        """Judge a description, and keep it."""
        return self._known(request, body, self._info)

    def _known(
        self,
        request: web.Request,
        body: bytes,
        judge: Callable[[web.Request, LocalCamera, bytes], Answer],
    ) -> Answer:
        camera = self._account.cameras.get(request.headers.get("Token", ""))
        refusal = self.refuse(request, camera)
        if refusal is not None or camera is None:
            return refusal or TOKEN_MISSING
        answer = judge(request, camera, body)
        if answer.status < 300 and camera.fingerprint is None:
            camera.fingerprint = request.headers["Fingerprint"]
        return answer

    def refuse(self, request: web.Request, camera: LocalCamera | None) -> Answer | None:
        """Why token or fingerprint are not taken, None when they are."""
        behaviour = self._account.behaviour
        if not request.headers.get("Token"):
            return TOKEN_MISSING
        if camera is None:
            status = behaviour.unknown_token_status
            return Answer.error(
                rules.TOKEN_UNKNOWN, status, CODES[status], "Token is not valid"
            )
        if camera.deleted_at is not None:
            return Answer.error(
                rules.CAMERA_DELETED, 404, "NOT_FOUND", "Camera does not exist"
            )
        fingerprint = request.headers.get("Fingerprint")
        if fingerprint is None:
            return Answer.error(
                rules.FINGERPRINT_MISSING,
                401,
                "UNAUTHORIZED",
                "Fingerprint is missing",
            )
        if not MIN_FINGERPRINT <= len(fingerprint) <= MAX_FINGERPRINT:
            return Answer.error(
                rules.FINGERPRINT_LENGTH,
                400,
                "BAD_REQUEST",
                "Fingerprint has a wrong length",
            )
        if camera.fingerprint in (None, fingerprint):
            return None
        if camera.origin is Origin.WEB:
            return invalid_fingerprint(rules.BROWSER_CAMERA, 400)
        return invalid_fingerprint(
            rules.FINGERPRINT_DIFFERS, behaviour.other_fingerprint_status
        )

    def _snapshot(
        self, request: web.Request, camera: LocalCamera, body: bytes
    ) -> Answer:
        refusal = self._refuse_picture(request)
        if refusal is not None:
            return refusal
        behaviour, now_s = self._account.behaviour, time.monotonic()
        too_soon = camera.is_too_soon(now_s, behaviour.min_interval_s)
        if too_soon and behaviour.too_fast_status is not None:
            since_s = now_s - (camera.accepted_at_s or now_s)
            wait_s = math.ceil(behaviour.min_interval_s - since_s)
            return Answer.error(
                rules.TOO_FAST,
                behaviour.too_fast_status,
                "TOO_MANY_REQUESTS",
                "Too many requests",
                headers={"Retry-After": str(wait_s)},
            )
        if not camera.printer_online and behaviour.offline_status is not None:
            return Answer.error(
                rules.OFFLINE_REFUSED,
                behaviour.offline_status,
                "PRINTER_OFFLINE",
                "Printer is offline",
            )
        camera.accept(body, now_s)
        rule = rules.ACCEPTED if camera.printer_online else rules.HIDDEN
        return Answer.by(rule, behaviour.accepted_status, too_soon=too_soon)

    def _refuse_picture(self, request: web.Request) -> Answer | None:
        if "Transfer-Encoding" in request.headers:
            return Answer.error(
                rules.CHUNKED, 413, "PAYLOAD_TOO_LARGE", "Chunked request was too large"
            )
        if not request.content_length:
            return EMPTY
        if request.content_length > MAX_BODY_BYTES:
            return Answer.error(
                rules.TOO_LARGE, 413, "PAYLOAD_TOO_LARGE", "Request was too large"
            )
        media_type = request.headers.get("Content-Type", "").lower()
        if self._account.behaviour.strict_media_type and media_type not in IMAGE_TYPES:
            return Answer.error(
                rules.MEDIA_TYPE, 400, "BAD_REQUEST", "Not an image of type image/jpg"
            )
        return None

    def _info(self, _request: web.Request, camera: LocalCamera, body: bytes) -> Answer:
        info = parse_object(body)
        refusal = refuse_info(info)
        if refusal is not None:
            return refusal
        camera.info = info
        chosen = camera.trigger_scheme
        followed = chosen in (None, info["config"].get("trigger_scheme"))
        rule = rules.ACCEPTED if followed else rules.INFO_SCHEME
        return Answer.of_json(rule, 200, {**camera.response(), "registered": True})


def refuse_info(info: dict[str, Any]) -> Answer | None:
    """Why a ``camera_request`` of the OpenAPI is none, None when it is one."""
    config = info.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(name, str) or not name:
        return invalid_body(rules.INFO)
    scheme = config.get("trigger_scheme")
    if len(name) > MAX_NAME or scheme not in (None, *TRIGGER_SCHEMES):
        return invalid_body(rules.INFO_VALUE)
    return None
