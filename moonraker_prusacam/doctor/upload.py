# One real upload.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a snapshot to Prusa Connect, and tells what the answer asks of the user."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.errors import (
    ConfigError,
    ConnectUnavailable,
    FrameUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    SnapshotUnfit,
    TokenRejected,
)

from .finding import Finding, State
from .network import duration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

ACCEPTED = (
    "accepted by Prusa Connect; while the printer is offline there, it shows no picture"
)
BY_STATUS = {
    413: "let the camera's feed send smaller pictures",
    429: (
        "something else uploads with the same token, or did a moment ago: stop the "
        "old uploader, and wait a minute"
    ),
}
UNFIT = (
    "look at the camera's picture; where it does not move, start the camera's feed anew"
)
NOT_REACHED = "see dns, tls and clock; the engine tries again by itself"
OUT_OF_ORDER = "wait; the engine tries again by itself"
REFUSED = (
    "look at 'server' in prusacam.conf, and for a newer prusacam; the answer says what "
    "Prusa Connect did not like"
)


async def examine_upload(
    camera: str, upload: Callable[[], Awaitable[None]]
) -> Sequence[Finding]:
    """Upload once; what it raises becomes the finding."""

    def finding(state: State, found: str, remedy: str | None = None) -> list[Finding]:
        return [Finding("upload", state, found, remedy, camera)]

    try:
        await upload()
    except FrameUnavailable:
        return finding(State.SKIPPED, "there is no picture to send (see camera)")
    except SnapshotUnfit as error:
        return finding(State.WARNING, str(error), UNFIT)
    except ConfigError as error:
        return finding(State.SKIPPED, f"{error} (see fingerprint)")
    except PrusaConnectError as error:
        return finding(State.FAILED, *explain(error))
    return finding(State.OK, ACCEPTED)


async def tell_uploads(camera: str, status: Mapping[str, Any]) -> Sequence[Finding]:
    """What the engine's own uploads came to; ``status`` is the uploader's."""
    last, error = status["last_accepted"], status["error"]
    if error:
        remedy = "as it says; without --dry-run the doctor tries it now"
        found = f"the last upload failed: {error}"
        return [Finding("upload", State.FAILED, found, remedy, camera)]
    if last is None:
        return [Finding("upload", State.SKIPPED, "none yet (dry run)", None, camera)]
    ago = duration(max(0.0, time.time() - last))
    found = f"{status['accepted']} accepted, the last one {ago} ago"
    return [Finding("upload", State.OK, found, None, camera)]


def explain(error: PrusaConnectError) -> tuple[str, str]:
    """What Prusa Connect, or the way to it, said, and what helps against that."""
    text = str(error)
    if isinstance(error, TokenRejected):
        # These carry their remedy: "REASON: REMEDY (ANSWER)".
        reason, _, remedy = text.partition(": ")
        remedy, _, answer = remedy.rpartition(" (")
        return (f"{reason} ({answer}", remedy) if remedy else (text, REFUSED)
    if error.status in BY_STATUS:
        return text, BY_STATUS[error.status]
    if isinstance(error, SnapshotRejected) and error.status is None:
        return text, "as it says: nothing was sent"
    if isinstance(error, ConnectUnavailable):
        return text, NOT_REACHED if error.status is None else OUT_OF_ORDER
    return text, REFUSED
