# Uploads among faults of Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the uploader does about each fault, and that thousands of them change nothing.

Hours pass in virtual time; the requests and the faults are real.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from moonraker_prusacam.camera import Frame
from moonraker_prusacam.config import CameraConfig, ConnectConfig
from moonraker_prusacam.connect.api import ConnectApi
from moonraker_prusacam.connect.schedule import MIN_GAP_S
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.emulator.connect import Fault, FaultKind, LocalConnect
from moonraker_prusacam.secret import Secret
from tests.support import jpeg
from tests.support.clock import VirtualClock
from tests.support.events import Events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
TIMEOUT_S = 0.3
WAIT_S = 20.0
PICTURE = jpeg.picture(64, 48)
ROUNDING_S = 1e-6
UPLOADS = int(os.environ.get("PRUSACAM_UPLOADS", "10000"))
MAX_GROWTH_BYTES = 12 << 20


class Camera:
    """Every picture is another one."""

    name = "front"
    config = CameraConfig("front", source="tcp://unused")

    def __init__(self) -> None:
        self.newest = b""
        self._seq = 0

    async def wait_newer(self, than_ns: int, timeout_s: float) -> Frame:
        assert than_ns < time.monotonic_ns()
        assert timeout_s > 0
        self._seq += 1
        mark = jpeg.segment(0xFE, b"%d" % self._seq)
        self.newest = PICTURE[:2] + mark + PICTURE[2:]
        now_ns = time.monotonic_ns()
        return Frame(
            data=self.newest,
            seq=self._seq,
            width=64,
            height=48,
            has_dht=True,
            first_ns=now_ns,
            last_ns=now_ns,
            wall_time=time.time(),
        )


class WatchedApi:
    """Notes when, in virtual time, a snapshot goes."""

    def __init__(self, api: ConnectApi, clock: VirtualClock) -> None:
        self._api = api
        self._clock = clock
        self.sent_s: list[float] = []
        self.in_flight = self.most_in_flight = 0

    async def put_snapshot(self, picture: bytes | memoryview) -> None:
        self.sent_s.append(self._clock.monotonic_s())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._api.put_snapshot(picture)
        finally:
            self.in_flight -= 1

    async def put_info(self, info: Mapping[str, Any]) -> dict[str, Any]:
        return await self._api.put_info(info)


class Bench:
    """An uploader, its clock, and a Prusa Connect."""

    def __init__(self, path: Path) -> None:
        self.connect = LocalConnect()
        self.connect.add_camera(TOKEN)
        self.clock = VirtualClock()
        self.camera = Camera()
        self.events = Events()
        self._path = path

    async def start(self, scheme: str = "TEN_SEC") -> None:
        await self.connect.start()
        self.raw = ConnectApi(
            self.connect.url, Secret(TOKEN), FINGERPRINT, timeout_s=TIMEOUT_S
        )
        self.api = WatchedApi(self.raw, self.clock)
        self.uploader = SnapshotUploader(
            ConnectConfig("front", token=Secret(TOKEN), trigger_scheme=scheme),
            self.camera,
            self.api,
            lambda width, height: {"config": {"name": f"{width}x{height}"}},
            self.events,
            self._path / "state.json",
            clock=self.clock,
        )
        await self.uploader.start()

    async def aclose(self) -> None:
        await self.uploader.aclose()
        await self.raw.aclose()
        await self.connect.aclose()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    opened = Bench(tmp_path)
    yield opened
    await opened.aclose()


OF_CONNECTIONS = (FaultKind.SILENT_CONNECTION, FaultKind.RESET_CONNECTION)
SOON, LATER = (MIN_GAP_S, 12.0), (240.0, 360.0)
REACTIONS = [
    # fault, cause that is counted, what the user reads, wait in s until the next try
    (Fault("answer", answer="400"), "refused", "did not take the request", LATER),
    (Fault("answer", answer="400 fingerprint"), "kind", "another kind of", LATER),
    (Fault("answer", answer="400 html"), "refused", "did not take the request", LATER),
    (Fault("answer", answer="401"), "token", "does not know the token", LATER),
    (Fault("answer", answer="403"), "token", "does not accept the token", LATER),
    (Fault("answer", answer="403 fingerprint"), "fingerprint", "restore", LATER),
    (Fault("answer", answer="404"), "deleted", "no such camera", LATER),
    (Fault("answer", answer="409"), "refused", "did not take the request", LATER),
    (Fault("answer", answer="429"), "busy", "fewer requests", SOON),
    (Fault("answer", answer="429", retry_after_s=77), "busy", "fewer", (76, 78)),
    (
        Fault("answer", answer="503", retry_after_s=77, retry_after_as_date=True),
        "server",
        "busy or out of order",
        (75, 79),
    ),
    (Fault("answer", answer="500"), "server", "not your fault", SOON),
    (Fault("answer", answer="502"), "server", "not your fault", SOON),
    (Fault("answer", answer="503"), "server", "not your fault", SOON),
    (Fault("answer", answer="503 json"), "server", "not your fault", SOON),
    (Fault("redirect", location="other"), "refused", "another address", LATER),
    (Fault("redirect", location="loop"), "refused", "another address", LATER),
    (Fault("lost_answer"), "server", "not your fault", SOON),
    (Fault("silence"), "network", "no answer", SOON),
    (Fault("silent_connection"), "network", "no answer", SOON),
    (Fault("slow_response", bytes_per_s=10), "network", "no answer", SOON),
    (Fault("reset_request", after_bytes=50), "network", "127.0.0.1", SOON),
    (Fault("reset_response"), "network", "127.0.0.1", SOON),
    (Fault("reset_connection"), "network", "127.0.0.1", SOON),
]


