# What Prusa Connect answers to who wants a video.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the head of an answer (RFC 9110): which octets come, and of which video.

Whatever is no video is told in words, with what helps. Nobody has seen Prusa Connect
give a video, so all of this goes by the standard, and by how it refuses snapshots.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import attrs

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

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
STRONG_AFTER_S = 1.0
REMEDIES = {
    CAMERA: "compare 'token' and 'fingerprint' in prusacam.conf with those of the "
    "camera, or give a 'jwt_file'",
    ACCOUNT: "the token in jwt_file has expired, or is of another account: log in and "
    "store the new one",
}
PAGES = ("text/html", "application/xhtml+xml", "application/json", "text/plain")


@attrs.frozen
class Span:
    """The octets ``first`` to ``last`` come, of ``total`` or nobody knows how many."""

    first: int
    last: int
    total: int | None


def span_of(headers: Mapping[str, str]) -> Span | None:
    """What Content-Range says; None where it makes no sense."""
    match = CONTENT_RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    total = None if match[3] == "*" else int(match[3])
    if last < first or (total is not None and last >= total):
        return None
    return Span(first, last, total)


def validator_of(headers: Mapping[str, str]) -> str:
    """What If-Range may name: the strong ETag, else a date that is strong; else ""."""
    etag = headers.get("ETag", "").strip()
    if etag.startswith('"') and etag.endswith('"') and len(etag) > 1:
        return etag
    modified = headers.get("Last-Modified", "").strip()
    changed, told = _date(modified), _date(headers.get("Date", ""))
    if changed is None or told is None:
        return ""
    # Two versions of one second have the same date (RFC 9110, 8.8.2.2).
    return modified if (told - changed).total_seconds() >= STRONG_AFTER_S else ""


def is_other(validator: str, headers: Mapping[str, str]) -> bool:
    """Whether a part says that it is of another video than that of ``validator``."""
    name = "ETag" if validator.startswith('"') else "Last-Modified"
    told = headers.get(name, "").strip()
    return bool(told) and told != validator


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


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def _short(text: str) -> str:
    return "".join(letter for letter in text[:40] if letter.isprintable())
