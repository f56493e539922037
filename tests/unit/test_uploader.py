# Uploads of snapshots to a local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uploader's policy: when it sends, what it sends, and what refusals change."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.config import CameraConfig, ConnectConfig
from moonraker_prusacam.connect import uploader as uploader_module
from moonraker_prusacam.connect.api import ConnectApi
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.emulator.connect import LocalConnect
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    FrameUnavailable,
    PrusaConnectError,
    TokenRejected,
)
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.secret import Secret
from tests.support import jpeg
from tests.support.events import Events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from typing_extensions import Buffer

    from moonraker_prusacam.camera.receiver import Receiver

TOKEN = "aB3_-6789012345678xY"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
GAP_S = 0.2
WAIT_S = 10.0


class StubSource:
    """A source that delivers what the test hands to it."""

    def __init__(self) -> None:
        self._deliver: Callable[[Buffer], None] | None = None
        self._running = asyncio.Event()

    async def run(self, receiver: Receiver) -> None:
        self._deliver = receiver.feed
        self._running.set()
        await asyncio.Event().wait()

    async def show(self, picture: bytes) -> None:
        await self._running.wait()
        assert self._deliver is not None
        self._deliver(picture)


class Bench:
    """One camera, one Prusa Connect, and uploaders between them."""

    def __init__(self) -> None:
        self.source = StubSource()
        self.camera = Camera(
            CameraConfig("front", source="tcp://unused", stale_after_s=60.0),
            self.source,
        )
        self.connect = LocalConnect()
        self.events = Events()
        self._closers: list[Callable[[], Any]] = []

    async def start(self) -> None:
        self.connect.add_camera(TOKEN)
        await self.connect.start()
        self.camera.start()

    def uploader(self, scheme: str, **options: Any) -> SnapshotUploader:
        token = Secret(options.pop("token", TOKEN))
        api = ConnectApi(self.connect.url, token, FINGERPRINT, timeout_s=2.0)
        made = SnapshotUploader(
            ConnectConfig("front", token=token, trigger_scheme=scheme),
            self.camera,
            api,
            {"name": "front"},
            self.events,
            min_gap_s=GAP_S,
        )
        self._closers = [made.aclose, api.aclose, *self._closers]
        made.start()
        return made

    @property
    def snapshots(self) -> list[Any]:
        return [r for r in self.connect.requests if r.path == "/c/snapshot"]

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.connect.wait_for(condition, WAIT_S)

    async def accepted(self, count: int) -> None:
        await self.until(lambda: self.connect.accepted(TOKEN) >= count)

    async def aclose(self) -> None:
        for close in self._closers:
            await close()
        await self.camera.aclose()
        await self.connect.aclose()


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    # Real periods and back-offs are minutes; their order of size is kept.
    monkeypatch.setattr(uploader_module, "PERIOD_S", {"TEN_SEC": 0.3, "TEN_MIN": 600.0})
    monkeypatch.setattr(uploader_module, "FIRST_BACKOFF_S", 0.3)
    monkeypatch.setattr(uploader_module, "FRAME_TIMEOUT_S", 0.3)
    opened = Bench()
    await opened.start()
    yield opened
    await opened.aclose()


def event(kind: str, layer: int | None = None) -> PrintEvent:
    state = PrintState("printing", "a.gcode", 1.0, layer, None)
    return PrintEvent(PrintEventKind(kind), state, time.monotonic_ns())


async def test_period_then_newest_frames_are_sent_with_gaps(bench: Bench) -> None:
    bench.uploader("TEN_SEC")
    pictures = [jpeg.picture(seed=seed) for seed in range(3)]
    for number, picture in enumerate(pictures, 1):
        await bench.source.show(picture)
        await bench.accepted(number)
        assert bench.connect.last_image(TOKEN) == picture
    gap_s = bench.connect.min_gap_s(TOKEN)
    assert gap_s is not None
    assert gap_s >= GAP_S


@pytest.mark.parametrize("scheme", ["TEN_SEC", "EACH_LAYER", "MANUAL"])
async def test_first_upload_then_it_keeps_the_gap_to_an_engine_that_was_killed(
    bench: Bench, scheme: str
) -> None:
    await bench.source.show(jpeg.picture())
    started_s = time.monotonic()
    uploader = bench.uploader(scheme)
    uploader.handle(event("layer", 1))
    await uploader.upload()
    assert bench.snapshots[0].started_s - started_s >= GAP_S


async def test_first_upload_then_info_goes_before_it_once(bench: Bench) -> None:
    bench.uploader("TEN_SEC")
    await bench.source.show(jpeg.picture(48, 32))
    await bench.accepted(2)
    assert [r.path for r in bench.connect.requests] == [
        "/c/info",
        "/c/snapshot",
        "/c/snapshot",
    ]


async def test_info_when_it_is_refused_then_pictures_are_sent_all_the_same(
    bench: Bench,
) -> None:
    bench.connect.fail_next(400, body='{"message": "Request body validation error"}')
    bench.uploader("TEN_SEC")
    await bench.source.show(jpeg.picture())
    await bench.accepted(2)
    assert [r.path for r in bench.connect.requests].count("/c/info") == 1


