# A camera in the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prusa Connect knows of one camera."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from .printer import LocalPrinter

JITTER = 0.05  # the part of an interval that the way through the network may take off
DEFAULT_SCHEME = "THIRTY_SEC"


class Origin(enum.StrEnum):
    """How a camera came to be; never changes (OpenAPI)."""

    LINK = "LINK"
    WEB = "WEB"
    OTHER = "OTHER"


@attrs.define(eq=False)
class LocalCamera:
    """A camera as Prusa Connect knows it.

    ``trigger_scheme`` is what the user chose in the web page, None when nothing.
    """

    id: int
    token: str = attrs.field(repr=False)
    printer: LocalPrinter
    origin: Origin = Origin.OTHER
    trigger_scheme: str | None = None
    fingerprint: str | None = attrs.field(default=None, repr=False)
    info: dict[str, Any] = attrs.field(factory=dict)
    deleted_at: float | None = None
    last_image: bytes | None = attrs.field(default=None, repr=False)
    triggered: int = 0
    accepted: int = 0
    accepted_at_s: float | None = None
    min_gap_s: float | None = None
    in_flight: int = 0
    videos: dict[str, bytes] = attrs.field(factory=dict, repr=False)

    @property
    def printer_online(self) -> bool:
        """Whether the camera's printer is online; pictures show only then."""
        return self.printer.online

    @printer_online.setter
    def printer_online(self, online: bool) -> None:
        self.printer.online = online

    def is_too_soon(self, now_s: float, min_interval_s: float) -> bool:
        """Whether a picture at ``now_s`` follows the last one too closely."""
        if self.accepted_at_s is None:
            return False
        return now_s - self.accepted_at_s < min_interval_s * (1 - JITTER)

    def accept(self, jpeg: bytes, now_s: float) -> None:
        """Take a picture that was there at ``now_s``.

        Without a printer that is online it is taken and thrown away.
        """
        before_s, self.accepted_at_s = self.accepted_at_s, now_s
        self.accepted += 1
        if self.printer.online:
            self.last_image = jpeg
        if before_s is not None:
            gap_s = now_s - before_s
            self.min_gap_s = min(gap_s, self.min_gap_s or gap_s)

    def response(self) -> dict[str, Any]:
        """``camera_response`` of the OpenAPI."""
        config = {"trigger_scheme": DEFAULT_SCHEME, **self.info.get("config", {})}
        if self.trigger_scheme is not None:
            config["trigger_scheme"] = self.trigger_scheme
        record = {
            **self.info,
            "id": self.id,
            "name": config.get("name"),
            "team_id": 1,
            "printer_uuid": self.printer.uuid,
            "token": self.token,
            "origin": self.origin.value,
            "registered": self.fingerprint is not None,
            "deleted": self.deleted_at,
            "sort_order": self.id,
            "config": config,
        }
        return {name: value for name, value in record.items() if value is not None}
