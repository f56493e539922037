# Tests of a viewer's commands.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each command sends, octet by octet, and what is not sent at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect.signaling.messages import (
    CameraMode,
    Configuration,
    Direction,
    Switch,
    VideoQuality,
)
from moonraker_prusacam.errors import (
    MessageUnsupported,
    SignalingOptionError,
)
from moonraker_prusacam.secret import Secret
from tests.support import watched_viewer
from tests.support.scripted_signaling import SID
from tests.support.watched_viewer import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from moonraker_prusacam.connect.signaling.viewer import Viewer
    from tests.support.scripted_signaling import SignalingServer

ON, OFF = Switch.ON, Switch.OFF
TOKEN_HEX = "14" + TOKEN.encode().hex()
SID_HEX = f"{len(SID):02x}" + SID.encode().hex()


begin_again_soon = pytest.fixture(autouse=True)(watched_viewer.begin_again_soon)
profile = pytest.fixture(params=watched_viewer.PROFILES)(watched_viewer.profile)
server = pytest.fixture(watched_viewer.server_of)
viewer = pytest.fixture(watched_viewer.ready)
wire_only = pytest.mark.parametrize("profile", ["wire"], indirect=True)
seed_only = pytest.mark.parametrize("profile", ["seed"], indirect=True)


TRIGGERS: dict[str, tuple[Callable[[Viewer], Coroutine[Any, Any, None]], str]] = {
    "take_snapshot": (lambda v: v.take_snapshot(), "1801"),
    "enable_snapshots": (lambda v: v.enable_snapshots(True), "2001"),
    "disable_snapshots": (lambda v: v.enable_snapshots(False), "2002"),
    "enable_timelapse": (lambda v: v.enable_timelapse(True), "2801"),
    "disable_timelapse": (lambda v: v.enable_timelapse(False), "2802"),
    "make_video": (lambda v: v.make_video(), "7001"),
    "rtsp on": (lambda v: v.set_rtsp_server(True), "5001"),
    "rtsp off": (lambda v: v.set_rtsp_server(False), "5002"),
    "reboot": (lambda v: v.reboot(confirmed=True), "4801"),
    "update": (lambda v: v.update_firmware(confirmed=True), "4001"),
}


@pytest.mark.parametrize("name", TRIGGERS)
async def test_trigger_when_sent_then_it_is_one_field_of_that_number(
    server: SignalingServer, viewer: Viewer, name: str
) -> None:
    call, field = TRIGGERS[name]
    await call(viewer)
    octets = (await server.event("trigger")).octets.hex()
    address = f"5a{TOKEN_HEX}6a{SID_HEX}"
    # Fields go in the order of their numbers: 14 is behind 11 and 13.
    expected = address + field if name == "make_video" else field + address
    assert octets == expected


BOTH: dict[str, tuple[Callable[[Viewer], Coroutine[Any, Any, None]], Configuration]] = {
    "rotate": (
        lambda v: v.rotate(Direction.UP, 30),
        Configuration(direction=Direction.UP, angle=30),
    ),
    "light on": (lambda v: v.set_light(True), Configuration(light=ON)),
    "light off": (lambda v: v.set_light(False), Configuration(light=OFF)),
    "mode": (
        lambda v: v.set_mode(CameraMode.NIGHT),
        Configuration(mode=CameraMode.NIGHT),
    ),
    "interval": (
        lambda v: v.set_snapshot_interval(30),
        Configuration(snapshot_interval_s=30),
    ),
    "job": (lambda v: v.set_job_name("cube"), Configuration(job_name="cube")),
    "volume": (lambda v: v.set_volume(50), Configuration(volume=50)),
    "brightness": (lambda v: v.set_brightness(7), Configuration(brightness=7)),
    "saturation": (lambda v: v.set_saturation(7), Configuration(saturation=7)),
}
WIRE = {
    "timelapse interval": (
        lambda v: v.set_timelapse_interval(20),
        Configuration(timelapse_interval_s=20),
    ),
    "fps": (lambda v: v.set_timelapse_fps(15), Configuration(timelapse_fps=15)),
    "quality": (
        lambda v: v.set_quality(VideoQuality.FHD),
        Configuration(quality=VideoQuality.FHD),
    ),
}
SEED = {
    "exposure": (lambda v: v.set_exposure(9), Configuration(exposure=9)),
    "contrast": (lambda v: v.set_contrast(-9), Configuration(contrast=-9)),
    "brightness < 0": (lambda v: v.set_brightness(-7), Configuration(brightness=-7)),
}
CONTROLS: dict[
    str, tuple[Callable[[Viewer], Coroutine[Any, Any, None]], Configuration]
] = {
    **BOTH,
    **WIRE,
    **SEED,
}


@pytest.mark.parametrize("name", CONTROLS)
async def test_control_when_set_then_it_is_sent_or_the_profile_lacks_it(
    server: SignalingServer, viewer: Viewer, name: str
) -> None:
    call, expected = CONTROLS[name]
    has_it = name in BOTH or name in {"wire": WIRE, "seed": SEED}[server.codec.profile]
    if not has_it:
        with pytest.raises((MessageUnsupported, SignalingOptionError)):
            await call(viewer)
        return
    await call(viewer)
    sent = await server.event("configuration")
    said = server.codec.decode(Configuration, sent.octets)
    assert said.camera_token == Secret(TOKEN)
    assert said.request_id == SID
    assert server.codec.encode(expected) in sent.octets


REFUSED: dict[str, Callable[[Viewer], Coroutine[Any, Any, None]]] = {
    "interval": lambda v: v.set_snapshot_interval(9),
    "volume": lambda v: v.set_volume(101),
    "angle": lambda v: v.rotate(Direction.UP, 0),
    "direction": lambda v: v.rotate("UP", 5),  # type: ignore[arg-type]
    "mode": lambda v: v.set_mode(2),  # type: ignore[arg-type]
    "quality": lambda v: v.set_quality("HD"),  # type: ignore[arg-type]
    "job": lambda v: v.set_job_name(""),
    "light": lambda v: v.set_light(1),  # type: ignore[arg-type]
    "reboot": lambda v: v.reboot(confirmed=False),
    "update": lambda v: v.update_firmware(confirmed="y"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", REFUSED)
async def test_control_when_it_makes_no_sense_then_nothing_is_sent(
    server: SignalingServer, viewer: Viewer, name: str
) -> None:
    with pytest.raises(SignalingOptionError):
        await REFUSED[name](viewer)
    await viewer.take_snapshot()
    await server.event("trigger")
    assert len(server.peers[0].sent) == 2
