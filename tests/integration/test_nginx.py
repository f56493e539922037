# Tests behind a real nginx.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stock hosts need no change; the snippet tells who asks, and no file has a token."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.config import EngineConfig
from moonraker_prusacam.doctor import proxy
from moonraker_prusacam.doctor.proxy import examine_proxy
from moonraker_prusacam.networks import networks
from moonraker_prusacam.nginx import location, server
from tests.support import nginx
from tests.support.guarded_site import GuardedSite, guarded, request
from tests.support.pushed_source import picture
from tests.support.viewers import (
    FluiddParser,
    HttpClient,
    MainsailParser,
    MobilerakerParser,
    StrictParser,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from tests.support.viewers import Head, Parser

pytestmark = nginx.needs_nginx

HOUR_S = 3600.0
LAN = "127.0.0.66"  # stands for another host of the network
STRANGER = "127.0.0.99"
NGINX_ADDRESS = "127.0.0.9"
VIEWERS: dict[str, Callable[[str], Parser]] = {
    "mainsail": MainsailParser,
    "fluidd": FluiddParser,
    "mobileraker": MobilerakerParser,
    "strict": StrictParser,
}
TRUSTING: dict[str, Any] = {
    "require_token": True,
    "trusted_networks": networks(LAN),
    "trusted_proxies": networks("127.0.0.1"),
}


class Behind:
    """A site, and the port of nginx before it."""

    def __init__(self, site: GuardedSite, port: int) -> None:
        self.site = site
        self.port = port

    @asynccontextmanager
    async def asking(
        self, target: str, *headers: str, address: str = STRANGER
    ) -> AsyncIterator[tuple[HttpClient, Head]]:
        """A request to nginx from ``address``, and the head of what it answers."""
        client = HttpClient("127.0.0.1", self.port)
        client.socket.bind((address, 0))
        async with client:
            host = f"Host: 127.0.0.1:{self.port}"
            await client.send(request(target, host, *headers))
            yield client, await client.read_head()

    async def status(self, target: str, *headers: str, address: str = STRANGER) -> int:
        async with self.asking(target, *headers, address=address) as (_, head):
            return head.status


def configuration(kind: str, engine_port: int) -> str:
    """The servers of a ``kind`` of host."""
    engine = EngineConfig(port=engine_port)
    if kind == "snippet":
        return nginx.with_location(location(engine, "/webcam2/"))
    if kind == "server":
        made = server(engine, "127.0.0.1:7127")
        return made.replace("127.0.0.1:7127", f"127.0.0.1:{nginx.PORT}")
    return nginx.stock(engine_port, is_buffered=kind == "stock, buffered")


@asynccontextmanager
async def behind(
    folder: Path, kind: str, *, bind: str = "127.0.0.1", **access: Any
) -> AsyncIterator[Behind]:
    """A site behind an nginx that connects to it from the address ``bind``."""
    async with guarded(folder / "state", "bed", **access) as site:
        port = site.web.port
        servers = await asyncio.to_thread(configuration, kind, port)
        servers = servers.replace("proxy_pass", f"proxy_bind {bind};\nproxy_pass")
        async with nginx.running(folder / "nginx", servers) as port:
            yield Behind(site, port)


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("kind", ["stock", "stock, buffered", "snippet"])
async def test_stream_when_behind_nginx_then_each_frame_comes_before_the_next(
    tmp_path: Path, kind: str, viewer: str
) -> None:
    async with (
        behind(tmp_path, kind) as host,
        host.asking("/webcam2/stream.mjpg?placeholder=1&timestamp=1") as (client, head),
    ):
        assert head.status == 200
        parser = nginx.body_parser(VIEWERS[viewer], head)
        for number in range(5):
            if number:
                host.site.send(picture(number))
            (frame,) = await client.read_frames(parser, 1)
            assert frame.removesuffix(b"\r\n") == picture(number)  # Fluidd's habit


@pytest.mark.parametrize("kind", ["stock", "stock, buffered", "snippet"])
async def test_snapshots_when_behind_nginx_then_the_newest(
    tmp_path: Path, kind: str
) -> None:
    async with behind(tmp_path, kind) as host:
        for number in range(3):
            host.site.send(picture(number))
            for target in ("/webcam2/snapshot.jpg", "/webcam2/?action=snapshot"):
                async with host.asking(target) as (client, head):
                    assert head.status == 200
                    assert head.headers["Access-Control-Allow-Origin"] == "*"
                    size = int(head.headers["Content-Length"])
                    assert await client.read_exactly(size) == picture(number)
        assert await host.status("/webcam2/status.json") == 200
        assert await host.status("/webcam2/cameras/bed/snapshot") == 200


async def test_server_when_it_is_for_cameras_alone_then_they_are_at_its_root(
    tmp_path: Path,
) -> None:
    async with behind(tmp_path, "server") as host:
        assert await host.status("/") == 200
        assert await host.status("/stream.mjpg") == 200


@pytest.mark.parametrize("kind", ["stock", "snippet"])
async def test_viewer_when_it_leaves_nginx_then_the_engine_lets_go_of_it(
    tmp_path: Path, kind: str
) -> None:
    async with behind(tmp_path, kind) as host:
        async with host.asking("/webcam2/stream.mjpg") as (client, head):
            parser = nginx.body_parser(StrictParser, head)
            assert await client.read_frames(parser, 1) == [picture()]
            await host.site.viewers(1)
        await host.site.viewers(0)


@pytest.mark.parametrize("target", ["/webcam2/snapshot.jpg", "/webcam2/stream.mjpg"])
async def test_viewer_when_the_snippet_tells_who_asks_then_networks_are_told_apart(
    tmp_path: Path, target: str
) -> None:
    async with behind(tmp_path, "snippet", **TRUSTING) as host:
        assert await host.status(target, address=LAN) == 200
        assert await host.status(target) == 401
        for header in (
            f"X-Forwarded-For: {LAN}",
            f"X-Forwarded-For: {LAN}, {LAN}",
            f"X-Real-IP: {LAN}",
            f"Forwarded: for={LAN}",
        ):
            assert await host.status(target, header) == 401, header
            direct = await host.site.ask(
                target.removeprefix("/webcam2"), header, address=STRANGER
            )
            assert direct.status == 401, header
        # A claim is no way to be told less of, either.
        assert await host.status(target, "X-Forwarded-For: x", address=LAN) == 200
        token = host.site.tokens.issue("bed", HOUR_S)
        assert await host.status(f"{target}?token={token}") == 200
        assert await host.status(target, f"Authorization: Bearer {token}") == 200


@pytest.mark.parametrize("kind", ["stock", "stock, buffered"])
async def test_viewer_when_a_stock_host_does_not_say_who_asks_then_a_token_opens(
    tmp_path: Path, kind: str
) -> None:
    """Such an nginx hands on what clients claim, so it must not be trusted."""
    rules = {**TRUSTING, "trusted_proxies": networks("none")}
    async with behind(tmp_path, kind, **rules) as host:
        for claim in ("X-Whatever: 1", f"X-Forwarded-For: {LAN}", f"X-Real-IP: {LAN}"):
            assert await host.status("/webcam2/stream.mjpg", claim, address=LAN) == 401
        shared = host.site.tokens.shared("bed")
        assert await host.status(f"/webcam2/stream.mjpg?token={shared}") == 200
    async with behind(tmp_path / "trusting", kind, **TRUSTING) as host:
        assert await host.status("/webcam2/stream.mjpg", address=LAN) == 401


@pytest.mark.parametrize(
    ("kind", "state", "found"),
    [
        ("stock", "failed", "everybody can be in trusted_networks"),
        ("snippet", "ok", "tells who asks, and hands on no claims"),
    ],
)
async def test_doctor_when_proxies_are_trusted_then_it_tries_to_cheat_them(
    tmp_path: Path, kind: str, state: str, found: str
) -> None:
    # The doctor's own address is no proxy's.
    proxies = networks(NGINX_ADDRESS)
    rules = {**TRUSTING, "trusted_proxies": proxies}
    async with behind(tmp_path, kind, bind=NGINX_ADDRESS, **rules) as host:
        camera = {"snapshot_url": "/webcam2/snapshot.jpg?placeholder=1&token=x.y"}
        ui_url = f"http://127.0.0.1:{host.port}/"
        (finding,) = await examine_proxy(camera, ui_url, proxies)
        assert finding.state == state
        assert found in finding.found
        assert (finding.remedy is None) == (state == "ok")


async def test_doctor_when_a_trusted_proxy_says_nothing_then_a_warning(
    tmp_path: Path,
) -> None:
    """The proxy is the doctor itself, but for its claim."""
    camera = {"snapshot_url": "/snapshot.jpg"}
    proxies = networks("127.0.0.2")
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        ui_url = f"http://127.0.0.1:{site.web.port}/"
        (finding,) = await examine_proxy(camera, ui_url, proxies)
        assert finding.state == "failed"
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(proxy, "CLAIMS", {})
            ui_url = f"http://127.0.0.1:{site.web.port}/"
            (finding,) = await examine_proxy(camera, ui_url, proxies)
            assert finding.state == "warning"
            assert finding.found == "the web server does not tell the engine who asks"


@pytest.mark.parametrize(
    ("ui_url", "page"),
    [
        ("http://127.0.0.1:{port}/", "/nothing"),
        ("http://localhost:{port}/", "/snapshot.jpg"),
        ("http://127.0.0.2:{port}/", "/snapshot.jpg"),
        ("http://127.0.0.1:9/", "/snapshot.jpg"),
    ],
)
async def test_doctor_when_nothing_can_be_told_of_proxies_then_skipped(
    tmp_path: Path, ui_url: str, page: str
) -> None:
    async with guarded(tmp_path, "bed", **TRUSTING) as site:
        (finding,) = await examine_proxy(
            {"snapshot_url": page},
            ui_url.format(port=site.web.port),
            networks("127.0.0.2"),
        )
    assert finding.state == "skipped"


async def test_stream_when_behind_the_snippet_then_the_status_names_the_viewer(
    tmp_path: Path,
) -> None:
    async with (
        behind(tmp_path, "snippet", trusted_proxies=networks("127.0.0.1")) as host,
        host.asking("/webcam2/stream.mjpg", address=LAN) as (_, head),
    ):
        assert head.status == 200
        assert host.site.status() == {"streams": [LAN]}


async def test_token_when_it_goes_through_the_snippet_then_no_file_holds_it(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "nginx"
    async with behind(tmp_path, "snippet", require_token=True) as host:
        token = host.site.tokens.issue("bed", HOUR_S)
        assert await host.status(f"/webcam2/snapshot.jpg?token={token}") == 200
        assert await host.status(f"/webcam2/snapshot.jpg?token={token}x") == 401
        await host.site.web.aclose()
        assert await host.status(f"/webcam2/snapshot.jpg?token={token}") == 502
        written = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    assert written
    assert not any(token.encode() in content for content in written)
