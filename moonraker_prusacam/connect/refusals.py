# What a refusal of Prusa Connect means.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From status and body to an error that says in plain words what to do.

Sources: Prusa's camera OpenAPI 0.22.0 for the statuses; bodies as users of other
clients reported them. Where a body is not known, the status decides.
"""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import attrs

from moonraker_prusacam.errors import (
    ConnectUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    SnapshotTooLarge,
    TokenRejected,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MAX_REASON = 200
MAX_RETRY_AFTER_S = 24 * 3600.0

RENEW = (
    'open the printer in Prusa Connect, choose Camera, "Add new other camera", put '
    "the new token into prusacam.conf, and restart the engine"
)


@attrs.frozen
class Fault:
    """Something that only the user can mend; ``cause`` is a word for it."""

    cause: str
    status: int
    marker: bytes  # what the body contains, in lower case
    words: str


# The first one that fits counts.
FAULTS = (
    Fault(
        "fingerprint",
        403,
        b"fingerprint",
        "Prusa Connect knows this token by another fingerprint: restore the old "
        "fingerprint file (or take it over with 'prusacam connect import'), or "
        + RENEW,
    ),
    Fault(
        "kind",
        400,
        b"fingerprint",
        "this token was made for another kind of camera (a browser's or a phone's), or "
        "it is known by another fingerprint: " + RENEW,
    ),
    Fault(
        "fingerprint",
        401,
        b"fingerprint",
        "Prusa Connect does not accept the fingerprint of this camera: restore the old "
        "fingerprint file, or " + RENEW,
    ),
    Fault(
        "token",
        401,
        b"",
        "Prusa Connect does not know the token: compare it with the one in the web "
        "page, or " + RENEW,
    ),
    Fault(
        "token",
        403,
        b"",
        "Prusa Connect does not accept the token (any more): " + RENEW,
    ),
    Fault(
        "deleted",
        404,
        b"",
        "Prusa Connect has no such camera (any more), perhaps it was deleted there: "
        + RENEW,
    ),
)


@attrs.frozen
class Reply:
    """An answer of Prusa Connect; the body may be cut."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def error_of(
    reply: Reply, redacted: Callable[[str], str], faults: Iterable[Fault] = FAULTS
) -> PrusaConnectError:
    """The error that ``reply`` stands for; ``redacted`` masks what is secret.

    ``faults``: what only the user can mend, a camera's unless others are given.
    """
    status, told = reply.status, told_by(reply, redacted)
    body = reply.body.lower()
    for fault in faults:
        if fault.status == status and fault.marker in body:
            return TokenRejected(
                f"{fault.words} ({told})", status=status, cause=fault.cause
            )
    if status == 413:
        return SnapshotTooLarge(
            f"Prusa Connect finds what was sent too large ({told})", status=status
        )
    if status == 429 or status >= 500:
        what = "asks for fewer requests" if status == 429 else "is busy or out of order"
        return ConnectUnavailable(
            f"Prusa Connect {what}; it is not your fault, and is tried again ({told})",
            status=status,
            retry_after_s=retry_after_s(reply.headers),
        )
    return SnapshotRejected(
        f"Prusa Connect did not take the request ({told})", status=status
    )


def told_by(reply: Reply, redacted: Callable[[str], str]) -> str:
    """Status and words of an answer, masked and in bounds."""
    # Masked before it is cut: half a token is too much as well.
    reason = redacted(_reason(reply.body))[:MAX_REASON].strip()
    return f"HTTP {reply.status}{reason and f', {reason}'}"


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After (RFC 9110: a number or a date), None without one.

    A date is compared with the server's own Date, because a small host's clock may be
    years off.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii():
        return min(float(text), MAX_RETRY_AFTER_S)
    until = _http_date(text)
    if until is None:
        return None
    now = _http_date(headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, min((until - now).total_seconds(), MAX_RETRY_AFTER_S))


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date


def _reason(body: bytes) -> str:
    """What a refusal says in words, on one line; empty when it says nothing."""
    with contextlib.suppress(ValueError, RecursionError):
        error = json.loads(body)
        if isinstance(error, dict):
            words = (error.get(key) for key in ("code", "message", "detail"))
            text = " ".join(word for word in words if isinstance(word, str))
            return one_line(text)
    return ""


def one_line(text: str) -> str:
    """``text`` without what is not printable."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown.strip()
