# Which MultiCam a device speaks.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Three generations of answers, told apart by what each alone says.

The fourth, a superset that today's controllers and the published interface both read,
is what a camera of ours answers; who meets it takes it for the newest.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from .vocabulary import is_sentence

if TYPE_CHECKING:
    from .fields import Fields

_ONLY_NEWEST: Final = ("batteryLevel", "deviceType", "uploadQueue", "failedUploadQueue")


class Dialect(enum.Enum):
    """A generation of devices."""

    # The first phones: statuses are English sentences, files have a fileId.
    LEGACY = "legacy"
    # The published interface: words, isRecording, fileId.
    V1 = "v1"
    # What ships today: words, uploadQueue, fileName; no isRecording.
    V2 = "v2"


def dialect_of(answer: Fields) -> Dialect | None:
    """The dialect of an answer to DEVICE_STATUS; None if it could be any."""
    if is_sentence(answer.text("status") or ""):
        return Dialect.LEGACY
    if any(key in answer.values for key in _ONLY_NEWEST):
        return Dialect.V2
    if "isRecording" in answer.values:
        return Dialect.V1
    return None
