# A Prusa camera with its service, and who looks at it.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of both ends of the Prusa camera protocol begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moonraker_prusacam.connect.signaling import camera_role
from moonraker_prusacam.connect.signaling import session as session_module
from moonraker_prusacam.connect.signaling.viewer import Viewer, ViewerOptions
from moonraker_prusacam.emulator.signaling.stand import PrusaCameraStand
from moonraker_prusacam.secret import Secret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest


def begin_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fixture: sessions that are lost are made again soon, and asked freely."""
    monkeypatch.setattr(session_module, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(session_module, "LAST_DELAY_S", 0.1)
    monkeypatch.setattr(session_module, "FIRST_REFUSED_S", 0.2)
    monkeypatch.setattr(camera_role, "BURST", 1000.0)


async def stand(profile: str) -> AsyncIterator[PrusaCameraStand]:
    """A fixture: a Prusa camera and its service, which speak ``profile``."""
    async with PrusaCameraStand(profile=profile, speed=100.0) as running:
        yield running


def viewer_at(stand: PrusaCameraStand, profile: str, **more: Any) -> Viewer:
    """A viewer of that camera."""
    return Viewer(
        ViewerOptions(
            name="x",
            camera_token=Secret(more.pop("token", stand.token)),
            jwt=Secret(stand.jwt),
            url=stand.url,
            profile=profile,
            **more,
        )
    )
