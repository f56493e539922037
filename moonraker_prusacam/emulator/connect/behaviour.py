# What of Prusa Connect's behaviour is in doubt.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switches for answers of which nobody knows, or which were seen both ways."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import validators

MIN_INTERVAL_S = 10.0
RESEND_AFTER_S = 5.0
CODE_LIFETIME_S = 30 * 60.0  # the official printer SDK gives up then


def _positive(_behaviour: object, _field: object, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{value} is not above 0")


@attrs.frozen
class Behaviour:
    """How the local Prusa Connect answers; ValueError for what it cannot do."""

    unknown_token_status: int = attrs.field(
        default=401, validator=validators.in_((401, 403, 404))
    )
    other_fingerprint_status: int = attrs.field(
        default=403, validator=validators.in_((400, 403))
    )
    accepted_status: int = attrs.field(
        default=204, validator=validators.in_((200, 204))
    )
    # None: taken, and marked in the log.
    too_fast_status: int | None = attrs.field(
        default=None, validator=validators.in_((None, 429))
    )
    # None: a picture is taken and thrown away while the printer is offline.
    offline_status: int | None = attrs.field(
        default=None, validator=validators.in_((None, *range(400, 600)))
    )
    strict_media_type: bool = attrs.field(
        default=True, validator=validators.instance_of(bool)
    )
    min_interval_s: float = attrs.field(
        default=MIN_INTERVAL_S, converter=float, validator=_positive
    )
    # None: taken, and noted in the log.
    inconsistent_status: int | None = attrs.field(
        default=None, validator=validators.in_((None, 503))
    )
    # False: taken, and noted in the log.
    strict_events: bool = attrs.field(
        default=True, validator=validators.instance_of(bool)
    )
    file_ranges: bool = attrs.field(
        default=False, validator=validators.instance_of(bool)
    )
    require_subprotocol: bool = attrs.field(
        default=False, validator=validators.instance_of(bool)
    )
    resend_after_s: float = attrs.field(
        default=RESEND_AFTER_S, converter=float, validator=_positive
    )
    code_lifetime_s: float = attrs.field(
        default=CODE_LIFETIME_S, converter=float, validator=_positive
    )

    def changed(self, changes: dict[str, Any]) -> Behaviour:
        """The same with ``changes``; TypeError for a switch that there is not."""
        return attrs.evolve(self, **changes)
