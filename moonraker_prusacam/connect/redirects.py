# Redirections of Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A redirection is followed to https of the same host only.

The secrets in a request's headers and addresses go nowhere else, whoever asks for it.
"""

from __future__ import annotations

import contextlib

from yarl import URL

MAX_REDIRECTS = 2
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def followed(url: URL, location: str) -> URL | None:
    """Where an answer to ``url`` points to; None where we do not go."""
    with contextlib.suppress(ValueError):
        target = url.join(URL(location))
        if location and target.scheme == "https" and target.host == url.host:
            return target
    return None


def place(location: str) -> str:
    """`` (scheme://host)`` of a Location, without its path, which may hold anything."""
    try:
        url = URL(location)
        return f" ({url.origin()})" if url.absolute else ""
    except ValueError:
        return ""
