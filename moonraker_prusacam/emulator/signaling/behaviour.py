# What of the signalling service's behaviour is in doubt.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches for what nobody knows, or what was seen both ways."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import validators

from moonraker_prusacam.connect.signaling.profiles import PROFILES

from .rules import ACK_OK, ACK_VIEWER_REJECTED

_flag = validators.instance_of(bool)
_code = validators.in_((ACK_OK, ACK_VIEWER_REJECTED))


@attrs.frozen
class Behaviour:
    """How the local signalling service answers; ValueError for what it cannot do."""

    profile: str = attrs.field(
        default="wire", validator=validators.in_(tuple(PROFILES))
    )
    require_origin: bool = attrs.field(default=False, validator=_flag)
    # Token and fingerprint of a camera in each other's place.
    swapped_fields: bool = attrs.field(default=False, validator=_flag)
    # "known": as the rules say. "all": a number where they say receipt. Else none but
    # those of authentications.
    acks: str = attrs.field(
        default="known", validator=validators.in_(("known", "all", "authentication"))
    )
    absent_camera_code: int = attrs.field(default=ACK_OK, validator=_code)
    away_camera_code: int = attrs.field(default=ACK_OK, validator=_code)
    # Whoever sends what nobody asked for is disconnected, whatever it is.
    cycle_unasked: bool = attrs.field(default=False, validator=_flag)
    # A trigger without request_id gets the viewer's sid, and replies go to it alone.
    stamp_request_id: bool = attrs.field(default=False, validator=_flag)

    def changed(self, changes: dict[str, Any]) -> Behaviour:
        """The same with ``changes``; TypeError for a switch that there is not."""
        return attrs.evolve(self, **changes)
