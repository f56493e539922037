# Uploads of snapshots to a local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The uploader's policy: when it sends, what it sends, and what refusals change."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from moonraker_prusacam.camera import Camera
from moonraker_prusacam.config import CameraConfig, ConnectConfig
from moonraker_prusacam.connect import schedule as schedule_module
from moonraker_prusacam.connect import uploader as uploader_module
from moonraker_prusacam.connect.api import ConnectApi
from moonraker_prusacam.connect.uploader import SnapshotUploader
from moonraker_prusacam.connect_options import UploadWhen
from moonraker_prusacam.emulator.connect import LocalConnect
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    FrameUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    SnapshotUnfit,
    TokenRejected,
)
from moonraker_prusacam.print_job import PrintEvent, PrintEventKind, PrintState
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.tasks import TaskOwner
from tests.support import jpeg
from tests.support.clock import VirtualClock
from tests.support.events import Events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

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

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = StubSource()
        self.camera = Camera(
            CameraConfig("front", source="tcp://unused", stale_after_s=60.0),
            self.source,
        )
        self.connect = LocalConnect()
        self.events = Events()
        self._tasks = TaskOwner("bench")
        self._closers: list[Callable[[], Any]] = []

    async def start(self) -> None:
        self.camera_in_connect = self.connect.add_camera(TOKEN)
        await self.connect.start()
        self.camera.start()

    async def uploader(self, scheme: str | None, **options: Any) -> SnapshotUploader:
        token = Secret(options.pop("token", TOKEN))
        clock = options.pop("clock", None)
        api = ConnectApi(self.connect.url, token, FINGERPRINT, timeout_s=2.0)
        made = SnapshotUploader(
            ConnectConfig("front", token=token, trigger_scheme=scheme, **options),
            self.camera,
            api,
            lambda width, height: {"config": {"name": f"front {width}x{height}"}},
            self.events,
            self.path / "front.state.json",
            clock=clock,
            min_gap_s=GAP_S,
        )
        self._closers = [made.aclose, api.aclose, *self._closers]
        await made.start()
        return made

    def roll(self) -> None:
        """Let the camera give a new picture every 20 ms."""

        async def film() -> None:
            for seed in itertools.count():
                await self.source.show(jpeg.picture(48, 32, seed=seed % 50))
                await asyncio.sleep(0.02)

        self._tasks.start("film", film())

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
        await self._tasks.aclose()
        await self.camera.aclose()
        await self.connect.aclose()


@pytest.fixture
async def bench(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Bench]:
    # Real periods and back-offs are minutes; their order of size is kept.
    monkeypatch.setattr(
        schedule_module,
        "PERIOD_S",
        {"TEN_SEC": 0.3, "THIRTY_SEC": 30.0, "TEN_MIN": 600.0},
    )
    monkeypatch.setattr(schedule_module, "FIRST_BACKOFF_S", 0.3)
    monkeypatch.setattr(schedule_module, "FRAME_RETRY_S", 0.3)
    monkeypatch.setattr(uploader_module, "FRAME_TIMEOUT_S", 0.3)
    opened = Bench(tmp_path)
    await opened.start()
    yield opened
    await opened.aclose()


def event(kind: str, layer: int | None = None) -> PrintEvent:
    state = PrintState("printing", "a.gcode", 1.0, layer, None)
    return PrintEvent(PrintEventKind(kind), state, time.monotonic_ns())


async def test_period_then_newest_frames_are_sent_with_gaps(bench: Bench) -> None:
    await bench.uploader("TEN_SEC")
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
    uploader = await bench.uploader(scheme)
    uploader.handle(event("layer", 1))
    await uploader.upload()
    assert bench.snapshots[0].started_s - started_s >= GAP_S


