# Tests of when videos are asked for.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""On a clock that jumps: how often Prusa Connect is asked, and when it is given up."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect.prusa_camera.downloads import Downloads, Ears
from moonraker_prusacam.connect.prusa_camera.job import Job, Phase
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    DiskRefused,
    PrusacamError,
    TokenRejected,
    VideoDamaged,
    VideoNotThere,
    VideoRejected,
)
from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig
from moonraker_prusacam.secret import Secret
from tests.support.clock import VirtualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.connect.download import Listener, PartFile

DAY_S = 86400.0
WAIT_S = 10.0


class ScriptedDownload:
    """Fails each time as the test says, and notes when it was asked."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.error: Exception = VideoNotThere("not there")
        self.asked_s: list[float] = []
        self.asked_for: list[str] = []

    async def fetch(self, job_name: str, _part: PartFile, _told: Listener) -> None:
        self.asked_s.append(self._clock.monotonic_s())
        self.asked_for.append(job_name)
        raise self.error

    async def aclose(self) -> None:
        pass


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = VirtualClock()
        self.jobs: list[Job] = []
        self.download = ScriptedDownload(self.clock)
        self.over = asyncio.Event()
        self.told: list[str] = []
        self._made: Downloads | None = None

    def run(self, **options: Any) -> Downloads:
        config = PrusaCameraConfig("buddy", token=Secret("x"), **options)
        made = Downloads(
            config,
            self.jobs,
            lambda: self.path / "timelapse",
            self.download,  # type: ignore[arg-type]
            None,
            self.clock,
            Ears(self._save, self._tell, lambda _job, _far: None),
        )
        made.start()
        self._made = made
        return made

    async def job(self, name: str = "cube", **known: Any) -> Job:
        job = await asyncio.to_thread(
            Job.create,
            self.path / "jobs",
            self.clock.monotonic_s(),
            phase=Phase.DOWNLOADING,
            job_name=name,
            **known,
        )
        self.jobs.append(job)
        return job

    async def until_over(self) -> None:
        async with asyncio.timeout(WAIT_S):
            await self.over.wait()

    @property
    def gaps_s(self) -> list[float]:
        asked = self.download.asked_s
        return [after - before for before, after in itertools.pairwise(asked)]

    async def _save(self, job: Job) -> None:
        pass

    def _tell(self, job: Job) -> None:
        self.told.append(job.record.reason)
        if all(job.phase is Phase.FAILED for job in self.jobs):
            self.over.set()

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.aclose()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    ("error", "first_s", "last_s"),
    [
        (VideoNotThere("not there"), 10, 600),
        (VideoDamaged("cut off"), 10, 600),
        (ConnectUnavailable("away"), 10, 300),
        (TokenRejected("refused"), 300, 1800),
        (VideoRejected("a web page"), 300, 1800),
        (DiskRefused("full"), 300, 1800),
        (PrusacamError("other"), 300, 1800),
        (RuntimeError("a bug"), 300, 1800),
    ],
)
async def test_video_when_it_does_not_come_then_asked_for_less_and_less_for_a_day(
    bench: Bench, error: Exception, first_s: float, last_s: float
) -> None:
    bench.download.error = error
    job = await bench.job()
    bench.run()
    await bench.until_over()
    gaps = bench.gaps_s
    assert 0.8 * first_s <= gaps[0] <= 1.2 * first_s
    assert all(gap <= 1.2 * last_s for gap in gaps)
    assert max(gaps) >= 0.8 * last_s
    # The last look is at the limit, and only the first of a kind is told.
    assert sum(gaps) == pytest.approx(DAY_S)
    assert len(bench.told) == 2
    assert job.record.reason.startswith("given up after 24 h: ")


async def test_retry_after_when_told_then_kept_to(bench: Bench) -> None:
    bench.download.error = ConnectUnavailable("busy", retry_after_s=2000.0)
    await bench.job()
    bench.run(download_timeout_s=10_000.0)
    await bench.until_over()
    assert all(gap == pytest.approx(2000.0) for gap in bench.gaps_s)


async def test_wait_when_an_engine_ran_before_then_it_counts(bench: Bench) -> None:
    await bench.job(waited_s=DAY_S - 5.0)
    bench.run()
    await bench.until_over()
    assert len(bench.download.asked_s) == 2


async def test_jobs_when_several_then_none_waits_for_another(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        await bench.job(name)
    bench.run(download_timeout_s=3600.0)
    await bench.until_over()
    assert bench.download.asked_for[:3] == ["a", "b", "c"]
    counts = [bench.download.asked_for.count(name) for name in ("a", "b", "c")]
    assert max(counts) - min(counts) <= 3


async def test_job_when_it_may_be_tried_once_then_an_outage_is_no_answer(
    bench: Bench,
) -> None:
    bench.download.error = ConnectUnavailable("away")
    job = await bench.job(only_once="the camera said nothing")
    bench.run(download_timeout_s=1000.0)
    await bench.until_over()
    assert len(bench.download.asked_s) > 3
    assert job.record.reason.startswith("given up after")


async def test_job_when_it_may_be_tried_once_then_an_answer_is_the_end(
    bench: Bench,
) -> None:
    job = await bench.job(only_once="the camera said nothing")
    bench.run()
    await bench.until_over()
    assert len(bench.download.asked_s) == 1
    assert job.record.reason == (
        "the camera said nothing; the download was tried all the same: not there"
    )


async def test_job_when_its_folder_is_gone_then_the_others_go_on(
    bench: Bench,
) -> None:
    lost = await bench.job("lost")
    await asyncio.to_thread(lost.remove)
    await bench.job("other")
    bench.run(download_timeout_s=1000.0)
    await bench.until_over()
    assert "other" in bench.download.asked_for
