# What can be made to go wrong with the virtual Prusa camera.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small vocabulary of faults: of what it sends, and of how it makes its video."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import attrs
from attrs.validators import optional

from moonraker_prusacam.emulator.connect.plan import BaseFault, positive, text

if TYPE_CHECKING:
    from collections.abc import Collection

# What it does that is no event of the protocol.
SNAPSHOT, UPLOAD, RENDER, FRAME = "snapshot", "upload", "render", "frame"


class CameraFaultKind(enum.StrEnum):
    """What goes wrong."""

    LEAVE = "leave"
    LATE = "late"
    NEVER = "never"
    TWICE = "twice"
    OTHER_REQUEST_ID = "other_request_id"
    ENCODER = "encoder"
    STUCK = "stuck"


RENDER_KINDS = frozenset({CameraFaultKind.ENCODER, CameraFaultKind.STUCK})
SENDING_KINDS = frozenset(CameraFaultKind) - RENDER_KINDS


@attrs.frozen(kw_only=True)
class CameraFault(BaseFault):
    """What goes wrong; ValueError or TypeError for nonsense.

    ``event`` is what the camera is about to do: the name of an event that it sends,
    ``snapshot``, ``upload`` (of a video), ``frame`` or ``render``; any if empty.
    """

    kind: CameraFaultKind = attrs.field(converter=CameraFaultKind, kw_only=False)
    event: str = attrs.field(default="", validator=text)
    seconds: float | None = attrs.field(default=None, validator=optional(positive))

    def is_of(self, kinds: Collection[enum.StrEnum], place: str) -> bool:
        """Whether the fault is one of ``kinds``, and for ``place``."""
        return self.kind in kinds and self.event in ("", place)
