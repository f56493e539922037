# Figures of Moonraker beside a busy engine.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much later Moonraker answers while the engine renders, archives and streams.

The same Moonraker, printer and engine are measured by turns: at rest (the engine takes
frames of its camera), and with videos to render, their frames to archive and viewers.
"""

from __future__ import annotations

import time
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from moonraker_prusacam.timelapse import Job, JobState

from .engine import Engine
from .figure import Figure, Spread, percentile
from .processes import ChildFailed

if TYPE_CHECKING:
    from pathlib import Path

    from .stand import Stand

# The second one is passed on to Klippy, and waits for that.
REQUESTS = (
    "/server/info",
    "/printer/objects/query?toolhead&extruder&print_stats&gcode_move",
)
INTERVAL_S = 0.025  # each of the two 20 times a second
WINDOW_S = 10.0
WARMUP_S = 1.0
LOOK_S = 0.5
VIEWERS = 5
FRAMES = 50
# At least as many as can be rendered in one round.
JOBS_PER_ROUND = 8
RENDER_TIMEOUT_S = 300.0
TARGET = 1.1

Latencies = dict[str, list[float]]
"""Seconds that the answers took, by the path of the request."""

Round = tuple[Latencies, Latencies]
"""At rest, and busy."""

OPTIONS = """
[timelapse]
enabled: False
save_frames: True
jobs_path: {folder}/jobs
output_path: {folder}/host/data/timelapse
"""


def measure(stand: Stand) -> list[Figure]:
    """The ratio of the latencies, busy to idle, at the 99th percentile."""
    folder = stand.folder / "moonraker"
    folder.mkdir()
    jobs = folder / "jobs"
    frames = max(10, round(FRAMES * stand.scale))
    for number in range(stand.rounds * JOBS_PER_ROUND):
        _prepare(stand, jobs, number, frames)
    feeder_port = stand.feeder_port
    options = OPTIONS.format(folder=folder)
    with Engine(folder / "engine", feeder_port, options=options) as engine:
        socket_path = folder / "engine" / "engine.sock"
        with stand.start_python("printer_host", folder / "host", socket_path) as host:
            port = int(host.read_line())
            rounds = [_round(stand, engine, port) for _ in range(stand.rounds)]
    return [_figure(path, rounds) for path in REQUESTS]


def _figure(path: str, rounds: list[Round]) -> Figure:
    pairs = [(idle[path], busy[path]) for idle, busy in rounds]
    ratio, halfway = (
        Spread.of([percentile(busy, p) / percentile(idle, p) for idle, busy in pairs])
        for p in (99, 50)
    )
    at_rest = Spread.of([percentile(idle, 99) * 1e3 for idle, _ in pairs])
    loaded = Spread.of([percentile(busy, 99) * 1e3 for _, busy in pairs])
    return Figure(
        f"Moonraker's p99, engine busy / idle, {path.partition('?')[0]}",
        str(ratio),
        f"<= {TARGET}",
        ratio.middle <= TARGET,
        f"idle {at_rest} ms, busy {loaded} ms; p50 {halfway.middle:.2f}x",
    )


def _prepare(stand: Stand, jobs: Path, number: int, frames: int) -> None:
    """A recorded job that waits to be rendered."""
    job = Job.create(jobs, camera="bench", trigger="macro")
    for frame in range(1, frames + 1):
        picture = stand.fanout[frame % len(stand.fanout)].jpeg
        (job.path / f"frame-{frame:06d}-layer-{frame}.jpg").write_bytes(picture)
    job.record.filename = f"job {number}.gcode"
    job.record.state = JobState.UNRENDERED
    job.record.outcome = "complete"
    job.record.frames = job.record.last_number = frames
    job.save()


def _round(stand: Stand, engine: Engine, port: int) -> Round:
    window_s = WINDOW_S * stand.scale
    idle = _ask(engine, port, window_s, renders=False)
    viewers = stand.load(
        stand.programs.viewers,
        engine.port,
        path="/stream.mjpg",
        healthy=VIEWERS,
        warmup_s=0.1,
        windows=1,
        window_s=window_s + WARMUP_S,
    )
    with viewers:
        viewers.read_line()
        busy = _ask(engine, port, window_s, renders=True)
        seen = viewers.read_json()
    if not seen["healthy"]["frames"]:
        raise ValueError("the viewers saw no frame")
    _wait_rendered(engine)
    return idle, busy


def _ask(engine: Engine, port: int, window_s: float, *, renders: bool) -> Latencies:
    """Ask at a steady pace, with a video under way all the time if ``renders``."""
    connection = HTTPConnection("127.0.0.1", port, timeout=RENDER_TIMEOUT_S)
    latencies: Latencies = {path: [] for path in REQUESTS}
    begin_s = time.monotonic()
    look_s = begin_s
    for number in range(round((WARMUP_S + window_s) / INTERVAL_S)):
        due_s = begin_s + number * INTERVAL_S
        if renders and time.monotonic() >= look_s:
            look_s += LOOK_S
            if not _is_rendering(engine):
                engine.call("timelapse.render")
        time.sleep(max(0.0, due_s - time.monotonic()))
        path = REQUESTS[number % len(REQUESTS)]
        sent_s = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        taken_s = time.perf_counter() - sent_s
        if answer.status != 200:
            raise ValueError(f"Moonraker answered {answer.status}")
        if number * INTERVAL_S >= WARMUP_S:
            latencies[path].append(taken_s)
    connection.close()
    return latencies


def _is_rendering(engine: Engine) -> bool:
    jobs: list[dict[str, Any]] = engine.call("timelapse.list")["jobs"]
    if failed := [job["error"] for job in jobs if job["state"] == "failed"]:
        raise ChildFailed(f"rendering failed: {failed[0]}")
    return any(job["state"] == "rendering" for job in jobs)


def _wait_rendered(engine: Engine) -> None:
    until = time.monotonic() + RENDER_TIMEOUT_S
    while _is_rendering(engine):
        if time.monotonic() > until:
            raise ChildFailed("the engine does not end to render")
        time.sleep(LOOK_S)
