# What the virtual Prusa camera uploads.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures by the camera API of Prusa Connect, and videos by a request of our own.

Nobody knows how a camera sends its videos, or whether it does.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
from yarl import URL

if TYPE_CHECKING:
    from moonraker_prusacam.secret import Secret

log = logging.getLogger(__name__)

UPLOAD_TIMEOUT_S = 30.0


class Uplink:
    """Requests with a camera's token and fingerprint."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        server: str,
        token: Secret,
        fingerprint: str,
    ) -> None:
        self._http = http
        self._server = server
        self._token = token
        self._fingerprint = fingerprint

    async def send_snapshot(self, jpeg: bytes) -> bool:
        """Whether a picture was accepted."""
        return await self._put("/c/snapshot", jpeg, "image/jpg")

    async def send_video(self, job_name: str, video: bytes) -> bool:
        """Whether a video was accepted."""
        place = f"{quote(self._token.reveal())}/{quote(job_name, safe='')}.mp4"
        return await self._put(f"/c/timelapse/{place}", video, "video/mp4")

    async def _put(self, path: str, body: bytes, media_type: str) -> bool:
        headers = {
            "Token": self._token.reveal(),
            "Fingerprint": self._fingerprint,
            "Content-Type": media_type,
        }
        try:
            async with self._http.put(
                URL(self._server + path, encoded=True),
                data=body,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=UPLOAD_TIMEOUT_S),
            ) as answer:
                return answer.ok
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.debug("An upload came to nothing: %s", error)
            return False
