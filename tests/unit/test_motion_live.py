# Tests of the motion of a printer, over a real socket.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On the simulated printer, and on a Klippy that refuses, dies or talks nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import math
import time
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.motion import Machine, Motion, motion
from tests.support.fake_klippy import MOVES, REST, STATUS, WAIT_S, FakeKlippy
from tests.support.klippy_client import running_printer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from moonraker_prusacam.motion import Sample

STATUSES_TO_FIT = 6


class Watch:
    """A motion, and waits for what it learns."""

    def __init__(self, path: Path) -> None:
        self.motion = Motion(path)
        self.told = 0
        self._news = asyncio.Event()
        self.motion.on_batch.append(self._tell)

    def _tell(self) -> None:
        self.told += 1
        self._news.set()

    def has_been_told(self, times: int) -> bool:
        return self.told >= times

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that a message from Klipper brings about."""
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def known(self, moment_ns: int) -> Sample | None:
        await self.until(lambda: self.motion.known_until_ns >= moment_ns)
        return self.motion.sample_at(moment_ns)


@contextlib.asynccontextmanager
async def watching(path: Path) -> AsyncIterator[Watch]:
    watch = Watch(path)
    watch.motion.start()
    try:
        yield watch
    finally:
        await watch.motion.aclose()


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(motion, "LAST_DELAY_S", 0.05)
    monkeypatch.setattr(motion, "READY_POLL_S", 0.01)


async def listening(fake: FakeKlippy, watch: Watch) -> None:
    """Until the motion has subscribed, and its clock is set."""
    await fake.wait_asked(MOVES)
    before = watch.told
    for times in range(1, STATUSES_TO_FIT):
        fake.tell_status()
        await watch.until(functools.partial(watch.has_been_told, before + times))
    await watch.until(lambda: watch.motion.quality != "none")


async def test_sample_when_printer_moves_then_is_where_the_nozzle_was(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=2) as (printer, client):  # noqa: SIM117
        async with watching(tmp_path / "klippy.sock") as watch:
            await client.gcode("G28")
            await watch.until(lambda: watch.motion.known_until_ns > 0)
            script = "\n".join(
                f"G1 X{50 + 90 * (n % 2)} Y{50 + 10 * n} F6000" for n in range(6)
            )
            await client.gcode(script)
            seen = []

            def look() -> None:
                before_ns = time.monotonic_ns()
                position = printer.live_position()
                seen.append(((before_ns + time.monotonic_ns()) // 2, position))

            watch.motion.on_batch.append(look)
            end_ns = time.monotonic_ns() + 2_000_000_000
            await watch.known(end_ns)
            errors_mm, moving = [], 0
            for moment_ns, position in seen:
                sample = watch.motion.sample_at(moment_ns)
                if sample is not None:
                    errors_mm.append(math.dist(sample.position, position))
                    moving += sample.speed_mm_s > 0.0
            assert watch.motion.quality == "trapq"
            assert moving > 3
            # 100 mm/s at twice the speed: 1 mm is 5 ms of a busy machine.
            assert sorted(errors_mm)[len(errors_mm) // 2] < 1.0
            assert watch.motion.machine == Machine(
                "cartesian", (0.0, 0.0, -2.0), (250.0, 210.0, 220.0)
            )
            assert not math.isinf(watch.motion.error_s)


async def test_motion_when_printer_rests_then_time_is_known_a_moment_later(
    tmp_path: Path,
) -> None:
    async with running_printer(tmp_path, speed=1) as (printer, _client):  # noqa: SIM117
        async with watching(tmp_path / "klippy.sock") as watch:
            await watch.until(lambda: watch.motion.known_until_ns > 0)
            moment_ns = time.monotonic_ns()
            sample = await watch.known(moment_ns)
            assert sample is not None
            assert sample.position == pytest.approx(printer.live_position())
            assert sample.speed_mm_s == 0.0
            late_s = (time.monotonic_ns() - moment_ns) / 1e9
            assert motion.REST_DELAY_S < late_s < motion.REST_DELAY_S + 1.0


async def test_motion_when_klippy_restarts_then_begins_anew(tmp_path: Path) -> None:
    async with running_printer(tmp_path, speed=10) as (printer, client):  # noqa: SIM117
        async with watching(tmp_path / "klippy.sock") as watch:
            await client.gcode("G28\nG1 X100 Y100 Z10 F6000\nM400")
            first_ns = time.monotonic_ns()
            assert await watch.known(first_ns) is not None
            await printer.kill()
            async with asyncio.timeout(WAIT_S):
                await client.closed()
            await printer.start()
            await watch.until(lambda: watch.motion.sample_at(first_ns) is None)
            await watch.until(lambda: watch.motion.known_until_ns > 0)
            sample = await watch.known(time.monotonic_ns())
            assert sample is not None
            assert sample.position == pytest.approx(printer.live_position())
            assert watch.motion.quality == "trapq"


async def test_motion_when_nobody_listens_then_tries_again_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with watching(tmp_path / "sock") as watch:
        assert watch.motion.known_until_ns == 0
        assert watch.motion.sample_at(time.monotonic_ns()) is None
        assert watch.motion.machine is None
        assert watch.motion.lead_s == 0.0
        assert not watch.motion.is_busy
        async with FakeKlippy(tmp_path / "sock") as fake:
            await listening(fake, watch)
            assert watch.motion.quality == "trapq"
    warnings = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(warnings) <= 1


async def test_motion_when_klippy_gets_ready_late_then_asks_nothing_else_before(
    tmp_path: Path,
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.states = ["startup", "startup", "error", "ready"]
        async with watching(fake.path) as watch:
            await listening(fake, watch)
        methods = [request["method"] for request in fake.requests]
    assert methods == ["info"] * 4 + ["objects/query", STATUS, MOVES]


async def test_motion_when_connection_is_lost_then_listens_again(
    tmp_path: Path,
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with watching(fake.path) as watch:
            for times in range(1, 4):
                await fake.wait_asked(MOVES, times)
                await listening(fake, watch)
                moment_ns = time.monotonic_ns()
                fake.tell_moves(
                    [fake.print_time, 1.0, 8.0, 0.0, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
                )
                sample = await watch.known(moment_ns + 500_000_000)
                assert sample is not None
                assert sample.position[0] == pytest.approx(4.0, abs=0.5)
                fake.drop()
                await fake.wait_connected(times + 1)
                # What was known still is, until Klipper is back.
                assert watch.motion.quality == "none"


async def test_motion_when_moves_are_refused_then_uses_the_status(
    tmp_path: Path,
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.refused.add(MOVES)
        async with watching(fake.path) as watch:
            await listening(fake, watch)
            assert watch.motion.quality == "status"
            x, y, z, _ = REST
            known_ns = watch.motion.known_until_ns
            sample = watch.motion.sample_at(known_ns)
            assert sample is not None
            assert sample.position == (x, y, z)
            report = {"live_position": [30.0, y, z, 0.0], "live_velocity": 40.0}
            fake.tell_status(motion_report=report)
            await watch.until(lambda: watch.motion.known_until_ns > known_ns)
            half_ns = (known_ns + watch.motion.known_until_ns) // 2
            half = watch.motion.sample_at(half_ns)
            assert half is not None
            # The statuses are some microseconds apart, so half is not exact.
            assert 11.0 < half.position[0] < 29.0
            assert half.position[1:] == pytest.approx((y, z))
            assert half.speed_mm_s == pytest.approx(2.0 * (half.position[0] - 10.0))


BAD_STATUSES: list[object] = [
    None,
    [],
    {},
    {"eventtime": "now", "status": {}},
    {"eventtime": 1.0},
    {"eventtime": 1.0, "status": [1]},
    {"eventtime": 1.0, "status": {"toolhead": 7}},
    {"eventtime": 1.0, "status": {"toolhead": {"estimated_print_time": "x"}}},
    {"eventtime": float("nan"), "status": {}},
    {"eventtime": 9e8, "status": {"toolhead": {"estimated_print_time": 9e8}}},
    {"eventtime": 1.0, "status": {"motion_report": {"live_position": 7}}},
    {"eventtime": 1.0, "status": {"system_stats": {"sysload": "high"}}},
    {"eventtime": 1.0, "status": {"mcu": {"last_stats": [1, 2]}}},
]
BAD_BATCHES: list[object] = [
    None,
    [],
    {},
    {"data": None},
    {"data": {}},
    {"data": [7, [], None]},
]


@pytest.mark.parametrize(
    ("subscription", "params"),
    [(STATUS, params) for params in BAD_STATUSES]
    + [(MOVES, params) for params in BAD_BATCHES],
)
async def test_motion_when_told_nonsense_then_goes_on(
    tmp_path: Path, subscription: str, params: object
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with watching(fake.path) as watch:
            await listening(fake, watch)
            fake.tell(subscription, params)
            fake.tell_status(
                motion_report={"live_position": REST, "live_velocity": 0.0},
                system_stats={"sysload": 0.1},
            )
            moment_ns = time.monotonic_ns()
            fake.tell_moves(
                [fake.print_time, 1.0, 8.0, 0.0, [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
            )
            assert await watch.known(moment_ns + 500_000_000) is not None
            assert fake.connections == 1


@pytest.mark.parametrize("data", [b"nonsense\x03", b"[]\x03", b"\xff" * 100 + b"\x03"])
async def test_motion_when_bytes_are_no_message_then_connects_again(
    tmp_path: Path, data: bytes
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with watching(fake.path) as watch:
            await listening(fake, watch)
            fake.send(data)
            await fake.wait_asked(MOVES, 2)
            await listening(fake, watch)


async def test_motion_when_klippy_falls_silent_then_connects_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion, "SILENCE_TIMEOUT_S", 0.05)
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with watching(fake.path):
            await fake.wait_asked(MOVES, 2)


async def test_motion_when_settings_are_nonsense_then_goes_on_without(
    tmp_path: Path,
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.settings = ["nonsense"]
        fake.toolhead.pop("axis_minimum")
        async with watching(fake.path) as watch:
            await listening(fake, watch)
            assert watch.motion.machine is None
            assert watch.motion.quality == "trapq"


async def test_lead_when_g_code_runs_ahead_then_tells_by_how_much(
    tmp_path: Path,
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with watching(fake.path) as watch:
            await listening(fake, watch)
            assert watch.motion.lead_s == 0.0
            before = watch.told
            fake.tell_status(toolhead={"print_time": fake.print_time + 1.5})
            await watch.until(lambda: watch.told > before)
            assert watch.motion.lead_s == pytest.approx(1.5, abs=0.1)


async def test_is_busy_when_motion_stalls_then_true(tmp_path: Path) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with watching(fake.path) as watch:
            await listening(fake, watch)
            assert not watch.motion.is_busy
            fake.tell_status(toolhead={"stalls": 1})
            await watch.until(lambda: watch.motion.is_busy)
            assert watch.motion.busy_reason == "the motion stalled"


async def test_motion_when_a_listener_fails_then_it_is_logged_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeKlippy(tmp_path / "sock") as fake:  # noqa: SIM117
        async with watching(fake.path) as watch:
            await listening(fake, watch)

            def fail() -> None:
                watch.motion.on_batch.remove(fail)
                raise RuntimeError("a bug")

            watch.motion.on_batch.append(fail)
            fake.tell_status()
            await fake.wait_asked(MOVES, 2)
            await listening(fake, watch)
    assert "a bug" in caplog.text


async def test_aclose_when_called_at_any_time_then_leaves_nothing(
    tmp_path: Path,
) -> None:
    never = Motion(tmp_path / "sock")
    await never.aclose()
    async with FakeKlippy(tmp_path / "sock") as fake:
        fake.unanswered.add("info")
        watch = Watch(fake.path)
        watch.motion.start()
        await fake.wait_asked("info")
        await watch.motion.aclose()
        await watch.motion.aclose()
        assert watch.motion.quality == "none"
