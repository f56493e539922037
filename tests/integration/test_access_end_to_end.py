# Tests of viewing tokens with a real Moonraker and a real browser.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What user interfaces read in Moonraker opens the camera, and nothing else does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from moonraker_prusacam.access_options import AccessConfig
from moonraker_prusacam.app import Engine
from moonraker_prusacam.config import CameraConfig, Config, EngineConfig
from moonraker_prusacam.emulator.camera import SyntheticCamera
from moonraker_prusacam.emulator.stand import Stand
from tests.support.browser import Browser, find_chromium

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 20.0
CHROMIUM = find_chromium()
WIDTH, HEIGHT = 320, 180


async def webcam(stand: Stand) -> dict[str, Any]:
    """The only webcam of Moonraker's list, when it is there."""
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await stand.moonraker.request("GET", "/server/webcams/list")
            if answer["webcams"]:
                (found,) = answer["webcams"]
                assert isinstance(found, dict)
                return found
            await asyncio.sleep(0.05)


async def status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        return answer.status


@pytest.mark.moonraker
@pytest.mark.timeout(150)
async def test_webcam_when_tokens_are_on_then_moonraker_has_one_until_it_is_revoked(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder: Path = tmp_path_factory.mktemp("s")
    access = "[access]\nrequire_token: True\n"
    async with (
        Stand(folder, camera_options=access) as stand,
        aiohttp.ClientSession() as session,
    ):
        # The stand's port is one that no nginx forwards, so addresses are whole.
        before = await webcam(stand)
        assert await status(session, before["snapshot_url"]) == 200
        assert await status(session, before["stream_url"]) == 200
        bare = before["snapshot_url"].partition("?")[0]
        assert await status(session, bare) == 401
        (token,) = parse_qs(urlsplit(before["snapshot_url"]).query)["token"]
        told = await stand.moonraker.request("GET", "/server/prusacam/status")
        assert token not in str(told)
        findings = await stand.call_engine("engine.doctor", dry_run=True)
        assert token not in str(findings)
        states = {each["name"]: each["state"] for each in findings["findings"]}
        assert states["moonraker"] == "ok"

        await stand.call_engine("engine.revoke_tokens")
        async with asyncio.timeout(WAIT_S):
            while (after := await webcam(stand)) == before:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await status(session, before["snapshot_url"]) == 401
        assert await status(session, after["snapshot_url"]) == 200
        log = await asyncio.to_thread(read_logs, folder)
    assert token not in log


def read_logs(folder: Path) -> str:
    """All logs below ``folder``, Moonraker's among them."""
    logs = [file.read_text(errors="replace") for file in folder.rglob("*.log")]
    assert logs
    return "".join(logs)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
async def test_page_when_opened_with_a_token_then_it_shows_what_the_token_opens(
    tmp_path: Path,
) -> None:
    assert CHROMIUM is not None
    feed = SyntheticCamera(width=WIDTH, height=HEIGHT, fps=15)
    await feed.start()
    try:
        source = f"tcp://127.0.0.1:{feed.port}"
        config = Config(
            EngineConfig(data_path=tmp_path, port=0),
            (CameraConfig(name="bed", source=source, webcam_url="/"),),
            access=AccessConfig(require_token=True),
        )
        async with (
            Engine(config) as engine,
            Browser(CHROMIUM, tmp_path / "p") as browser,
        ):
            assert engine.viewing is not None
            token = engine.viewing.tokens.issue(None, 60.0)
            url = f"http://127.0.0.1:{engine.web.port}/"
            page = await browser.open(f"{url}?token={token}")
            await page.until(f"document.querySelector('img')?.naturalWidth === {WIDTH}")
            await page.until("document.querySelectorAll('figure.live').length === 1")
            closed = await browser.open(url)
            await closed.until("document.body?.innerText.includes('viewing token')")
    finally:
        await feed.aclose()
