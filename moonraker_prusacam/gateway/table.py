# The table of what passes, for people.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/gateway.md and ``prusacam gateway --table`` show, made from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .methods import METHODS
from .notices import DROPPED, NOTICES
from .refusals import REFUSED
from .routes import SHOWN_FILES

if TYPE_CHECKING:
    from collections.abc import Iterator


def markdown() -> str:
    """All calls and notifications, allowed and refused."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "### Calls that pass"
    yield ""
    yield "| Method | GET | What it is good for |"
    yield "|---|---|---|"
    for name, method in METHODS.items():
        path = f"`{method.path}`" if method.path else "-"
        yield f"| `{name}` | {path} | {method.purpose} |"
    yield ""
    yield "### Files that are shown"
    yield ""
    yield "| GET | Names that end in |"
    yield "|---|---|"
    for root, endings in SHOWN_FILES.items():
        yield f"| `/server/files/{root}/…` | {', '.join(f'`{e}`' for e in endings)} |"
    yield ""
    yield "### Calls that are refused"
    yield ""
    yield "| Reason | Methods |"
    yield "|---|---|"
    for reason, methods in REFUSED.items():
        yield f"| {reason} | {', '.join(f'`{name}`' for name in sorted(methods))} |"
    yield "| nobody has looked at it | any other |"
    yield ""
    yield "### Notifications that pass"
    yield ""
    yield "| Notification | What it tells of |"
    yield "|---|---|"
    for name, notice in NOTICES.items():
        yield f"| `{name}` | {notice.purpose} |"
    yield ""
    yield "### Notifications that are dropped"
    yield ""
    yield "| Notification | Why |"
    yield "|---|---|"
    for name, reason in DROPPED.items():
        yield f"| `{name}` | {reason} |"
    yield "| any other | nobody has looked at it |"
