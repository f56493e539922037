# Which part of which file an answer brings.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content-Range and the validators of If-Range (RFC 9110)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
STRONG_AFTER_S = 1.0


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
    """Whether a part says that it is of another file than that of ``validator``."""
    name = "ETag" if validator.startswith('"') else "Last-Modified"
    told = headers.get(name, "").strip()
    return bool(told) and told != validator


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
