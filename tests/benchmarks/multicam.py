# Figures of recordings together with other devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far apart recordings begin, and what one costs whoever watches meanwhile.

Virtual devices of three dialects and a camera of ours record from one instant on, as a
print has them do. Their frames come at random phases, so each begins up to one frame's
interval after the instant: the figure is in intervals, whatever the machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from typing import TYPE_CHECKING, Any

from tests.support.multicam_device import FPS
from tests.support.multicam_ensemble import ensemble

from .engine import LIVE_TIMEOUT_S, POLL_S, Engine
from .figure import Figure, Spread, percentile
from .latency import Latencies, watch
from .processes import ChildFailed, cpu_ns, memory_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .stand import Stand

KINDS = ("first phone", "published", "iphone")
"""One of each dialect: legacy, v1, v2."""

STARTS = 4  # in a round
OPTIONS = """
[multicam_camera bench]
port: 0
announce: False
"""
ANSWER_TIMEOUT_S = 60.0
LATENCY_RATIO = 1.5


def measure_start(stand: Stand) -> list[Figure]:
    """The begin of a camera of ours: after the instant, and from the others'."""
    folder = stand.folder / "multicam"
    starts = max(1, round(stand.rounds * STARTS * stand.scale))
    late, apart, wrong = asyncio.run(_starts(folder, starts))
    shares = [each * FPS for each in apart]
    middle = percentile(shares, 50)
    return [
        Figure(
            f"recordings of {len(KINDS)} devices begin from that of our camera, p50",
            f"{middle:.2f} frames",
            "< 1 frame",
            middle < 1,
            f"at {FPS:g} fps: p50/p90/most "
            f"{_ms(apart, 50)}/{_ms(apart, 90)}/{_ms(apart, 100)} ms; "
            f"ours {_ms(late, 50)}/{_ms(late, 100)} ms after the instant; "
            f"offset of ours as told is wrong by {_ms(wrong, 100)} ms at most; "
            f"{starts} starts",
        )
    ]


def measure_recording(stand: Stand) -> list[Figure]:
    """One engine that records and not, by turns, and one that is no device at all."""
    idle, recording = Latencies(), Latencies()
    used: dict[str, list[float]] = {"plain": [], "idle": [], "recording": []}
    with Engine(stand.folder / "device", stand.feeder_port, options=OPTIONS) as engine:
        port = _port(engine)
        before = memory_of(engine.pid).pss_bytes
        for _ in range(stand.rounds):
            _watched(stand, stand.engine, used["plain"])
            idle.rounds.append(_watched(stand, engine, used["idle"]))
            _ask(port, "START_RECORDING")
            recording.rounds.append(_watched(stand, engine, used["recording"]))
            _ask(port, "STOP_RECORDING")
        after = memory_of(engine.pid).pss_bytes
    cpu = {name: Spread.of(shares).middle for name, shares in used.items()}
    ratio = recording.middle(50) / idle.middle(50)
    return [
        Figure(
            "p50 latency, camera records for MultiCam / is ready to",
            f"{ratio:.2f}",
            f"< {LATENCY_RATIO:g}",
            ratio < LATENCY_RATIO,
            f"p50/p99 recording {recording} ms, ready {idle} ms; "
            f"{cpu['recording']:.1f}/{cpu['idle']:.1f} % of a core, "
            f"{cpu['plain']:.1f} % where it is no device; "
            f"memory {before / 1e6:.0f} MB, afterwards {after / 1e6:.0f} MB",
        )
    ]


async def _starts(
    folder: Path, starts: int
) -> tuple[list[float], list[float], list[float]]:
    """Seconds: ours after the instant, theirs from ours, and the error of offsets."""
    late: list[float] = []
    apart: list[float] = []
    wrong: list[float] = []
    async with ensemble(folder, KINDS) as standing:
        for _ in range(starts):
            for phone in standing.phones:
                phone.shutter.phase = random.random()
            session = await standing.controller.start_recording()
            await standing.until(session, "recording", "recording")
            target_s, ours_s = session.record.target or 0.0, standing.ours_s
            late.append(ours_s - target_s)
            apart += [abs(ours_s - each) for each in standing.theirs_s]
            await standing.controller.stop_recording()
            await standing.until(session, "collected", "done")
            offset_s = session.record.takes[-1].offset_s(target_s)
            wrong.append(abs((offset_s or 0.0) - late[-1]))
    return late, apart, wrong


def _watched(stand: Stand, engine: Engine, used: list[float]) -> list[float]:
    """Latencies of one viewer; ``used`` gets the percentage of a core."""
    begin_s, before_ns = time.monotonic(), cpu_ns(engine.pid)
    seen = watch(stand, engine.port)
    used_s = (cpu_ns(engine.pid) - before_ns) / 1e9
    used.append(100 * used_s / (time.monotonic() - begin_s))
    return seen


def _port(engine: Engine) -> int:
    """Where its camera listens, once it does."""
    until_s = time.monotonic() + LIVE_TIMEOUT_S
    while time.monotonic() < until_s:
        camera = engine.call("multicam.status")["cameras"][0]
        if camera["state"] != "down":
            return int(camera["port"])
        time.sleep(POLL_S)
    raise ChildFailed("the camera is no device")


def _ask(port: int, command: str) -> dict[str, Any]:
    """The device's answer, which is no error; raises ValueError."""
    said = {"command": command, "timestamp": time.time(), "deviceId": "bench"}
    with socket.create_connection(("127.0.0.1", port), ANSWER_TIMEOUT_S) as connection:
        connection.sendall(json.dumps(said).encode())
        answer: dict[str, Any] = json.loads(b"".join(_object(connection)))
    if answer["status"] == "error":
        raise ValueError(f"{command}: {answer}")
    return answer


def _object(connection: socket.socket) -> Iterator[bytes]:
    while octets := connection.recv(1 << 16):
        yield octets
        if octets.endswith(b"}"):
            return


def _ms(values: list[float], percent: float) -> str:
    return f"{percentile(values, percent) * 1e3:.1f}"
