# Tests of what the engine tells of the way of frames.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every stage of a frame's way in /status.json, with and without viewers."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam import status
from moonraker_prusacam.app import Engine
from moonraker_prusacam.camera import intake, scanner
from moonraker_prusacam.config import loads
from moonraker_prusacam.emulator.camera import SyntheticCamera
from moonraker_prusacam.web import pump
from tests.support.viewers import WAIT_S, HttpClient, StrictParser

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
[engine]
data_path: {folder}
socket: {folder}/engine.sock
port: 0

[camera bed]
source: tcp://127.0.0.1:{port}
"""


async def ask(engine: Engine) -> dict[str, Any]:
    async with HttpClient("127.0.0.1", engine.web.port) as client:
        answer = await client.read_answer("/status.json")
    told: dict[str, Any] = json.loads(answer.body)["cameras"][0]
    return told


async def test_status_when_somebody_watches_then_every_stage_is_told(
    tmp_path: Path,
) -> None:
    feed = SyntheticCamera(width=160, height=120, fps=100)
    await feed.start()
    try:
        text = CONFIG.format(folder=tmp_path, port=feed.port)
        async with (
            Engine(loads(text)) as engine,
            asyncio.timeout(WAIT_S),
        ):
            await engine.cameras["bed"].wait_newer(0, WAIT_S)
            assert (await ask(engine))["streams"] == []
            assert (await ask(engine))["latency_ms"]["deliver"] is None
            async with HttpClient("127.0.0.1", engine.web.port) as viewer:
                head = await viewer.ask("/stream.mjpg")
                await viewer.read_frames(StrictParser(head.content_type), 20)
                told = await ask(engine)
                assert told["viewers"] == 1
                (stream,) = told["streams"]
                assert stream["address"] == "127.0.0.1"
                assert stream["frames"] >= 19  # what is seen may not be counted yet
                assert stream["bytes"] > 20_000
            assert told["fps"] > 0
            assert told["frames"] >= 20
            for stage in told["latency_ms"].values():
                assert 0 <= stage["p50"] <= stage["p99"] < 1e3 * WAIT_S
            memory = told["memory"]
            if scanner.IMPLEMENTATION == "c":
                assert 0 < memory["bytes"] <= memory["peak_bytes"]
                assert memory["peak_bytes"] <= memory["limit_bytes"]
            lost = ("truncated", "oversize", "malformed", "without_memory", "not_taken")
            assert [told[name] for name in lost] == [0] * 5
    finally:
        await feed.aclose()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        ([3.0], {"p50": 3.0, "p99": 3.0}),
        (list(range(101)), {"p50": 50, "p99": 99}),
        ([5.0, 1.0, 3.0], {"p50": 3.0, "p99": 5.0}),
    ],
)
def test_percentiles(values: list[float], expected: dict[str, float] | None) -> None:
    assert status.percentiles(values) == expected


@pytest.mark.parametrize(
    ("twins", "words"),
    [
        (("c", "c", "c"), "compiled"),
        (("python", "python", "python"), "pure Python"),
        (("c", "python", "c"), "intake not compiled"),
        (("c", "python", "python"), "intake, pump not compiled"),
    ],
)
def test_hot_path_then_it_tells_what_is_compiled(
    twins: tuple[str, str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, twin in zip((scanner, intake, pump), twins, strict=True):
        monkeypatch.setattr(module, "IMPLEMENTATION", twin)
    assert status.hot_path() == words
