# What the local Prusa Connect was asked.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded log of requests that tests and the demo can judge a client by.

Tokens, fingerprints and codes are in it only masked. Where a client sent one in a place
that is not meant for it, the record says so.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .rule import Evidence

LOGGED_REQUESTS = 1000
SHORTEST_SECRET = 8  # shorter ones would be found by chance
SECRET_HEADERS = ("token", "fingerprint", "code", "cookie", "authorization")
MAX_CONTENT_BYTES = 64 * 1024


def mask(secret: str) -> str:
    """Enough of a secret to tell two apart, too little to use it."""
    return f"{secret[:2]}***" if len(secret) >= SHORTEST_SECRET else "***"


def is_whole_jpeg(body: bytes) -> bool:
    """Whether ``body`` begins and ends like a JPEG."""
    return body.startswith(b"\xff\xd8\xff") and body.endswith(b"\xff\xd9")


def without_own_fingerprint(body: bytes) -> bytes:
    """An INFO without the fingerprint that belongs there; all else as it is."""
    try:
        told = json.loads(body)
        if told["event"] == "INFO":
            del told["data"]["fingerprint"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return body
    return json.dumps(told).encode()


@attrs.frozen
class RequestRecord:
    """One request and what became of it; times are CLOCK_MONOTONIC in seconds.

    ``started_s``: its head was there. ``ended_s``: the answer was decided on, or the
    fault was over. ``content`` is JSON that was sent. ``status`` is what the client was
    told, 0 when nothing. ``verdict`` names the rule that decided what became of the
    request, ``evidence`` how well that is known; ``fault`` is the kind that it met.
    ``printer`` is the uuid of the printer that sent it; what came as a message over its
    WebSocket has the method WS and the path that it would have had. ``notes`` is what
    was taken and should not have been sent.
    """

    started_s: float
    ended_s: float
    method: str
    path: str
    version: str
    headers: Mapping[str, str]
    camera: str | None
    camera_id: int | None
    printer: str | None
    status: int
    verdict: str
    evidence: Evidence | None
    fault: str | None
    too_soon: bool
    size_bytes: int
    sha1: str | None
    whole_jpeg: bool | None
    content: Any
    leaks: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return attrs.asdict(self)


class Redaction:
    """Finds and masks the secrets that one request could give away."""

    def __init__(self, secrets: Iterable[str]) -> None:
        # The longest first: one may be part of another.
        self._secrets = sorted(
            {secret for secret in secrets if len(secret) >= SHORTEST_SECRET},
            key=len,
            reverse=True,
        )

    def text(self, text: str) -> str:
        """``text`` with every secret masked."""
        for secret in self._secrets:
            text = text.replace(secret, mask(secret))
        return text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Lower-cased headers with every secret masked."""
        return {
            name.lower(): mask(value)
            if name.lower() in SECRET_HEADERS
            else self.text(value)
            for name, value in headers.items()
        }

    def content(self, body: bytes) -> Any:
        """The JSON in a body with every secret masked, None when it holds none."""
        if not 0 < len(body) <= MAX_CONTENT_BYTES:
            return None
        try:
            return json.loads(self.text(body.decode()))
        except (ValueError, RecursionError):
            return None

    def leaks(
        self,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        meant_for: Collection[str] = (),
        *,
        is_strange: bool = False,
    ) -> tuple[str, ...]:
        """Where a secret is that should be in its own header only.

        ``meant_for`` names the places where this request has to have one;
        ``is_strange``: no header is, since the server is another one.
        """
        places = {"path": _encoded(path), "body": body}
        for name, value in headers.items():
            if is_strange or name.lower() not in SECRET_HEADERS:
                places[f"header {name.lower()}"] = _encoded(value)
        return tuple(
            place
            for place, content in places.items()
            if place not in meant_for
            and any(_encoded(secret) in content for secret in self._secrets)
        )


class RequestLog:
    """The newest ``LOGGED_REQUESTS`` records."""

    def __init__(self) -> None:
        self._records: deque[RequestRecord] = deque(maxlen=LOGGED_REQUESTS)

    @property
    def records(self) -> list[RequestRecord]:
        """The records, oldest first."""
        return list(self._records)

    def add(self, record: RequestRecord) -> None:
        """Append a record; the oldest goes when there are too many."""
        self._records.append(record)


def _encoded(text: str) -> bytes:
    """The bytes that aiohttp made ``text`` from."""
    return text.encode(errors="surrogateescape")


def sha1_of(body: bytes) -> str | None:
    """SHA-1 of a body for comparison, None of an empty one."""
    return hashlib.sha1(body, usedforsecurity=False).hexdigest() if body else None