@pytest.mark.parametrize(
    ("fault", "cause", "words", "wait_s"),
    REACTIONS,
    ids=lambda value: str(value.kind) if isinstance(value, Fault) else None,
)
async def test_fault_then_it_is_told_waited_for_and_the_newest_picture_follows(
    bench: Bench,
    fault: Fault,
    cause: str,
    words: str,
    wait_s: tuple[float, float],
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench.clock.hold()
    await bench.start()
    if fault.kind not in OF_CONNECTIONS:  # the description is a courtesy
        fault = attrs.evolve(fault, endpoint="/c/snapshot")
    await bench.connect.inject(fault)
    bench.clock.release()
    (told,) = await bench.events.until(lambda: bench.events.of("failed"))
    assert told["failures"] == {cause: 1}
    assert words in told["error"]
    await bench.events.until(lambda: bench.events.of("accepted"))
    bench.clock.hold()
    assert wait_s[0] <= told["next_in_s"] <= wait_s[1]
    assert bench.connect.last_image(TOKEN) is not None
    assert TOKEN not in caplog.text + str(bench.events.all)
    assert FINGERPRINT not in caplog.text + str(bench.events.all)


async def test_too_large_then_a_smaller_one_follows_and_nothing_failed(
    bench: Bench,
) -> None:
    await bench.start()
    await bench.connect.inject(Fault("answer", answer="413", endpoint="/c/snapshot"))
    (told, *_) = await bench.events.until(lambda: bench.events.of("accepted"))
    assert told["failed"] == 0
    assert bench.api.sent_s[1] - bench.api.sent_s[0] == MIN_GAP_S


def resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


RANDOM_FAULTS = [
    Fault("answer", answer=answer, count=None, probability=0.01, seed=seed)
    for seed, answer in enumerate(
        ["400", "401", "403 fingerprint", "404", "429", "500", "502", "503"]
    )
] + [
    Fault("lost_answer", count=None, probability=0.02, seed=20),
    Fault("reset_request", after_bytes=30, count=None, probability=0.02, seed=21),
    Fault("reset_response", count=None, probability=0.02, seed=22),
    Fault("reset_connection", count=None, probability=0.02, seed=23),
    Fault("close_idle", count=None, probability=0.02, seed=24),
    Fault("gzip", count=None, probability=0.01, seed=25),
    Fault("clock_skew", date_offset_s=-1e8, count=None, probability=0.02, seed=26),
    Fault("silence", count=None, probability=0.002, seed=27),
    Fault("silent_connection", count=None, probability=0.002, seed=28),
]


@pytest.mark.timeout(60 + UPLOADS // 20)
async def test_thousands_of_uploads_among_faults_then_all_promises_are_kept(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "moonraker_prusacam")
    await bench.start()
    await bench.connect.inject(*RANDOM_FAULTS)
    half = 0
    while (done := len(bench.api.sent_s)) < UPLOADS:
        if not half and done >= UPLOADS // 2:
            half = resident_bytes()
        bench.events.all.clear()
        await asyncio.sleep(0.01)
    growth = resident_bytes() - half
    status = bench.uploader.status
    bench.connect.faults.clear()
    accepted = bench.connect.accepted(TOKEN)
    await bench.connect.wait_for(
        lambda: bench.connect.accepted(TOKEN) > accepted, WAIT_S
    )
    bench.clock.hold()
    gaps = [after - before for before, after in pairwise(bench.api.sent_s)]
    print(
        f"{len(bench.api.sent_s)} uploads in {bench.clock.now_s / 3600:.0f} virtual "
        f"hours: {status['accepted']} accepted, {status['failures']}, memory "
        f"{growth / 1e6:+.1f} MB over the second half"
    )
    assert status["accepted"] + status["failed"] >= UPLOADS - 1
    assert len(status["failures"]) >= 5
    # Sums of seconds are rounded: after 63 hours, in the twelfth digit.
    assert min(gaps) >= MIN_GAP_S - ROUNDING_S
    assert bench.api.most_in_flight == 1
    assert bench.connect.audit(TOKEN).max_in_flight == 1
    assert bench.connect.audit(TOKEN).leaks == []
    assert growth < MAX_GROWTH_BYTES
    # After the last fault, the newest picture arrives.
    newest = bench.connect.last_image(TOKEN)
    assert newest is not None
    assert _number(newest) >= _number(bench.camera.newest) - 1
    told = caplog.text + str(status)
    assert TOKEN not in told
    assert FINGERPRINT not in told


def _number(picture: bytes) -> int:
    length = int.from_bytes(picture[4:6])
    return int(picture[6 : 4 + length])
