# The doctor on a whole host.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real Moonraker, the engine as a process, and the same findings by both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.emulator.stand import Stand

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.moonraker, pytest.mark.timeout(150)]


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {finding["name"]: finding["state"] for finding in answer["findings"]}


async def test_doctor_when_the_host_is_healthy_then_moonraker_and_engine_agree(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder: Path = tmp_path_factory.mktemp("s")
    async with Stand(folder) as stand:
        answer = await stand.moonraker.request(
            "GET", "/server/prusacam/doctor", dry_run="true"
        )
        asked = await stand.call_engine("engine.doctor", dry_run=True)
    told = states(answer)
    assert told.pop("klipper") in ("ok", "warning")  # it may still be starting
    assert told == states(asked)
    assert "failed" not in told.values()
    (moonraker,) = (f for f in asked["findings"] if f["name"] == "moonraker")
    assert moonraker["state"] == "ok"
    assert moonraker["found"].startswith("connected, version ")
    assert stand.token not in str(answer)
