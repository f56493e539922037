# What Prusa Connect answers to who wants a video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the head of an answer: whether a video comes, and if not, why.

Whatever is no video is told in words, with what helps. Nobody has seen Prusa Connect
give a video, so all of this goes by the standard, and by how it refuses snapshots.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moonraker_prusacam.connect.refusals import Reply, retry_after_s, told_by
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    PrusaConnectError,
    TokenRejected,
    VideoNotThere,
    VideoRejected,
)

from .access import ACCOUNT, CAMERA

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REMEDIES = {
    CAMERA: "compare 'token' and 'fingerprint' in prusacam.conf with those of the "
    "camera, or give a 'jwt_file'",
    ACCOUNT: "the token in jwt_file has expired, or is of another account: log in and "
    "store the new one",
}
PAGES = ("text/html", "application/xhtml+xml", "application/json", "text/plain")


def expect_video(headers: Mapping[str, str], host: str) -> None:
    """Raise VideoRejected for what is packed, or no video."""
    coding = headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("identity", ""):
        raise VideoRejected(
            f"{host} sends the video packed ({_short(coding)}), though it was asked "
            "for as it is; a proxy on the way may do that"
        )
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in PAGES:
        what = "a web page" if "html" in kind else _short(kind)
        raise VideoRejected(
            f"{host} sends {what} instead of a video: the video is not there yet, or "
            "'download_url' is not right"
        )
    if kind == "multipart/byteranges":
        raise VideoRejected(f"{host} sends several parts, where one was asked for")


def refusal_of(
    reply: Reply, login: str, redacted: Callable[[str], str]
) -> PrusaConnectError:
    """The error that an answer without a video stands for; ``login`` is how we did."""
    status, told = reply.status, told_by(reply, redacted)
    if status == 404:
        return VideoNotThere(
            f"Prusa Connect has no video of that name, or not yet ({told})",
            status=status,
        )
    if status in (401, 403):
        return TokenRejected(
            f"Prusa Connect does not give the video to this {login}: "
            f"{REMEDIES[login]} ({told})",
            status=status,
            cause=login,
        )
    if status == 429 or status >= 500:
        what = "asks for fewer requests" if status == 429 else "is busy or out of order"
        return ConnectUnavailable(
            f"Prusa Connect {what}; the video is asked for again ({told})",
            status=status,
            retry_after_s=retry_after_s(reply.headers),
        )
    gone = "has the video no longer" if status == 410 else "does not give the video"
    return VideoRejected(f"Prusa Connect {gone} ({told})", status=status)


def _short(text: str) -> str:
    return "".join(letter for letter in text[:40] if letter.isprintable())
