# One attempt to get a video from Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished video by ``connect/download``, with each login that there is.

The address is a guess, made from a template of the configuration. It holds the camera's
token, so no error, log or status shows it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.connect.download import RangedDownload
from moonraker_prusacam.connect.redirects import MAX_REDIRECTS, followed, place
from moonraker_prusacam.errors import (
    TokenRejected,
    VideoDamaged,
    VideoRejected,
    VideoTooLarge,
)
from moonraker_prusacam.mp4 import check_whole, told_by_head

from .answers import expect_video, refusal_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from moonraker_prusacam.connect.download import Listener, PartFile
    from moonraker_prusacam.connect.refusals import Reply
    from moonraker_prusacam.errors import PrusaConnectError

    from .access import Access, Login

MB = 1 << 20


class VideoDownload:
    """Gets the videos of one camera; raises nothing that shows a secret."""

    def __init__(self, access: Access, max_bytes: int) -> None:
        self._access = access
        self._max_bytes = max_bytes
        self._download = RangedDownload()

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._download.aclose()

    async def fetch(self, job_name: str, part: PartFile, told: Listener) -> None:
        """Make ``part`` a whole MP4; what came before an error is kept in it.

        Raises PrusaConnectError by what Prusa Connect said, VideoDamaged for octets
        that are no MP4 (then none are kept), and DiskRefused.
        """
        url = self._access.url(job_name)
        refusals: list[TokenRejected] = []
        for login in await self._access.logins():
            try:
                video = _Video(login, self._max_bytes)
                await self._download.fetch(url, video, part, told)
                break
            except TokenRejected as error:
                refusals.append(error)
        else:
            raise refusals[0]
        await asyncio.to_thread(part.finish)
        try:
            await asyncio.to_thread(check_whole, part.path)
        except VideoDamaged:
            await asyncio.to_thread(part.discard)
            raise


class _Video:
    """A video as something that is wanted; see ``Wanted``."""

    noun = "video"
    sender = "Prusa Connect"
    max_redirects = MAX_REDIRECTS

    def __init__(self, login: Login, max_bytes: int) -> None:
        self._login = login
        self._max_bytes = max_bytes

    def headers(self, url: URL) -> Mapping[str, str]:  # noqa: ARG002
        return self._login.headers

    def redirected(self, url: URL, location: str, status: int) -> URL:
        if (target := followed(url, location)) is not None:
            return target
        raise VideoRejected(
            f"{url.host} has moved the video to another address"
            f"{self.redacted(place(location))}, which gets no token of ours; see "
            f"'download_url' and 'server' in prusacam.conf (HTTP {status})",
            status=status,
        )

    def expect(self, headers: Mapping[str, str], host: str) -> None:
        expect_video(headers, host)

    def fault_of(self, block: bytes) -> str:
        return told_by_head(block)

    def require_size(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise VideoTooLarge(
                f"the video has more than {self._max_bytes // MB} MB; if that is "
                "right, raise max_download_mb"
            )

    def refusal_of(self, reply: Reply) -> PrusaConnectError:
        return refusal_of(reply, self._login.name, self.redacted)

    def rejected(self, message: str) -> PrusaConnectError:
        return VideoRejected(message)

    def redacted(self, text: str) -> str:
        return self._login.redacted(text)
