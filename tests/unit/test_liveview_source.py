# Tests of the source of X1, X2, H2 and P2S printers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Their video comes through the relay, by a TLS that knows the printer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.camera.attempt import Stage
from moonraker_prusacam.camera.rtsp.decoder import Profile
from moonraker_prusacam.camera.sources import Host, liveview
from moonraker_prusacam.camera.sources.liveview import PROFILES, LiveviewSource
from moonraker_prusacam.errors import SourceRefused, SourceUnavailable
from moonraker_prusacam.ffmpeg_program import find_ffmpeg
from moonraker_prusacam.secret import Secret
from moonraker_prusacam.source_url import BAMBU_RTSP_MODELS
from tests.support.bambu import CODE, first_context, printer_context
from tests.support.rtsp_camera import Recording, RtspCamera, h264, record
from tests.support.sources import Received, closed_port, source_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from moonraker_prusacam.camera.sources import Source

PATH = "/streaming/live/1"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return asyncio.run(record(find_ffmpeg(None), *h264(2)))


@pytest.fixture
async def printer(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RtspCamera]:
    async with RtspCamera(recording, first_context()) as camera:
        camera.behaviour.path = PATH
        camera.behaviour.user = "bblp"
        camera.behaviour.password = CODE
        monkeypatch.setattr(liveview, "PORT", camera.port)
        yield camera


def source(host: Host, model: str = "X1C", code: str = CODE, **options: Any) -> Source:
    options = {"access_code": Secret(code)} | options
    return source_of(f"bambu://127.0.0.1?model={model}", host, **options)


@pytest.mark.parametrize("model", sorted(BAMBU_RTSP_MODELS))
def test_open_source_when_the_model_speaks_rtsp_then_that(
    model: str, host: Host
) -> None:
    assert isinstance(source(host, model.lower()), LiveviewSource)


@pytest.mark.parametrize("model", ["X1C", "P2S"])
async def test_run_when_the_printer_plays_then_there_are_pictures(
    host: Host, printer: RtspCamera, model: str
) -> None:
    received = Received()
    task = asyncio.get_running_loop().create_task(source(host, model).run(received))
    await received.frames(5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await printer.left()
    newest = received.newest
    assert newest is not None
    assert (newest.width, newest.height) == (320, 240)
    assert Stage.AUTHENTICATED in received.attempt.durations_s
    assert printer.connections == 1
    urls = {request.url for request in printer.requests}
    assert f"rtsps://127.0.0.1:{printer.port}{PATH}" in urls
    assert not [request for request in printer.requests if CODE in str(request)]


async def test_run_when_the_code_is_wrong_then_told_what_to_compare(
    host: Host, printer: RtspCamera
) -> None:
    with pytest.raises(SourceRefused, match="not accept the access code") as caught:
        await source(host, code="wr0ngc0d").run(Received())
    assert "compare 'access_code' with" in caught.value.advice
    assert "wr0ngc0d" not in f"{caught.value} {caught.value.advice}"
    await printer.left()


async def test_run_when_the_certificate_has_changed_then_nothing_is_asked(
    host: Host, printer: RtspCamera, recording: Recording
) -> None:
    with pytest.raises(SourceRefused):
        await source(host, code="wr0ngc0d").run(Received())
    asked = len(printer.requests)
    async with RtspCamera(recording, printer_context()) as other:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(liveview, "PORT", other.port)
            with pytest.raises(SourceRefused, match="another certificate") as caught:
                await source(host).run(Received())
        await other.left()
        assert not other.requests
    assert "prusacam camera trust bed" in caught.value.advice
    assert len(printer.requests) == asked


async def test_run_when_nothing_listens_then_it_tells_of_the_liveview(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveview, "PORT", closed_port())
    with pytest.raises(SourceUnavailable, match="nothing listens at 127") as caught:
        await source(host).run(Received())
    assert "LAN-only liveview" in caught.value.advice


@pytest.mark.parametrize("name", ["P2S", "N7"])
def test_profile_when_the_model_is_slow_then_by_both_of_its_names(name: str) -> None:
    assert PROFILES[name] == Profile(probe_bytes=1_000_000, analyze_us=500_000)