@pytest.mark.parametrize(
    ("scheme", "layers"), [("EACH_LAYER", [1, 2, 3]), ("FIFTH_LAYER", [1, 6, 11])]
)
async def test_layers_then_the_right_ones_are_sent(
    bench: Bench, scheme: str, layers: list[int]
) -> None:
    uploader = bench.uploader(scheme)
    await bench.source.show(jpeg.picture())
    sent = 0
    for layer in range(1, layers[-1] + 1):
        uploader.handle(event("layer", layer))
        uploader.handle(event("layer", layer))
        if layer in layers:
            sent += 1
            await bench.accepted(sent)
    assert bench.connect.accepted(TOKEN) == len(layers)


@pytest.mark.parametrize("scheme", ["MANUAL", "GCODE", "TEN_MIN"])
@pytest.mark.parametrize("kind", ["complete", "cancelled", "error"])
async def test_print_when_it_ends_then_a_last_snapshot_is_sent(
    bench: Bench, scheme: str, kind: str
) -> None:
    uploader = bench.uploader(scheme)
    await bench.source.show(jpeg.picture())
    before = 0
    if scheme == "TEN_MIN":
        before = 1
        await bench.accepted(1)
    last = jpeg.picture(seed=9)
    await bench.source.show(last)
    uploader.handle(event(kind))
    await bench.accepted(before + 1)
    assert bench.connect.last_image(TOKEN) == last


async def test_upload_when_asked_ten_times_at_once_then_one_request_serves_all(
    bench: Bench,
) -> None:
    uploader = bench.uploader("MANUAL")
    await bench.source.show(jpeg.picture())
    await asyncio.gather(*(uploader.upload() for _ in range(10)))
    assert len(bench.snapshots) == 1


async def test_upload_when_there_is_no_picture_then_reason_and_no_request(
    bench: Bench,
) -> None:
    uploader = bench.uploader("MANUAL")
    with pytest.raises(FrameUnavailable, match="front"):
        await uploader.upload()
    assert bench.connect.requests == []
    await bench.source.show(jpeg.picture())
    await uploader.upload()


async def test_token_when_it_is_wrong_then_told_once_and_never_forgotten(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "x" * 20
    uploader = bench.uploader("TEN_SEC", token=wrong)
    await bench.source.show(jpeg.picture())
    with pytest.raises(TokenRejected, match="Add new other camera"):
        await uploader.upload()
    with pytest.raises(TokenRejected):
        await uploader.upload()  # a request of the user's is always tried
    assert [e["event"] for e in bench.events.all] == ["failed"]
    assert len([r for r in caplog.records if "Prusa Connect" in r.message]) == 1
    assert "Add new other camera" in uploader.status["error"]
    told = caplog.text + json.dumps([uploader.status, bench.events.all])
    assert wrong not in told
    assert FINGERPRINT not in told


async def test_server_when_it_is_down_for_a_while_then_uploads_come_back(
    bench: Bench,
) -> None:
    bench.connect.fail_next(503, count=3, body="maintenance")
    uploader = bench.uploader("TEN_SEC")
    await bench.source.show(jpeg.picture())
    (told,) = await bench.events.until(lambda: bench.events.of("accepted"))
    assert (told["accepted"], told["failed"], told["error"]) == (1, 3, None)
    assert uploader.status["error"] is None


async def test_layers_when_server_has_just_refused_then_they_do_not_knock(
    bench: Bench,
) -> None:
    bench.connect.fail_next(503, headers={"Retry-After": "600"})
    uploader = bench.uploader("EACH_LAYER")
    await bench.source.show(jpeg.picture())
    uploader.handle(event("layer", 1))
    await bench.events.until(lambda: bench.events.of("failed"))
    for layer in range(2, 20):
        uploader.handle(event("layer", layer))
    await uploader.upload()
    assert len(bench.snapshots) == 1
    assert len(bench.connect.requests) == 3  # the refused info, info, snapshot


async def test_server_when_nobody_listens_then_error_is_retryable(
    bench: Bench,
) -> None:
    uploader = bench.uploader("MANUAL")
    await bench.source.show(jpeg.picture())
    await bench.connect.aclose()
    with pytest.raises(ConnectUnavailable):
        await uploader.upload()


async def test_aclose_when_an_upload_waits_then_it_is_cancelled(bench: Bench) -> None:
    uploader = bench.uploader("MANUAL")
    waiting = asyncio.create_task(uploader.upload())
    await asyncio.sleep(0)
    await uploader.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_upload_when_a_defect_shows_then_its_caller_is_told_and_it_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploader = bench.uploader("MANUAL")
    await bench.source.show(jpeg.picture())

    async def fail(_api: ConnectApi, _jpeg: bytes) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(ConnectApi, "put_snapshot", fail)
        with pytest.raises(PrusaConnectError, match="see the log"):
            await uploader.upload()
    await uploader.upload()
    await bench.accepted(1)