async def test_first_upload_then_info_goes_before_it_once(bench: Bench) -> None:
    await bench.uploader("TEN_SEC")
    bench.roll()
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
    await bench.uploader("TEN_SEC")
    bench.roll()
    await bench.accepted(2)
    assert [r.path for r in bench.connect.requests].count("/c/info") == 1


@pytest.mark.parametrize(
    ("scheme", "layers"), [("EACH_LAYER", [1, 2, 3]), ("FIFTH_LAYER", [1, 6, 11])]
)
async def test_layers_then_the_right_ones_are_sent(
    bench: Bench, scheme: str, layers: list[int]
) -> None:
    uploader = await bench.uploader(scheme)
    bench.roll()
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
    uploader = await bench.uploader(scheme)
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
    uploader = await bench.uploader("MANUAL")
    await bench.source.show(jpeg.picture())
    await asyncio.gather(*(uploader.upload() for _ in range(10)))
    assert len(bench.snapshots) == 1


async def test_upload_when_there_is_no_picture_then_reason_and_no_request(
    bench: Bench,
) -> None:
    uploader = await bench.uploader("MANUAL")
    with pytest.raises(FrameUnavailable, match="front"):
        await uploader.upload()
    assert bench.connect.requests == []
    await bench.source.show(jpeg.picture())
    await uploader.upload()


