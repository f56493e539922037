# Tests of downloads of a Prusa camera's videos.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A video comes whole or not at all, goes on after breaks, and shows no secret."""

from __future__ import annotations

import asyncio
import errno
import gzip
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from moonraker_prusacam.connect.download import Listener, PartFile
from moonraker_prusacam.connect.download import part as part_module
from moonraker_prusacam.connect.download import ranged as download_module
from moonraker_prusacam.connect.prusa_camera.access import Access
from moonraker_prusacam.connect.prusa_camera.download import VideoDownload
from moonraker_prusacam.connect.redirects import MAX_REDIRECTS
from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import (
    ConnectUnavailable,
    DiskRefused,
    PrusacamError,
    TokenRejected,
    VideoDamaged,
    VideoNotThere,
    VideoRejected,
    VideoTooLarge,
)
from moonraker_prusacam.prusa_camera_options import PrusaCameraConfig
from moonraker_prusacam.secret import Secret
from tests.support.certificates import FAULTY, GOOD, server_context, trust_ours
from tests.support.mp4 import movie, of_size
from tests.support.timelapse import until
from tests.support.video_server import Turn, VideoServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "aB3_-6789012345678xY"
FINGERPRINT = "0123456789abcdef0123456789abcdef"
JWT = "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJl"
SECRETS = (TOKEN, FINGERPRINT, JWT)
NAME = "cube_20261121_120000"
CHUNK = 4096
SIZE = 20 * CHUNK + 123
VIDEO = of_size(SIZE)
MB = 1 << 20


class DiskUsage(NamedTuple):
    total: int
    used: int
    free: int


class Bench:
    """One camera's downloads into one folder, as one process after the other."""

    def __init__(self, folder: Path, server: VideoServer) -> None:
        self.server = server
        self.path = folder / "job" / "video.part"
        self.notes: list[str] = []
        self.progress: list[tuple[int, int | None]] = []
        self.guards: tuple[DiskGuard, ...] = ()
        self.options: dict[str, Any] = {"fingerprint": Secret(FINGERPRINT)}
        self._open: list[VideoDownload] = []

    @property
    def url(self) -> str:
        return self.server.url

    def part(self) -> PartFile:
        return PartFile(self.path, self.guards)

    async def fetch(self, max_bytes: int = MB) -> bytes:
        """One attempt of a new process; the file."""
        options = {"server": self.url, **self.options}
        config = PrusaCameraConfig("buddy", token=Secret(TOKEN), **options)
        made = VideoDownload(Access(config), max_bytes)
        self._open.append(made)
        told = Listener(lambda *far: self.progress.append(far), self.notes.append)
        await made.fetch(NAME, self.part(), told)
        await made.aclose()
        return await asyncio.to_thread(self.path.read_bytes)

    async def fails(self, kind: type[PrusacamError], **options: Any) -> str:
        """Like ``fetch``; what is told of the failure."""
        with pytest.raises(kind) as caught:
            await self.fetch(**options)
        assert_no_secret(caught.value)
        return str(caught.value)

    @property
    def left(self) -> list[str]:
        """What is in the folder of the job, without the note."""
        return [p.name for p in self.path.parent.glob("*") if p.suffix != ".json"]

    async def aclose(self) -> None:
        for each in self._open:
            await each.aclose()


def assert_no_secret(error: BaseException | None) -> None:
    while error is not None:
        for secret in SECRETS:
            assert secret not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with VideoServer(VIDEO).run() as server:
        opened = Bench(tmp_path, server)
        yield opened
        await opened.aclose()


