# Parts of a file.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers a request for a file, or for one range of it (RFC 9110, 14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .answers import Answer
from .request_log import sha1_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import web

    from .rule import Rule

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def whole_or_part(
    request: web.Request,
    content: bytes,
    media_type: str,
    rule: Rule,
    out_of_range: Rule,
    more_headers: Mapping[str, str] | None = None,
) -> Answer:
    """200 and all of it, 206 and the range that was asked for, or 416."""
    headers = {
        "ETag": f'"{sha1_of(content)}"',
        "Accept-Ranges": "bytes",
        **(more_headers or {}),
    }
    wanted = RANGE.fullmatch(request.headers.get("Range", ""))
    unchanged = request.headers.get("If-Range", headers["ETag"]) == headers["ETag"]
    # What is no single range is answered as if it were not there (RFC 9110, 14.2).
    if wanted is None or not unchanged or not any(wanted.groups()):
        return Answer.by(rule, 200, content, media_type, headers=headers)
    first, last = _span(*wanted.groups(), size_bytes=len(content))
    if first > last:
        headers["Content-Range"] = f"bytes */{len(content)}"
        return Answer.by(out_of_range, 416, headers=headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    part = content[first : last + 1]
    return Answer.by(rule, 206, part, media_type, headers=headers)


def _span(first: str, last: str, *, size_bytes: int) -> tuple[int, int]:
    """The first and last octet of a range; what is not there has first > last."""
    if not first:
        return max(0, size_bytes - int(last)), size_bytes - 1
    end = min(int(last), size_bytes - 1) if last else size_bytes - 1
    return int(first), end
