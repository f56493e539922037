# Tests of reading answers, against devices of every kind and with every fault.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A device may say anything: what is sound is read, all else is an error of ours."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.emulator.multicam import (
    HARMLESS,
    HOSTILE_FILE_NAMES,
    KINDS,
    Fault,
    FaultKind,
    VirtualDevice,
)
from moonraker_prusacam.errors import (
    MultiCamError,
    MultiCamMalformed,
    MultiCamRefused,
    MultiCamUnavailable,
    RecordingNotFound,
    TimeNotSynchronized,
)
from moonraker_prusacam.multicam import (
    CommandMessage,
    FileResponse,
    ListFilesResponse,
    StatusResponse,
)
from moonraker_prusacam.multicam.protocol import AnswerReader, Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TIMEOUT_S = 10.0
SHORT_S = 0.1
SIZE_BYTES = 200_000
DIALECTS = {
    "first phone": Dialect.LEGACY,
    "published": Dialect.V1,
    "iphone": Dialect.V2,
    "android": Dialect.V2,
    "oak": Dialect.V2,
}


class Asking:
    """One connection to a device."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.answers = AnswerReader(reader)
        self._writer = writer

    def send(self, command: CommandMessage) -> None:
        self._writer.write(command.to_bytes())

    async def status(
        self, command: CommandMessage, timeout_s: float = TIMEOUT_S
    ) -> StatusResponse:
        self.send(command)
        return await self.answers.status(timeout_s)

    async def files(self, timeout_s: float = TIMEOUT_S) -> ListFilesResponse:
        self.send(CommandMessage.list_files())
        return await self.answers.files(timeout_s)

    async def video(
        self, file_id: str, file_name: str, timeout_s: float = TIMEOUT_S
    ) -> tuple[FileResponse, str]:
        """The header of a recording, and the SHA-256 of what followed it."""
        self.send(CommandMessage.get_video(file_id, file_name=file_name))
        header = await self.answers.file_header(timeout_s)
        digest = hashlib.sha256()
        async for chunk in self.answers.chunks(header.fileSize, timeout_s):
            digest.update(chunk)
        return header, digest.hexdigest()


@asynccontextmanager
async def asking(device: VirtualDevice) -> AsyncIterator[Asking]:
    reader, writer = await asyncio.open_connection(device.host, device.port)
    try:
        yield Asking(reader, writer)
    finally:
        writer.transport.abort()


@asynccontextmanager
async def device_asked(
    kind: str = "published", *faults: Fault
) -> AsyncIterator[tuple[VirtualDevice, Asking]]:
    async with VirtualDevice(kind) as device:
        device.faults.extend(faults)
        async with asking(device) as ask:
            yield device, ask


@pytest.mark.parametrize("kind", KINDS)
async def test_print_when_recorded_by_any_kind_then_all_answers_read(
    kind: str,
) -> None:
    async with device_asked(kind) as (device, ask):
        idle = await ask.status(CommandMessage.device_status())
        assert (idle.status, idle.isRecording) == ("ready", False)
        assert idle.dialect is DIALECTS[kind]
        assert idle.deviceId == device.device_id

        started = await ask.status(CommandMessage.start_recording(time.time()))
        started.check()
        again = await ask.status(CommandMessage.start_recording(time.time()))
        assert again.status == "recording"
        running = await ask.status(CommandMessage.device_status())
        assert (running.status, running.isRecording) == ("recording", True)
        (await ask.status(CommandMessage.heartbeat())).check()

        stopped = await ask.status(CommandMessage.stop_recording())
        stopped.check()
        assert stopped.status == "recording_stopped"
        (recording,) = device.recordings.values()
        finds_by_id = device.kind.finds_by == "fileId"
        key = recording.key if finds_by_id else recording.file_name
        assert stopped.file_key == key

        (listed,) = (await ask.files()).files
        assert listed.fileName == recording.file_name
        assert listed.fileSize == recording.size_bytes
        header, digest = await ask.video(listed.fileId, listed.fileName)
        assert header.fileName == recording.file_name
        assert digest == recording.sha256()
        assert device.complaints == []


@pytest.mark.parametrize("kind", KINDS)
async def test_video_when_not_there_then_refused_by_any_kind(kind: str) -> None:
    async with device_asked(kind) as (device, ask):
        with pytest.raises(MultiCamRefused):
            await ask.video("none", "none.mp4")
        # The connection is as good as before.
        assert (await ask.status(CommandMessage.device_status())).status == "ready"
        assert device.complaints == []


@pytest.mark.parametrize("kind", ["first phone", "published", "android"])
async def test_video_when_not_there_then_the_error_says_so(kind: str) -> None:
    async with device_asked(kind) as (_, ask):
        with pytest.raises(RecordingNotFound):
            await ask.video("none", "none.mp4")


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"iphone"}))
async def test_stop_when_nothing_records_then_refused(kind: str) -> None:
    async with device_asked(kind) as (_, ask):
        stopped = await ask.status(CommandMessage.stop_recording())
        with pytest.raises(MultiCamRefused):
            stopped.check()


async def test_stop_when_nothing_records_at_an_iphone_then_silence() -> None:
    async with device_asked("iphone") as (_, ask):
        with pytest.raises(MultiCamUnavailable, match="no answer for"):
            await ask.status(CommandMessage.stop_recording(), SHORT_S)


async def test_start_when_the_clock_is_not_set_then_the_error_says_so() -> None:
    fault = Fault(FaultKind.TIME_NOT_SYNCHRONIZED)
    async with device_asked("published", fault) as (device, ask):
        started = await ask.status(CommandMessage.start_recording(time.time() + 3))
        with pytest.raises(TimeNotSynchronized):
            started.check()
        assert not device.shutter.is_armed


@pytest.mark.parametrize("fault", sorted(HARMLESS))
@pytest.mark.parametrize("kind", KINDS)
async def test_answers_when_sent_oddly_then_read_all_the_same(
    kind: str, fault: FaultKind
) -> None:
    async with device_asked(kind, Fault(fault)) as (device, ask):
        recording = device.add(SIZE_BYTES)
        for _ in range(2):
            status = await ask.status(CommandMessage.device_status())
            assert status.status == "ready"
            assert len((await ask.files()).files) == 1
        header, digest = await ask.video(recording.key, recording.file_name)
        assert (header.fileSize, digest) == (SIZE_BYTES, recording.sha256())


async def test_answers_when_commands_are_pipelined_then_read_in_order() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        status = StatusResponse("d", "ready", 1.0).to_json().encode()
        listed = ListFilesResponse("d", "ready", 1.0).to_json().encode()
        header = FileResponse("d", "a", "a.mp4", 3).to_json().encode()
        size = len(header).to_bytes(4, "big")
        writer.write(
            status + b"\n" + listed + b" \r\n" + size + header + b"abc" + status
        )
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        answers = AnswerReader(reader)
        assert (await answers.status(TIMEOUT_S)).status == "ready"
        assert (await answers.files(TIMEOUT_S)).files == []
        header = await answers.file_header(TIMEOUT_S)
        got = [chunk async for chunk in answers.chunks(header.fileSize, TIMEOUT_S)]
        assert b"".join(got) == b"abc"
        assert (await answers.status(TIMEOUT_S)).status == "ready"
        writer.close()
        await writer.wait_closed()


UNAVAILABLE = (
    FaultKind.CLOSE_AT_ONCE,
    FaultKind.SILENCE,
    FaultKind.HANG_UP,
    FaultKind.RESET,
    FaultKind.HALF_AN_ANSWER,
)
MALFORMED = (
    FaultKind.PLAIN_TEXT,
    FaultKind.NOT_AN_OBJECT,
    FaultKind.ENDLESS,
    FaultKind.DEEP,
    FaultKind.NAN,
    FaultKind.WRONG_TYPES,
    FaultKind.MISSING_STATUS,
)


@pytest.mark.parametrize("fault", UNAVAILABLE)
async def test_status_when_the_device_fails_then_unavailable(fault: FaultKind) -> None:
    async with device_asked("published", Fault(fault)) as (_, ask):
        timeout_s = SHORT_S if fault is FaultKind.SILENCE else TIMEOUT_S
        with pytest.raises(MultiCamUnavailable) as caught:
            await ask.status(CommandMessage.device_status(), timeout_s)
        assert caught.value.retryable


@pytest.mark.parametrize("fault", MALFORMED)
async def test_status_when_the_device_talks_nonsense_then_malformed(
    fault: FaultKind,
) -> None:
    async with device_asked("published", Fault(fault)) as (_, ask):
        with pytest.raises(MultiCamMalformed) as caught:
            await ask.status(CommandMessage.device_status())
        assert not caught.value.retryable


@pytest.mark.parametrize("fault", [*UNAVAILABLE, *MALFORMED])
async def test_list_when_the_device_fails_then_an_error_of_ours(
    fault: FaultKind,
) -> None:
    async with device_asked("iphone", Fault(fault)) as (device, ask):
        device.add()
        timeout_s = SHORT_S if fault is FaultKind.SILENCE else TIMEOUT_S
        with pytest.raises(MultiCamError):
            await ask.files(timeout_s)


async def test_status_when_its_word_is_unknown_then_malformed_when_checked() -> None:
    async with device_asked("android", Fault(FaultKind.UNKNOWN_STATUS)) as (_, ask):
        status = await ask.status(CommandMessage.device_status())
        with pytest.raises(MultiCamMalformed, match="on_holiday"):
            status.check()


async def test_camera_when_disconnected_then_refused_with_its_word() -> None:
    async with device_asked("oak", Fault(FaultKind.CAMERA_DISCONNECTED)) as (_, ask):
        status = await ask.status(CommandMessage.start_recording())
        with pytest.raises(MultiCamRefused) as caught:
            status.check()
        assert caught.value.status == "camera_disconnected"


async def test_list_when_an_error_comes_instead_then_refused() -> None:
    async with device_asked("oak", Fault(FaultKind.CAMERA_DISCONNECTED)) as (_, ask):
        with pytest.raises(MultiCamRefused):
            await ask.files()


async def test_list_when_names_are_hostile_then_given_as_they_are() -> None:
    async with device_asked("iphone", Fault(FaultKind.HOSTILE_NAMES)) as (_, ask):
        # Whether a name is safe is for who makes a file of it.
        names = tuple(entry.fileName for entry in (await ask.files()).files)
        assert names == HOSTILE_FILE_NAMES


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(FaultKind.HUGE_HEADER), MultiCamMalformed),
        (Fault(FaultKind.TINY_HEADER), MultiCamMalformed),
        (Fault(FaultKind.HEADER_WITHOUT_NAME), MultiCamMalformed),
        (Fault(FaultKind.TRUNCATED), MultiCamUnavailable),
        (Fault(FaultKind.TRUNCATED, after_bytes=100_000), MultiCamUnavailable),
        (Fault(FaultKind.RESET_WITHIN, after_bytes=100_000), MultiCamUnavailable),
        (Fault(FaultKind.HANG_UP), MultiCamUnavailable),
        (Fault(FaultKind.RESET), MultiCamUnavailable),
    ],
    ids=lambda each: f"{each.kind} {each.after_bytes}" if hasattr(each, "kind") else "",
)
@pytest.mark.parametrize("kind", ["published", "iphone"])
async def test_video_when_it_fails_then_the_error_for_it(
    kind: str, fault: Fault, error: type[MultiCamError]
) -> None:
    async with device_asked(kind) as (device, ask):
        recording = device.add(SIZE_BYTES)
        device.faults = [fault]
        with pytest.raises(error):
            await ask.video(recording.key, recording.file_name)


@pytest.mark.parametrize("after_bytes", [0, 100_000])
async def test_video_when_it_stalls_then_unavailable(after_bytes: int) -> None:
    fault = Fault(FaultKind.STALL, after_bytes=after_bytes)
    async with device_asked("android", fault) as (device, ask):
        recording = device.add(SIZE_BYTES)
        with pytest.raises(MultiCamUnavailable, match=r"for 0\.1 s"):
            await ask.video(recording.key, recording.file_name, SHORT_S)


async def test_video_when_its_size_is_a_lie_then_unavailable() -> None:
    async with device_asked("android", Fault(FaultKind.OTHER_SIZE)) as (device, ask):
        recording = device.add(SIZE_BYTES)
        with pytest.raises(MultiCamUnavailable):
            await ask.video(recording.key, recording.file_name, SHORT_S)


async def test_video_when_more_follows_then_only_what_was_said() -> None:
    fault = Fault(FaultKind.MORE_THAN_SAID)
    async with device_asked("iphone", fault) as (device, ask):
        recording = device.add(SIZE_BYTES)
        _, digest = await ask.video(recording.key, recording.file_name)
        assert digest == recording.sha256()


async def test_video_when_a_status_comes_instead_then_malformed() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(StatusResponse("d", "ready", 1.0).to_json().encode())
    with pytest.raises(MultiCamMalformed, match="instead of a recording"):
        await AnswerReader(reader).file_header(TIMEOUT_S)


@pytest.mark.parametrize("at", range(5))
async def test_video_when_gone_within_the_header_then_unavailable(at: int) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(b"\0\0\0\x10{}"[:at])
    reader.feed_eof()
    with pytest.raises(MultiCamUnavailable):
        await AnswerReader(reader).file_header(TIMEOUT_S)


@pytest.mark.parametrize("length", [0, 1, 64 * 1024 + 1, 2**32 - 1])
async def test_header_when_its_length_is_absurd_then_malformed(length: int) -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(length.to_bytes(4, "big") + b" " * 70_000)
    with pytest.raises(MultiCamMalformed):
        await AnswerReader(reader).file_header(TIMEOUT_S)