async def test_token_when_it_is_wrong_then_told_once_and_never_forgotten(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = "x" * 20
    uploader = await bench.uploader("TEN_SEC", token=wrong)
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
    uploader = await bench.uploader("TEN_SEC")
    await bench.source.show(jpeg.picture())
    (told,) = await bench.events.until(lambda: bench.events.of("accepted"))
    assert (told["accepted"], told["failed"], told["error"]) == (1, 3, None)
    assert uploader.status["error"] is None


async def test_layers_when_server_has_just_refused_then_they_do_not_knock(
    bench: Bench,
) -> None:
    bench.connect.fail_next(503, headers={"Retry-After": "600"})
    uploader = await bench.uploader("EACH_LAYER")
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
    uploader = await bench.uploader("MANUAL")
    await bench.source.show(jpeg.picture())
    await bench.connect.aclose()
    with pytest.raises(ConnectUnavailable):
        await uploader.upload()


async def test_aclose_when_an_upload_waits_then_it_is_cancelled(bench: Bench) -> None:
    uploader = await bench.uploader("MANUAL")
    waiting = asyncio.create_task(uploader.upload())
    await asyncio.sleep(0)
    await uploader.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_upload_when_a_defect_shows_then_its_caller_is_told_and_it_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploader = await bench.uploader("MANUAL")
    await bench.source.show(jpeg.picture())

    async def fail(_api: ConnectApi, _jpeg: bytes) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(ConnectApi, "put_snapshot", fail)
        with pytest.raises(PrusaConnectError, match="see the log"):
            await uploader.upload()
    await uploader.upload()
    await bench.accepted(1)


async def test_camera_when_it_is_frozen_then_nothing_is_sent_and_it_is_told_since_when(
    bench: Bench,
) -> None:
    uploader = await bench.uploader("TEN_SEC")
    picture = jpeg.picture(48, 32)
    await bench.source.show(picture)
    await bench.accepted(1)
    told = (await bench.events.until(lambda: bench.events.of("failed")))[0]
    assert told["state"] == "frozen"
    assert "frozen since" in told["error"]
    await bench.source.show(picture)
    with pytest.raises(SnapshotUnfit, match="frozen since"):
        await uploader.upload()
    assert len(bench.snapshots) == 1
    await bench.source.show(jpeg.picture(48, 32, seed=1))
    await bench.accepted(2)
    await bench.events.until(lambda: len(bench.events.of("accepted")) == 2)
    assert uploader.status["frozen_since"] is None
    assert uploader.status["state"] == "accepted"


async def test_picture_when_it_is_damaged_then_the_next_one_is_sent(
    bench: Bench,
) -> None:
    uploader = await bench.uploader("TEN_SEC")
    whole = jpeg.picture(640, 480)
    await bench.source.show(whole[: len(whole) // 2] + b"\xff\xd9")
    (told,) = await bench.events.until(lambda: bench.events.of("failed"))
    assert "damaged" in told["error"]
    assert told["failures"] == {"picture": 1}
    await bench.source.show(whole)
    await bench.accepted(1)
    assert bench.connect.last_image(TOKEN) == whole
    assert bench.snapshots[0].whole_jpeg
    assert uploader.status["failed"] >= 1


async def test_picture_when_it_is_black_then_it_is_sent_and_told(bench: Bench) -> None:
    uploader = await bench.uploader("MANUAL")
    for shade, is_black in ((0, True), (1, True), (90, False)):
        out = io.BytesIO()
        Image.new("L", (64, 48), shade).save(out, "JPEG")
        await bench.source.show(out.getvalue())
        await uploader.upload()
        assert (uploader.status["black_since"] is not None) == is_black


async def test_snapshot_when_it_is_too_large_then_smaller_ones_go(bench: Bench) -> None:
    uploader = await bench.uploader("MANUAL")
    pictures = [jpeg.picture(640, 480, seed=seed) for seed in (1, 2)]
    await bench.source.show(pictures[0])
    bench.connect.fail_next(200, body="{}")  # the description
    bench.connect.fail_next(413)
    await uploader.upload()
    first, second = bench.snapshots
    assert (first.status, second.status) == (413, 204)
    assert second.started_s - first.ended_s >= GAP_S * 0.9
    sent = bench.connect.last_image(TOKEN)
    assert sent is not None
    assert len(sent) < len(pictures[0]) / 2
    await bench.source.show(pictures[1])
    bench.connect.fail_next(413)
    with pytest.raises(SnapshotRejected, match="too large"):
        await uploader.upload()


async def test_page_when_another_scheme_is_chosen_there_then_it_is_followed(
    bench: Bench,
) -> None:
    bench.camera_in_connect.trigger_scheme = "TEN_SEC"
    uploader = await bench.uploader(None)
    assert uploader.status["trigger_scheme"] == "THIRTY_SEC"
    bench.roll()
    await bench.accepted(3)  # every 0.3 s, not every half minute
    assert uploader.status["trigger_scheme"] == "TEN_SEC"
    assert uploader.status["chosen_in"] == "Prusa Connect"
    info = next(r for r in bench.connect.requests if r.path == "/c/info")
    assert b"trigger_scheme" not in json.dumps(info.as_json()).encode()
    # It is known from the start when the engine starts anew, without a network.
    await uploader.aclose()
    bench.connect.fail_next(503, count=100)
    again = await bench.uploader(None)
    assert again.status["trigger_scheme"] == "TEN_SEC"


async def test_engine_when_it_starts_anew_then_the_schedule_goes_on(
    bench: Bench,
) -> None:
    uploader = await bench.uploader("TEN_MIN")
    await bench.source.show(jpeg.picture())
    await bench.accepted(1)
    await bench.events.until(lambda: bench.events.of("accepted"))
    await uploader.aclose()
    again = await bench.uploader("TEN_MIN")
    assert 500 < again.status["next_in_s"] <= 600


async def test_upload_when_printing_then_only_prints_are_sent(bench: Bench) -> None:
    uploader = await bench.uploader("TEN_SEC", upload_when=UploadWhen.parse("printing"))
    bench.roll()
    assert uploader.status["next_in_s"] is None
    uploader.handle(event("started"))
    await bench.accepted(2)
    uploader.handle(
        PrintEvent(
            PrintEventKind.COMPLETE,
            PrintState("complete", "a.gcode", 1.0, None, None),
            time.monotonic_ns(),
        )
    )
    sent = bench.connect.accepted(TOKEN)
    await bench.accepted(sent + 1)  # the result
    await bench.events.until(lambda: uploader.status["next_in_s"] is None)


async def test_hourly_limit_when_it_is_used_up_then_it_is_told(bench: Bench) -> None:
    uploader = await bench.uploader("TEN_SEC", max_bytes_per_hour=1)
    bench.roll()
    await bench.accepted(1)
    await bench.events.until(lambda: bench.events.of("accepted"))
    assert uploader.status["over_hourly_limit"]
    assert uploader.status["next_in_s"] > 3500
    with pytest.raises(SnapshotRejected, match="max_bytes_per_hour"):
        await uploader.upload()


async def test_trouble_when_it_lasts_a_quarter_of_an_hour_then_an_alarm_and_its_end(
    bench: Bench,
) -> None:
    clock = VirtualClock()
    bench.connect.fail_next(503, count=20)
    await bench.uploader("TEN_SEC", clock=clock)
    bench.roll()
    (alarm,) = await bench.events.until(lambda: bench.events.of("alarm"))
    assert alarm["alarm"]
    assert "busy or out of order" in alarm["error"]
    (end,) = await bench.events.until(
        lambda: bench.events.of("accepted", recovered=True)
    )
    assert not end["alarm"]
    assert len(bench.events.of("alarm")) == 1


async def test_clock_of_the_wall_when_it_jumps_then_uploads_go_on(bench: Bench) -> None:
    clock = VirtualClock()
    uploader = await bench.uploader("TEN_SEC", clock=clock)
    bench.roll()
    for count, jump_s in enumerate((-1e9, 2e9, -5.0), 1):
        await bench.accepted(count)
        clock.wall += jump_s
    # Virtual seconds are shorter than the camera's.
    assert uploader.status["failures"].keys() <= {"picture"}


@pytest.mark.parametrize("scheme", ["MANUAL", "EACH_LAYER"])
async def test_start_when_nothing_is_due_then_the_camera_introduces_itself(
    bench: Bench, scheme: str
) -> None:
    bench.camera_in_connect.trigger_scheme = "TEN_SEC"
    bench.roll()
    await bench.uploader(scheme)
    await bench.accepted(1)  # what was chosen in the page counts
    assert [r.path for r in bench.connect.requests][:2] == ["/c/info", "/c/snapshot"]


async def test_start_when_the_introduction_fails_then_it_is_told(bench: Bench) -> None:
    bench.roll()
    uploader = await bench.uploader("MANUAL", token="y" * 20)
    (told,) = await bench.events.until(lambda: bench.events.of("failed"))
    assert told["failures"] == {"token": 1}
    assert uploader.status["next_in_s"] is None
    assert bench.snapshots == []


async def test_pause_when_the_page_tells_it_then_it_lasts_over_a_restart(
    bench: Bench,
) -> None:
    uploader = await bench.uploader("TEN_SEC")
    bench.roll()
    await bench.accepted(1)
    await uploader.set_paused(is_paused=True)
    assert uploader.status["paused"]
    assert uploader.status["chosen_in"] == "Prusa Connect"
    assert uploader.status["next_in_s"] is None
    await uploader.aclose()
    again = await bench.uploader("TEN_SEC")
    assert again.status["paused"]
    count = bench.connect.accepted(TOKEN)
    await again.upload()  # which somebody asked for
    assert bench.connect.accepted(TOKEN) == count + 1
    await again.set_paused(is_paused=False)
    await bench.accepted(count + 2)


async def test_interval_when_the_page_tells_one_then_it_is_kept(bench: Bench) -> None:
    uploader = await bench.uploader("MANUAL")
    bench.roll()
    await uploader.set_interval(10)
    assert uploader.status["interval_s"] == 10
    assert uploader.status["next_in_s"] <= 10
    await uploader.aclose()
    assert (await bench.uploader("MANUAL")).status["interval_s"] == 10
    assert (await bench.uploader("TEN_SEC")).status["interval_s"] is None
