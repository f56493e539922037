# TLS certificates of every quality.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An authority of our own, servers' certificates made by it, and how to trust it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import aiohttp.connector
import trustme

if TYPE_CHECKING:
    import pytest

HOST = "127.0.0.1"
OTHER_HOST = "other.example"
GOOD, EXPIRED, WRONG_HOST, UNKNOWN_AUTHORITY = (
    "good",
    "expired",
    "wrong host",
    "unknown authority",
)
FAULTY = (EXPIRED, WRONG_HOST, UNKNOWN_AUTHORITY)


@cache  # keys cost time
def _authority(_name: str) -> trustme.CA:
    return trustme.CA()


@cache
def server_context(quality: str, *hosts: str) -> ssl.SSLContext:
    """What a server for ``hosts`` (127.0.0.1 if none is given) shows."""
    identities = hosts or (HOST,)
    authority = _authority("ours")
    expires = None
    if quality == EXPIRED:
        expires = datetime.now(UTC) - timedelta(days=1)
    elif quality == WRONG_HOST:
        identities = (OTHER_HOST,)
    elif quality == UNKNOWN_AUTHORITY:
        authority = _authority("unknown")
    else:
        assert quality == GOOD
    certificate = authority.issue_cert(*identities, not_after=expires)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    """A context that trusts our authority, and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _authority("ours").configure_trust(context)
    return context


def trust_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let aiohttp's clients trust our authority as a host trusts its own list.

    aiohttp makes its context on import, so SSL_CERT_FILE would come too late.
    """
    monkeypatch.setattr(
        aiohttp.connector, "_SSL_CONTEXT_VERIFIED", client_context(), raising=True
    )
