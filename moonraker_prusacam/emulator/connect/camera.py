# A camera in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prusa Connect knows of one camera."""

from __future__ import annotations

from typing import Any

import attrs

MIN_INTERVAL_S = 10.0
JITTER_S = 0.5  # what the way through the network may take off an interval


@attrs.define(eq=False)
class LocalCamera:
    """A camera as Prusa Connect knows it.

    ``trigger_scheme`` is what the user chose in the web page, None when nothing.
    """

    id: int
    token: str = attrs.field(repr=False)
    printer_online: bool = True
    trigger_scheme: str | None = None
    fingerprint: str | None = attrs.field(default=None, repr=False)
    info: dict[str, Any] = attrs.field(factory=dict)
    last_image: bytes | None = attrs.field(default=None, repr=False)
    accepted: int = 0
    accepted_at_s: float | None = None
    min_gap_s: float | None = None
    in_flight: int = 0

    def accept(self, jpeg: bytes, now_s: float) -> bool:
        """Take a picture that was there at ``now_s``; True if it came too soon.

        Without a printer that is online it is taken and thrown away.
        """
        before_s, self.accepted_at_s = self.accepted_at_s, now_s
        self.accepted += 1
        if self.printer_online:
            self.last_image = jpeg
        if before_s is None:
            return False
        gap_s = now_s - before_s
        self.min_gap_s = gap_s if self.min_gap_s is None else min(gap_s, self.min_gap_s)
        return gap_s < MIN_INTERVAL_S - JITTER_S

    def response(self) -> dict[str, Any]:
        """``camera_response`` of the OpenAPI."""
        config = {"trigger_scheme": "THIRTY_SEC", **self.info.get("config", {})}
        if self.trigger_scheme is not None:
            config["trigger_scheme"] = self.trigger_scheme
        return {
            **self.info,
            "id": self.id,
            "name": config.get("name"),
            "team_id": 1,
            "printer_uuid": "00000000-0000-4000-8000-000000000001",
            "token": self.token,
            "origin": "OTHER",
            "registered": True,
            "sort_order": self.id,
            "config": config,
        }
