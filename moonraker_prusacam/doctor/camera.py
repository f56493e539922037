# The cameras.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether frames arrive, and whether they arrive whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moonraker_prusacam.camera import CameraState
from moonraker_prusacam.errors import FrameUnavailable

from .finding import Finding, State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moonraker_prusacam.camera import Camera, Frame

FRAME_TIMEOUT_S = 8.0  # connecting to a camera that sleeps takes some of them
TOLERATED_LOSS = 0.01
LOSSES = {
    "truncated": "set a lower resolution or rate: the camera's feed breaks frames off",
    "malformed": "look at the camera's feed: it sends what is no JPEG",
    "oversize": "set a lower resolution, or a larger max_frame_bytes",
    "starved": "set a smaller max_frame_bytes, or let fewer viewers in",
}


async def examine_camera(camera: Camera) -> Sequence[Finding]:
    """Wait for a frame that is fresh, and look at what was lost of the others."""
    try:
        frame = await fresh_frame(camera)
    except FrameUnavailable:
        return [_explain(camera)]
    if loss := _worst_loss(camera):
        return [Finding("camera", State.WARNING, *loss, camera.name)]
    rate = f", {camera.fps:.1f} fps" if camera.fps else ""
    found = f"live, {frame.width}x{frame.height}{rate}, {len(frame.data) >> 10} KiB"
    return [Finding("camera", State.OK, found, None, camera.name)]


async def fresh_frame(camera: Camera) -> Frame:
    """The newest frame, or the first one of a camera that connects.

    Raises FrameUnavailable, at once when the camera has failed or fails.
    """
    if camera.status.state not in (CameraState.CONNECTING, CameraState.IDLE):
        return camera.latest()
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(FRAME_TIMEOUT_S) as limit:

            def give_up(changed: Camera) -> None:
                if changed.status.state is CameraState.FAILED:
                    limit.reschedule(loop.time())

            camera.on_state.append(give_up)
            try:
                return await camera.wait_newer(0, FRAME_TIMEOUT_S)
            finally:
                camera.on_state.remove(give_up)
    except TimeoutError:
        raise FrameUnavailable(camera.status.reason) from None


def _explain(camera: Camera) -> Finding:
    status, source = camera.status, camera.config.source
    remedy = status.advice
    if status.state is CameraState.FAILED and source.scheme == "tcp":
        remedy = (
            f"start what serves {source}; for rpicam-vid: --codec mjpeg --listen "
            f"-o {source}, in a loop"
        )
    elif status.state is not CameraState.FAILED:
        remedy = (
            f"restart what serves {source}: it is connected, and no whole JPEG comes; "
            "is it MJPEG (--codec mjpeg), not H.264?"
        )
    found = f"no picture: {status.reason}"
    return Finding("camera", State.FAILED, found, remedy, camera.name)


def _worst_loss(camera: Camera) -> tuple[str, str] | None:
    """What most frames are lost by and what helps, None where nearly all arrive."""
    stats = camera.scanner_stats
    lost = {name: getattr(stats, name) for name in LOSSES}
    name = max(lost, key=lost.__getitem__)
    total = stats.frames + sum(lost.values())
    if lost[name] <= max(1, TOLERATED_LOSS * total):
        return None  # the first one after a connect may be a part
    return f"frames arrive, but {lost[name]} of {total} are {name}", LOSSES[name]
