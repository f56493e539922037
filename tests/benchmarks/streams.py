# Figures of streams to many viewers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stream costs and loses at 1, 10 and 50 viewers, against a bare server."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import attrs

from .figure import Figure, Spread
from .processes import Child, ChildFailed, cpu_ns
from .stand import Server

if TYPE_CHECKING:
    from .stand import Stand

# CPU per delivered byte over that of the bare server, by the number of viewers.
TARGETS = {1: 1.5, 10: 1.2, 50: 1.1}
USTREAMER_TARGET = 0.4
USTREAMER_VIEWERS = 10
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
    """CPU for each delivered byte against ustreamer's, where that can run."""
    name = "stream CPU per GB / ustreamer"
    target = f"<= {USTREAMER_TARGET}"
    program = shutil.which("ustreamer")
    devices = sorted(Path("/dev").glob("video*"))
    if program is None or not devices:
        why = "no V4L2 device" if program else "not installed"
        return [Figure(name, f"cannot run here: {why}", target, None)]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    options = ["--device", str(devices[0]), "--format", "MJPEG", "--host", "127.0.0.1"]
    command = [program, *options, "--port", str(port), "--desired-fps", "30"]
    ratios = []
    with Child(command, stand.folder / "ustreamer.log") as child:
        _wait_listening(child, port)
        peer = Server(child.pid, port)
        engine = Server(stand.engine.pid, stand.engine.port)
        for _ in range(stand.rounds):
            theirs = serve(
                stand, peer, USTREAMER_VIEWERS, path="/stream", format="untagged"
            )
            ours = serve(stand, engine, USTREAMER_VIEWERS)
            ratios.append(ours.cpu_s_per_gb / theirs.cpu_s_per_gb)
    ratio = Spread.of(ratios)
    is_reached = ratio.middle <= USTREAMER_TARGET
    detail = f"{USTREAMER_VIEWERS} viewers; its camera's frames, not ours"
    return [Figure(name, str(ratio), target, is_reached, detail)]


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
