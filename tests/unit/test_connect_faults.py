# The client of Prusa Connect's camera API among faults.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong is success or one of our errors, in time, and passes.

How each error is worded and what the uploader makes of it is tested elsewhere; here
stands what holds for all.
"""

from __future__ import annotations

import time
import traceback
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.connect.api import ConnectApi
from moonraker_prusacam.emulator.connect import (
    KNOWN_ANSWERS,
    Fault,
    FaultKind,
    LocalConnect,
)
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    PrusaConnectError,
    SnapshotRejected,
    SnapshotTooLarge,
    TokenRejected,
)
from moonraker_prusacam.secret import Secret
from tests.support import certificates, jpeg
from tests.support.names import use_names

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

TOKEN = "AbCdEfGhIjKlMnOpQrSt"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
PICTURE = jpeg.picture(64, 48)
TIMEOUT_S = 5.0
SHORT_TIMEOUT_S = 0.8  # where nothing comes
WAIT_S = 10.0

# aiohttp sends a PUT again at once when the connection breaks, so two are broken.
BROKEN = 2
HARMLESS = [
    Fault("slow_request", bytes_per_s=1e6),
    Fault("slow_response", bytes_per_s=1e4),
    Fault("close_idle"),
    Fault("wrong_length"),
    Fault("gzip"),
    Fault("clock_skew", date_offset_s=-1e8),
    Fault("silence", seconds=0.1),
    Fault("no_continue"),
    Fault("close_after_continue"),
]
UNAVAILABLE = [
    Fault("silence"),
    Fault("slow_request", bytes_per_s=100),
    Fault("slow_response", bytes_per_s=10),
    Fault("reset_request", after_bytes=50, count=BROKEN),
    Fault("reset_response", count=BROKEN),
    Fault("reset_response", after_bytes=20, count=BROKEN),
    Fault("reset_connection", count=BROKEN),
    Fault("silent_connection"),
    Fault("lost_answer", answer="502"),
    Fault("answer", answer="429", retry_after_s=7),
    Fault("answer", answer="503", retry_after_s=7, retry_after_as_date=True),
]
MEANING: dict[str, type[PrusaConnectError]] = {
    "400 fingerprint": TokenRejected,
    "404": TokenRejected,
    "413": SnapshotTooLarge,
    "413 html": SnapshotTooLarge,
    "401": TokenRejected,
    "403": TokenRejected,
    "403 fingerprint": TokenRejected,
    "429": ConnectUnavailable,
    "500": ConnectUnavailable,
    "502": ConnectUnavailable,
    "503": ConnectUnavailable,
    "503 json": ConnectUnavailable,
}


@asynccontextmanager
async def serving(
    tls: ssl.SSLContext | None = None,
    name: str = "",
    timeout_s: float = TIMEOUT_S,
) -> AsyncIterator[tuple[LocalConnect, ConnectApi]]:
    """A local Prusa Connect with a camera, and its client."""
    connect = LocalConnect(tls=tls)
    connect.add_camera(TOKEN)
    await connect.start()
    url = connect.url.replace("127.0.0.1", name or "127.0.0.1")
    try:
        api = ConnectApi(url, Secret(TOKEN), FINGERPRINT, timeout_s=timeout_s)
        async with aclosing(api):
            yield connect, api
    finally:
        await connect.aclose()


def assert_no_secret(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(vars(error))
    assert TOKEN not in shown
    assert FINGERPRINT not in shown


async def assert_works(connect: LocalConnect, api: ConnectApi) -> None:
    connect.faults.clear()
    before = connect.accepted(TOKEN)
    await api.put_snapshot(PICTURE)
    assert connect.accepted(TOKEN) == before + 1
    assert connect.last_image(TOKEN) == PICTURE
    assert connect.audit(TOKEN).leaks == []


def shown(fault: Fault) -> str:
    return "-".join(str(value) for value in fault.as_json().values())


@pytest.mark.parametrize("fault", HARMLESS, ids=shown)
async def test_fault_when_the_picture_was_taken_then_success(fault: Fault) -> None:
    async with serving() as (connect, api):
        await connect.inject(fault)
        await api.put_snapshot(PICTURE)
        await assert_works(connect, api)


@pytest.mark.parametrize("fault", UNAVAILABLE, ids=shown)
async def test_fault_when_waiting_may_help_then_unavailable_in_time(
    fault: Fault,
) -> None:
    async with serving(timeout_s=SHORT_TIMEOUT_S) as (connect, api):
        await connect.inject(fault)
        started_s = time.monotonic()
        with pytest.raises(ConnectUnavailable) as caught:
            await api.put_snapshot(PICTURE)
        assert time.monotonic() - started_s < TIMEOUT_S
        assert_no_secret(caught.value)
        if fault.retry_after_s is not None:
            assert caught.value.retry_after_s == pytest.approx(7, abs=1)
        await assert_works(connect, api)


async def test_204_when_it_has_a_body_then_at_worst_unavailable() -> None:
    async with serving() as (connect, api):
        await connect.inject(Fault("body_with_204"))
        # aiohttp gives up on the answer when both come in one piece.
        with suppress(ConnectUnavailable):
            await api.put_snapshot(PICTURE)
        await assert_works(connect, api)


@pytest.mark.parametrize("answer", KNOWN_ANSWERS)
async def test_answer_when_known_then_it_means_what_it_should(answer: str) -> None:
    async with serving() as (connect, api):
        await connect.inject(Fault("answer", answer=answer))
        with pytest.raises(PrusaConnectError) as caught:
            await api.put_snapshot(PICTURE)
        assert type(caught.value) is MEANING.get(answer, SnapshotRejected)
        assert str(caught.value.status) == answer.split()[0]
        assert_no_secret(caught.value)
        await assert_works(connect, api)


@pytest.mark.parametrize("location", ["loop", "other", "https://elsewhere.example/"])
@pytest.mark.parametrize("status", ["302", "307", "308"])
async def test_redirect_when_not_to_https_of_the_same_host_then_not_followed(
    location: str, status: str
) -> None:
    async with serving() as (connect, api):
        await connect.inject(
            Fault("redirect", answer=status, location=location, count=None)
        )
        with pytest.raises(SnapshotRejected) as caught:
            await api.put_snapshot(PICTURE)
        assert len(connect.requests) == 1
        assert_no_secret(caught.value)
        await assert_works(connect, api)


async def test_redirect_when_https_never_ends_then_rejected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(certificates.GOOD)
    async with serving(context) as (connect, api):
        await connect.inject(Fault("redirect", count=None))
        with pytest.raises(SnapshotRejected):
            await api.put_snapshot(PICTURE)
        assert len(connect.requests) < 10
        await assert_works(connect, api)


async def test_refuse_when_it_ends_then_the_next_one_is_taken() -> None:
    async with serving() as (connect, api):
        await api.put_snapshot(PICTURE)
        await connect.refuse()
        with pytest.raises(ConnectUnavailable) as caught:
            await api.put_snapshot(PICTURE)
        assert_no_secret(caught.value)
        await connect.accept()
        await assert_works(connect, api)


@pytest.mark.parametrize("quality", certificates.FAULTY)
async def test_certificate_when_faulty_then_no_secret_is_sent(
    monkeypatch: pytest.MonkeyPatch, quality: str
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(quality)
    async with serving(context) as (connect, api):
        with pytest.raises(ConnectUnavailable, match="certificate") as caught:
            await api.put_snapshot(PICTURE)
        await connect.wait_for(lambda: connect.connections == 1, WAIT_S)
        assert connect.requests == []
        assert_no_secret(caught.value)


@pytest.mark.parametrize(
    "kind",
    [FaultKind.OLD_PROTOCOL, FaultKind.RESET_CONNECTION, FaultKind.SILENT_CONNECTION],
)
async def test_handshake_when_spoilt_then_unavailable_and_the_next_one_works(
    monkeypatch: pytest.MonkeyPatch, kind: FaultKind
) -> None:
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(certificates.GOOD)
    async with serving(context, timeout_s=SHORT_TIMEOUT_S) as (connect, api):
        await connect.inject(Fault(kind, count=BROKEN))
        with pytest.raises(ConnectUnavailable) as caught:
            await api.put_snapshot(PICTURE)
        assert connect.requests == []
        assert_no_secret(caught.value)
        await assert_works(connect, api)


async def test_name_when_it_comes_and_goes_then_unavailable_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names: Any = use_names(monkeypatch)
    certificates.trust_ours(monkeypatch)
    context = certificates.server_context(certificates.GOOD, "connect.test")
    async with serving(context, "connect.test") as (connect, api):
        for broken in (False, True):
            names.broken = broken
            with pytest.raises(ConnectUnavailable, match="name cannot be resolved"):
                await api.put_snapshot(PICTURE)
        names.broken = False
        names.addresses["connect.test"] = "127.0.0.1"
        await assert_works(connect, api)
