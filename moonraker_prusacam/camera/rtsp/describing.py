# Finds out what a camera has to show.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first two requests to a camera, and what its refusals mean."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from moonraker_prusacam.errors import (
    SourceError,
    SourceRefused,
    SourceUnavailable,
    SourceUnfit,
)

from .sdp import DescriptionError, Track, video_track

if TYPE_CHECKING:
    from collections.abc import Callable

    from .client import RtspClient
    from .message import Response

MOST_REDIRECTS = 3
REDIRECTS = (301, 302, 303, 307)
PATH_ADVICE = (
    "compare the path in 'source' with the camera's manual: /stream1 (Tapo), "
    "/h264Preview_01_sub (Reolink), /live (Prusa Buddy3D, by hearsay)"
)
BUSY_ADVICE = "close other viewers of the camera, or restart it"
DESCRIBE = (("Accept", "application/sdp"),)


@attrs.frozen
class Description:
    """What a camera can do (``Public``), and its video."""

    public: str
    track: Track


async def describe(
    client: RtspClient, url: str, on_reached: Callable[[], object]
) -> Description:
    """Ask the camera at ``url``; raises SourceError.

    ``on_reached`` is called when it has answered anything at all.
    """
    options = await client.request("OPTIONS", url)
    on_reached()
    for _ in range(MOST_REDIRECTS + 1):
        response = await client.request("DESCRIBE", url, DESCRIBE)
        if response.status not in REDIRECTS:
            break
        url = _redirected(client.where, url, response)
    else:
        raise SourceUnavailable(
            f"{client.where} redirects in a circle", advice=PATH_ADVICE
        )
    if response.status != 200:
        raise refusal(client.where, "DESCRIBE", response)
    names = ("Content-Base", "Content-Location")
    bases = map(response.headers.get, names)
    base = next((given for given in bases if "://" in given), url)
    try:
        track = video_track(response.body, base)
    except DescriptionError as error:
        raise SourceUnfit(
            f"{client.where} offers {error}", advice=PATH_ADVICE
        ) from error
    return Description(options.headers.get("Public"), track)


def refusal(where: str, method: str, response: Response) -> SourceError:
    """What an answer that is no success means."""
    status = response.status
    if status == 403:
        return SourceRefused(
            f"{where} forbids this stream to this user (403)",
            advice="let the camera's settings allow it, or take another user",
        )
    if status in (400, 404, 410, 454, 455):
        return SourceUnavailable(
            f"{where} has no stream at that path ({status})", advice=PATH_ADVICE
        )
    if status in (453, 503):
        return SourceUnavailable(
            f"{where} serves nobody else at the moment ({status})", advice=BUSY_ADVICE
        )
    if status == 461:
        return SourceUnfit(
            f"{where} does not send over TCP (461)",
            advice="look in the camera's settings for RTP over RTSP, or over TCP",
        )
    if status >= 500:
        return SourceUnavailable(
            f"{where} failed at {method} ({status})", advice="restart the camera"
        )
    return SourceUnavailable(
        f"{where} answered {method} with status {status}", advice=PATH_ADVICE
    )


def _redirected(where: str, url: str, response: Response) -> str:
    """Where to ask instead; raises SourceUnavailable if that is another place."""
    try:
        asked, told = urlsplit(url), urlsplit(response.headers.get("Location"))
        is_same = (told.hostname, told.port) == (asked.hostname, asked.port)
        place = f"{told.hostname}, port {told.port or 'as usual'}"
    except ValueError:
        raise SourceUnavailable(
            f"{where} redirects to what is no URL", advice=PATH_ADVICE
        ) from None
    if not is_same:
        raise SourceUnavailable(
            f"{where} redirects to {place}",
            advice="write into 'source' what the camera redirects to",
        )
    query = f"?{told.query}" if told.query else ""
    return f"{asked.scheme}://{asked.netloc}{told.path or '/'}{query}"
