# Figures of streams to many viewers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stream costs and loses at 1, 10 and 50 viewers, against a bare server."""

from __future__ import annotations

import shutil
import socket
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import attrs

from .figure import Figure, Spread
from .processes import Child, ChildFailed, cpu_ns
from .stand import Server

if TYPE_CHECKING:
    from pathlib import Path

    from .stand import Stand

# CPU per delivered byte over that of the bare server, by the number of viewers.
TARGETS = {1: 1.5, 10: 1.2, 50: 1.1}
USTREAMER_TARGET = 0.4
USTREAMER_VIEWERS = 10
# Without a camera it would show a picture of its own, once a second.
LEAST_SHARE = 0.9
START_TIMEOUT_S = 5.0
POLL_S = 0.05
LOST_PERCENT = 0.1
WARMUP_S = 0.4
WINDOW_S = 2.5


@attrs.frozen
class Cost:
    """One server with some viewers in one round."""

    cpu_s_per_gb: float
    frames: int
    lost: int
    torn: int
    reordered: int
    closed: int


def measure(stand: Stand) -> list[Figure]:
    """CPU for each delivered byte, and what the viewers lost."""
    engine = Server(stand.engine.pid, stand.engine.port)
    bare = stand.bare_stream
    ours: dict[int, list[Cost]] = {viewers: [] for viewers in TARGETS}
    floors: dict[int, list[Cost]] = {viewers: [] for viewers in TARGETS}
    for _ in range(stand.rounds):
        for viewers in TARGETS:
            floors[viewers].append(serve(stand, bare, viewers))
            ours[viewers].append(serve(stand, engine, viewers))
    figures = [
        _cpu_figure(viewers, ours[viewers], floors[viewers]) for viewers in TARGETS
    ]
    return [*figures, _loss_figure(max(TARGETS), ours[max(TARGETS)])]


def measure_ustreamer(stand: Stand) -> list[Figure]:
    """CPU for each delivered byte against ustreamer's.

    It gets the feeder's picture from the camera of support/v4l2_camera, and passes it
    on as the JPEG that it is. It need not receive the picture over TCP, as the engine
    does.
    """
    name = f"stream CPU per GB / ustreamer, {USTREAMER_VIEWERS} viewers"
    target = f"<= {USTREAMER_TARGET}"
    program = shutil.which("ustreamer")
    if program is None:
        return [Figure(name, "cannot run here: not installed", target, None)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ours: list[Cost] = []
    theirs: list[Cost] = []
    with Child(
        _ustreamer_command(stand, program, port), stand.folder / "ustreamer.log"
    ) as child:
        _wait_listening(child, port)
        peer = Server(child.pid, port)
        engine = Server(stand.engine.pid, stand.engine.port)
        for _ in range(stand.rounds):
            theirs.append(
                serve(stand, peer, USTREAMER_VIEWERS, path="/stream", format="untagged")
            )
            ours.append(serve(stand, engine, USTREAMER_VIEWERS))
    pairs = zip(ours, theirs, strict=True)
    ratio = Spread.of([our.cpu_s_per_gb / their.cpu_s_per_gb for our, their in pairs])
    costs = (median(cost.cpu_s_per_gb for cost in costs) for costs in (ours, theirs))
    frames = [sum(cost.frames for cost in costs) for costs in (ours, theirs)]
    if frames[1] < LEAST_SHARE * frames[0]:
        raise ValueError(f"ustreamer sent {frames[1]} frames, the engine {frames[0]}")
    return [
        Figure(
            name,
            str(ratio),
            target,
            ratio.middle <= USTREAMER_TARGET,
            "{:.2f} s/GB, ustreamer {:.2f}; ".format(*costs)
            + "{} frames, ustreamer {}".format(*frames),
        )
    ]


def serve(stand: Stand, server: Server, viewers: int, **options: Any) -> Cost:
    """Let so many healthy viewers watch for one window."""
    client = stand.load(
        stand.programs.viewers,
        server.port,
        healthy=viewers,
        warmup_s=WARMUP_S * stand.scale,
        windows=2,  # it is ended in the second, so that its leaving costs nothing
        window_s=WINDOW_S * stand.scale,
        **{"path": "/stream.mjpg", **options},
    )
    with client:
        client.read_line()
        before_ns = cpu_ns(server.pid)
        seen = client.read_json()["healthy"]
        used_ns = cpu_ns(server.pid) - before_ns
    if not seen["frames"]:
        raise ValueError(f"{viewers} viewer(s) saw no frame")
    return Cost(
        used_ns / seen["bytes"],  # ns a byte is s a GB
        seen["frames"],
        seen["lost"],
        seen["torn"],
        seen["reordered"],
        seen["closed"],
    )


def _ustreamer_command(stand: Stand, program: str, port: int) -> list[str | Path]:
    device = stand.folder / "video"
    device.touch()
    picture = stand.folder / "ustreamer.jpg"
    picture.write_bytes(stand.fanout[0].tagged(1))
    return [
        "env",
        f"LD_PRELOAD={stand.programs.v4l2_camera}",
        f"CAMERA_DEVICE={device}",
        f"CAMERA_JPEG={picture}",
        program,
        f"--device={device}",
        "--encoder=HW",
        "--format=MJPEG",
        "--resolution=1920x1080",
        "--desired-fps=30",
        "--host=127.0.0.1",
        f"--port={port}",
    ]


def _wait_listening(child: Child, port: int) -> None:
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until:
        child.check()
        try:
            socket.create_connection(("127.0.0.1", port), START_TIMEOUT_S).close()
        except ConnectionRefusedError:
            time.sleep(POLL_S)
        else:
            return
    raise ChildFailed(f"ustreamer does not listen within {START_TIMEOUT_S:g} s")


def _cpu_figure(viewers: int, ours: list[Cost], floors: list[Cost]) -> Figure:
    pairs = zip(ours, floors, strict=True)
    ratio = Spread.of([our.cpu_s_per_gb / floor.cpu_s_per_gb for our, floor in pairs])
    costs = (median(cost.cpu_s_per_gb for cost in costs) for costs in (ours, floors))
    return Figure(
        f"stream CPU per GB / bare server, {viewers} viewer(s)",
        str(ratio),
        f"<= {TARGETS[viewers]}",
        ratio.middle <= TARGETS[viewers],
        "{:.2f} s/GB, bare {:.2f}".format(*costs),
    )


def _loss_figure(viewers: int, costs: list[Cost]) -> Figure:
    frames, lost, torn, reordered, closed = (
        sum(getattr(cost, name) for cost in costs)
        for name in ("frames", "lost", "torn", "reordered", "closed")
    )
    percent = 100 * lost / (frames + lost)
    return Figure(
        f"lost, torn, reordered, {viewers} viewers, 30 fps",
        f"{percent:.3f} %, {torn}, {reordered}",
        f"< {LOST_PERCENT} %, 0, 0",
        percent < LOST_PERCENT and not (torn or reordered or closed),
        f"{frames} frames, {lost} lost, {closed} viewers closed",
    )