@pytest.fixture
def another_boot(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the next process one of another boot of the host."""
    return lambda: monkeypatch.setattr(part_module, "boot_id", lambda: "another")


async def test_video_when_there_then_it_is_fetched_by_one_request(
    bench: Bench,
) -> None:
    assert await bench.fetch() == VIDEO
    (seen,) = bench.server.seen
    assert seen.path == f"/c/timelapse/{TOKEN}/{NAME}.mp4"
    assert seen.headers["Token"] == TOKEN
    assert seen.headers["Fingerprint"] == FINGERPRINT
    assert seen.headers["Accept-Encoding"] == "identity"
    assert "Range" not in seen.headers
    assert "Authorization" not in seen.headers
    assert bench.progress[0] == (0, None)
    assert bench.progress[-1] == (SIZE, SIZE)
    assert bench.notes == []


@pytest.mark.parametrize("cut", [*range(0, SIZE, CHUNK), 1, SIZE - 1])
async def test_video_when_cut_then_another_process_goes_on_there(
    bench: Bench, cut: int
) -> None:
    bench.server.next = [Turn(cut_after=cut)]
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO
    assert bench.server.seen[1].first == (cut or None)
    assert bench.server.sent == SIZE  # nothing came twice
    assert bench.notes == []


async def test_video_when_cut_at_every_chunk_then_it_is_whole_in_the_end(
    bench: Bench,
) -> None:
    bench.server.always = Turn(cut_after=CHUNK)
    cuts = SIZE // CHUNK
    for _ in range(cuts):
        assert "broke off" in await bench.fails(ConnectUnavailable)
    bench.server.always = Turn()
    assert await bench.fetch() == VIDEO
    assert [seen.first for seen in bench.server.seen] == [
        None,
        *range(CHUNK, SIZE, CHUNK),
    ]
    assert bench.server.sent == SIZE


async def test_video_when_cut_and_dated_only_then_it_goes_on_by_the_date(
    bench: Bench,
) -> None:
    bench.server.headers["ETag"] = 'W/"weak"'
    bench.server.next = [Turn(cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO
    again = bench.server.seen[1]
    assert again.headers["If-Range"] == bench.server.headers["Last-Modified"]
    assert bench.server.sent == SIZE


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": None, "Last-Modified": None},
        {"ETag": 'W/"weak"', "Last-Modified": None},
        {"ETag": "bare", "Last-Modified": "yesterday"},
        {"ETag": "", "Last-Modified": "Sat, 01 Jan 2050 00:00:00 GMT"},
        {"ETag": '"', "Last-Modified": ""},
    ],
)
async def test_video_when_nothing_tells_versions_apart_then_it_starts_again(
    bench: Bench, headers: dict[str, str | None]
) -> None:
    bench.server.headers = headers
    bench.server.next = [Turn(cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO
    assert bench.server.seen[1].first is None


async def test_video_when_it_changed_meanwhile_then_it_is_fetched_anew(
    bench: Bench,
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    other = movie(frames=3, rest=SIZE)
    bench.server.content = other
    bench.server.headers["ETag"] = '"second"'
    assert await bench.fetch() == other
    assert bench.server.seen[1].headers["If-Range"] == '"first"'
    assert "from its beginning" in bench.notes[0]


async def test_video_when_a_part_is_of_another_version_then_it_is_fetched_anew(
    bench: Bench,
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK), Turn(headers={"ETag": '"second"'})]
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO
    assert [seen.first for seen in bench.server.seen] == [None, CHUNK, None]
    assert "has changed" in bench.notes[0]


async def test_video_when_it_changes_all_the_time_then_given_up_for_now(
    bench: Bench,
) -> None:
    bench.server.next = [
        Turn(cut_after=CHUNK),
        *(
            Turn(status=206, kind="video/mp4", headers={"Content-Range": span})
            for span in ("bytes 1-2/3", "bytes 4-5/6", "bytes 7-8/9")
        ),
    ]
    await bench.fails(ConnectUnavailable)
    assert "changes" in await bench.fails(ConnectUnavailable)
    assert bench.left == []


@pytest.mark.parametrize("size", [CHUNK // 2, CHUNK, CHUNK + 1])
async def test_video_when_it_shrank_then_it_is_fetched_anew(
    bench: Bench, size: int
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    bench.server.content = of_size(size)
    assert await bench.fetch() == bench.server.content
    assert "shorter" in bench.notes[0] or "changed" in bench.notes[0]


async def test_video_when_ranges_are_ignored_then_it_starts_again(
    bench: Bench,
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK), Turn(ignores_range=True)]
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO


async def test_video_when_given_in_small_parts_then_all_are_asked_for(
    bench: Bench,
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK)]
    bench.server.always = Turn(most=3 * CHUNK)
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO
    assert bench.server.sent == SIZE
    assert len(bench.server.seen) == 2 + (SIZE - CHUNK) // (3 * CHUNK)


@pytest.mark.parametrize(
    "span",
    ["", "bytes 0-9/10", "bytes 4096-9/99", "octets 1-2/3", "bytes 4096-99999/99999"],
)
async def test_video_when_a_part_makes_no_sense_then_it_is_fetched_anew(
    bench: Bench, span: str
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK), Turn(headers={"Content-Range": span})]
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO


async def test_video_when_of_unknown_length_then_its_end_is_told_by_http(
    bench: Bench,
) -> None:
    bench.server.always = Turn(is_chunked=True)
    assert await bench.fetch() == VIDEO
    assert bench.progress[-1] == (SIZE, None)


async def test_video_when_of_unknown_length_and_cut_then_it_goes_on(
    bench: Bench,
) -> None:
    bench.server.next = [Turn(is_chunked=True, cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO
    assert bench.server.sent == SIZE


async def test_part_when_the_host_lost_power_then_only_what_was_synced_counts(
    bench: Bench, another_boot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_module, "SYNC_BYTES", 2 * CHUNK)
    bench.server.next = [Turn(cut_after=5 * CHUNK + 5)]
    await bench.fails(ConnectUnavailable)
    part = bench.part()
    await asyncio.to_thread(part.resume)
    synced = part.origin.synced
    assert 0 < synced <= part.size == 5 * CHUNK + 5
    # The rest of the file is there, and nothing is in it.
    with bench.path.open("r+b") as file:
        file.seek(synced)
        file.write(bytes(part.size - synced))
    another_boot()
    assert await bench.fetch() == VIDEO
    assert bench.server.seen[1].first == synced


async def test_part_when_never_synced_before_the_power_cut_then_it_starts_again(
    bench: Bench, another_boot: Any
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    another_boot()
    assert await bench.fetch() == VIDEO
    assert bench.server.seen[1].first is None


@pytest.mark.parametrize(
    "note",
    [b"", b"{", b"[]", b'{"synced": -1, "validator": "x"}', b'{"length": "many"}'],
)
async def test_part_when_its_note_is_damaged_then_it_starts_again(
    bench: Bench, note: bytes
) -> None:
    bench.server.next = [Turn(cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    bench.path.with_name("video.part.json").write_bytes(note)
    assert await bench.fetch() == VIDEO
    assert bench.server.seen[1].first is None


async def test_part_when_whole_then_nothing_is_asked_for_again(bench: Bench) -> None:
    await bench.fetch()
    assert await bench.fetch() == VIDEO
    assert len(bench.server.seen) == 1


@pytest.mark.parametrize(
    ("turn", "kind", "words"),
    [
        (Turn(status=404), VideoNotThere, "no video of that name, or not yet"),
        (Turn(status=401), TokenRejected, "to this fingerprint: compare 'token'"),
        (
            Turn(status=403, body=b'{"code": "FORBIDDEN", "message": "No"}'),
            TokenRejected,
            "HTTP 403, FORBIDDEN No",
        ),
        (Turn(status=410), VideoRejected, "has the video no longer"),
        (Turn(status=418), VideoRejected, "HTTP 418"),
        (Turn(status=416), VideoRejected, "HTTP 416"),
        (Turn(status=204), VideoRejected, "HTTP 204"),
        (Turn(status=304), VideoRejected, "HTTP 304"),
        (Turn(status=500), ConnectUnavailable, "out of order"),
        (Turn(status=429), ConnectUnavailable, "fewer requests"),
        (
            Turn(status=200, body=b"<html>", headers={"Content-Type": "text/html"}),
            VideoRejected,
            "sends a web page instead of a video",
        ),
        (
            Turn(
                status=200,
                body=b"{}",
                headers={"Content-Type": "application/json; charset=utf-8"},
            ),
            VideoRejected,
            "sends application/json instead",
        ),
        (
            Turn(
                status=200,
                body=gzip.compress(VIDEO),
                headers={"Content-Encoding": "gzip"},
            ),
            VideoRejected,
            r"packed (gzip)",
        ),
        (Turn(status=200, body=b"<!doctype html>"), VideoRejected, "a web page"),
        (Turn(status=200, body=b"RIFF1234AVI LIST"), VideoRejected, "an AVI"),
        (Turn(status=200, body=bytes(20)), VideoRejected, "begin with ftyp"),
        (Turn(status=200), VideoRejected, "an empty video"),
        (Turn(status=200, is_chunked=True), VideoDamaged, "cut off"),
        (Turn(status=200, body=VIDEO[:-9]), VideoDamaged, "is cut off"),
        (
            Turn(status=200, body=VIDEO[:-9], is_chunked=True),
            VideoDamaged,
            "is cut off",
        ),
        (
            Turn(
                headers={"Content-Type": "multipart/byteranges; boundary=x"},
            ),
            VideoRejected,
            "several parts",
        ),
        (
            Turn(headers={"Content-Length": str(10 * 1000**3)}, cut_after=0),
            VideoTooLarge,
            "raise max_download_mb",
        ),
    ],
)
async def test_answer_when_no_video_then_told_in_words_and_nothing_is_left(
    bench: Bench, turn: Turn, kind: type[PrusacamError], words: str
) -> None:
    bench.server.always = turn
    assert words in await bench.fails(kind)
    assert bench.left == []


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_video_when_larger_than_allowed_then_nothing_of_it_is_left(
    bench: Bench, is_chunked: bool
) -> None:
    bench.server.always = Turn(is_chunked=is_chunked)
    await bench.fails(VideoTooLarge, max_bytes=SIZE - 1)
    assert bench.left == []
    assert await bench.fetch(max_bytes=SIZE) == VIDEO


async def test_retry_when_asked_for_then_told(bench: Bench) -> None:
    bench.server.always = Turn(status=503, headers={"Retry-After": "77"})
    with pytest.raises(ConnectUnavailable) as caught:
        await bench.fetch()
    assert caught.value.retry_after_s == 77


async def test_refusal_when_a_part_is_there_then_it_stays(bench: Bench) -> None:
    bench.server.next = [Turn(cut_after=CHUNK), Turn(status=404), Turn(status=403)]
    await bench.fails(ConnectUnavailable)
    await bench.fails(VideoNotThere)
    await bench.fails(TokenRejected)
    assert await bench.fetch() == VIDEO
    assert bench.server.sent == SIZE


async def test_login_when_the_fingerprint_is_refused_then_the_account_is_tried(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "jwt").write_text(f"{JWT}\n")
    bench.options["jwt_file"] = tmp_path / "jwt"
    bench.server.next = [Turn(status=403)]
    assert await bench.fetch() == VIDEO
    again = bench.server.seen[1].headers
    assert again["Authorization"] == f"Bearer {JWT}"
    assert not {"Token", "Fingerprint"} & again.keys()


async def test_login_when_both_are_refused_then_told_of_the_first(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "jwt").write_text(JWT)
    bench.options["jwt_file"] = tmp_path / "jwt"
    bench.server.always = Turn(status=401, body=f'{{"message": "{JWT}"}}'.encode())
    assert "fingerprint" in await bench.fails(TokenRejected)


async def test_login_when_only_the_account_is_refused_then_told_what_helps(
    bench: Bench, tmp_path: Path
) -> None:
    (tmp_path / "jwt").write_text(JWT)
    bench.options = {"jwt_file": tmp_path / "jwt"}
    bench.server.always = Turn(status=401, body=f'{{"message": "{JWT}"}}'.encode())
    said = await bench.fails(TokenRejected)
    assert "has expired, or is of another account" in said
    assert "***" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "does not hold one bearer token"),
        (b"two words and more", "does not hold one"),
        (b"x" * 20_000, "does not hold one"),
        (b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe", "does not hold one"),
    ],
)
async def test_login_when_the_file_is_no_token_then_told(
    bench: Bench, tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "jwt").write_bytes(content)
    bench.options = {"jwt_file": tmp_path / "jwt"}
    assert words in await bench.fails(TokenRejected)
    assert bench.server.seen == []


async def test_login_when_there_is_none_then_told(bench: Bench) -> None:
    bench.options = {}
    assert "needs 'fingerprint' or 'jwt_file'" in await bench.fails(TokenRejected)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "/c/other",
        "https://elsewhere.example/video.mp4",
        "http://127.0.0.1:1/video.mp4",
        "http://[",
        f"https://{TOKEN}.example/{TOKEN}",
    ],
)
async def test_video_when_moved_elsewhere_then_no_secret_follows(
    bench: Bench, location: str
) -> None:
    bench.server.always = Turn(status=307, headers={"Location": location})
    said = await bench.fails(VideoRejected)
    assert "moved the video to another address" in said
    assert len(bench.server.seen) == 1


async def test_video_when_moved_to_https_of_the_host_then_followed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_ours(monkeypatch)
    async with VideoServer(VIDEO, server_context(GOOD)).run() as secure:
        bench.server.always = Turn(
            status=301, headers={"Location": f"{secure.url}/moved.mp4"}
        )
        assert await bench.fetch() == VIDEO
        assert secure.seen[0].headers["Token"] == TOKEN


async def test_video_when_moved_in_a_circle_then_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_ours(monkeypatch)
    async with VideoServer(VIDEO, server_context(GOOD)).run() as secure:
        bench.server = secure
        secure.always = Turn(status=302, headers={"Location": "/again"})
        assert "in a circle" in await bench.fails(VideoRejected)
        assert len(secure.seen) == 1 + MAX_REDIRECTS


@pytest.mark.parametrize("quality", FAULTY)
async def test_server_when_its_certificate_is_bad_then_it_gets_no_request(
    bench: Bench, quality: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trust_ours(monkeypatch)
    async with VideoServer(VIDEO, server_context(quality)).run() as secure:
        bench.server = secure
        assert "certificate" in await bench.fails(ConnectUnavailable)
        assert secure.seen == []


async def test_server_when_silent_then_told_in_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "SILENCE_TIMEOUT_S", 0.2)
    bench.server.always = Turn(is_silent=True)
    assert "in time" in await bench.fails(ConnectUnavailable)


async def test_server_when_it_trickles_then_given_up_and_what_came_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_module, "SLOW_TIMEOUT_S", 1.2)
    bench.server.next = [Turn(is_slow=True)]
    assert "in time" in await bench.fails(ConnectUnavailable)
    assert await bench.fetch() == VIDEO
    assert bench.server.seen[1].first in range(1, 10)


async def test_server_when_it_refuses_connections_then_told(bench: Bench) -> None:
    bench.options["server"] = "http://127.0.0.1:9"
    assert "connection refused" in await bench.fails(ConnectUnavailable)


async def test_disk_when_it_lacks_room_then_no_octet_is_taken(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.guards = (DiskGuard(tmp_path, reserve_bytes=100 * MB),)
    free = 100 * MB + SIZE - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _: DiskUsage(1 << 33, 0, free))
    said = await bench.fails(DiskRefused)
    assert "too little are free" in said
    assert bench.path.stat().st_size == 0
    free += 1
    assert await bench.fetch() == VIDEO


async def test_disk_when_it_fills_up_meanwhile_then_the_download_stops(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.guards = (DiskGuard(tmp_path, reserve_bytes=100 * MB),)
    bench.server.next = [Turn(cut_after=CHUNK)]
    await bench.fails(ConnectUnavailable)
    looks = iter([1 << 32])
    monkeypatch.setattr(
        "shutil.disk_usage",
        lambda _: DiskUsage(1 << 33, 0, next(looks, 100 * MB)),
    )
    await bench.fails(DiskRefused)
    assert bench.path.stat().st_size == CHUNK


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
async def test_disk_when_it_fails_then_told_apart_from_the_network(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.pwrite", fail)
    assert os.strerror(number) in await bench.fails(DiskRefused)


async def test_fetch_when_cancelled_then_what_came_is_kept(bench: Bench) -> None:
    bench.server.next = [Turn(is_slow=True)]
    task = asyncio.get_running_loop().create_task(bench.fetch())
    await bench.server.until_seen(1)
    await until(bench.path.exists)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await bench.fetch() == VIDEO


def test_address_when_shown_then_without_the_token() -> None:
    config = PrusaCameraConfig("buddy", token=Secret(TOKEN))
    access = Access(config)
    assert access.shown_url("a/b c") == (
        "https://connect.prusa3d.com/c/timelapse/***/a%2Fb%20c.mp4"
    )
    assert str(access.url("a/b c")).endswith(f"/{TOKEN}/a%2Fb%20c.mp4")
