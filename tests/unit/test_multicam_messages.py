# Tests of the MultiCam messages.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read is what any dialect sends, strictly; written is what all of them read."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moonraker_prusacam.errors import (
    MultiCamError,
    MultiCamMalformed,
    MultiCamRefused,
    MultiCamUnsupported,
    RecordingNotFound,
    TimeNotSynchronized,
)
from moonraker_prusacam.multicam import (
    CommandMessage,
    CommandType,
    DeviceStatus,
    FileMetadata,
    FileResponse,
    ListFilesResponse,
    StatusResponse,
)
from moonraker_prusacam.multicam.protocol import Dialect, dialect_of, file_id
from moonraker_prusacam.multicam.protocol.fields import Fields

D = "Prusa-1A2B3C4D"
T = 1729000003.5
STATE: dict[str, Any] = {
    "batteryLevel": None,
    "deviceType": "Linux:Klipper",
    "uploadQueue": [],
    "failedUploadQueue": [],
}
# As today's controllers write it: every key, null where it has nothing to say.
TODAYS_KEYS = [
    "uploadUrl",
    "s3Bucket",
    "s3Key",
    "awsAccessKeyId",
    "awsSecretAccessKey",
    "awsSessionToken",
    "awsRegion",
]


def todays_command(command: str, **said: object) -> str:
    fields = {"command": command, "timestamp": T, "deviceId": "controller"}
    return json.dumps(
        {**fields, "fileName": None, **dict.fromkeys(TODAYS_KEYS), **said}
    )


COMMANDS = {
    CommandType.START_RECORDING: CommandMessage.start_recording(T),
    CommandType.STOP_RECORDING: CommandMessage.stop_recording(),
    CommandType.DEVICE_STATUS: CommandMessage.device_status(),
    CommandType.GET_VIDEO: CommandMessage.get_video("a_1", file_name="a_1.mp4"),
    CommandType.HEARTBEAT: CommandMessage.heartbeat(),
    CommandType.LIST_FILES: CommandMessage.list_files(),
}


@pytest.mark.parametrize("command", CommandType)
def test_command_when_written_and_read_then_the_same(command: CommandType) -> None:
    message = COMMANDS[command]
    assert message.command is command
    assert CommandMessage.from_json(message.to_json()) == message
    assert CommandMessage.from_json(message.to_bytes()) == message


@pytest.mark.parametrize("command", CommandType)
def test_command_when_written_then_one_short_line(command: CommandType) -> None:
    octets = COMMANDS[command].to_bytes()
    assert len(octets) < 4096
    assert b"\n" not in octets


@pytest.mark.parametrize("command", CommandType)
def test_command_when_from_todays_controller_then_read(command: CommandType) -> None:
    said = todays_command(command, fileName="a_1.mp4")
    assert CommandMessage.from_json(said) == CommandMessage(
        command, T, "controller", fileId=None, fileName="a_1.mp4"
    )


def test_command_when_it_names_no_file_name_then_the_published_keys_only() -> None:
    assert list(json.loads(CommandMessage.get_video("a_1").to_json())) == [
        "command",
        "timestamp",
        "deviceId",
        "fileId",
    ]


def test_start_when_without_an_instant_then_now_and_zero_is_one() -> None:
    before = time.time()
    assert before <= CommandMessage.start_recording().timestamp <= time.time()
    assert CommandMessage.start_recording(0).timestamp == 0


def test_get_video_when_it_names_nothing_then_refused() -> None:
    with pytest.raises(MultiCamMalformed):
        CommandMessage.get_video()


@pytest.mark.parametrize("name", ["UPLOAD_TO_CLOUD", "UPLOAD_STATUS", "", "start"])
def test_command_when_not_of_ours_then_unsupported(name: str) -> None:
    with pytest.raises(MultiCamUnsupported, match=f"^{name} is not supported$"):
        CommandMessage.from_json(todays_command(name))


def test_command_when_its_name_is_long_then_told_in_part() -> None:
    with pytest.raises(MultiCamUnsupported) as caught:
        CommandMessage.from_json(todays_command("X" * 1000))
    assert len(str(caught.value)) < 100


START = '{"command": "START_RECORDING", "deviceId": "c", "timestamp": %s}'
GET = '{"command": "GET_VIDEO", "deviceId": "c", "timestamp": 1, %s}'


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"START_RECORDING"',
        b"{",
        b"{}",
        b"{} {}",
        b"\xff\xfe",
        b'{"command": "\xff"}',
        b'{"command": null}',
        b'{"command": 7}',
        b'{"command": ["HEARTBEAT"]}',
        b'{"command": "HEARTBEAT", "deviceId": 7}',
        b'{"command": "HEARTBEAT", "timestamp": "now"}',
        b'{"command": "START_RECORDING", "deviceId": "c"}',
        *(
            (START % instant).encode()
            for instant in (
                "null NaN Infinity -Infinity 1e999 -1e999 true false [] {} 1e17 "
                '"1729000000" ' + "9" * 400
            ).split()
        ),
        (GET % '"fileId": null').encode(),
        (GET % '"fileId": ""').encode(),
        (GET % '"fileId": 7').encode(),
        (GET % '"fileName": ["a"]').encode(),
        (GET % f'"fileId": "{"a" * 2000}"').encode(),
    ],
    ids=lambda octets: repr(octets[:70]),
)
def test_command_when_malformed_then_told(octets: bytes) -> None:
    with pytest.raises(MultiCamMalformed):
        CommandMessage.from_json(octets)


def test_command_when_its_digits_are_endless_then_told() -> None:
    with pytest.raises(MultiCamMalformed):
        CommandMessage.from_json(START % ("9" * 60_000))


# What a camera of ours says, and the exact JSON of it.
WRITTEN: dict[str, tuple[Any, dict[str, Any]]] = {
    "ready": (
        StatusResponse(D, "ready", T, deviceType="Linux:Klipper"),
        {"status": "ready", "isRecording": False, **STATE},
    ),
    "scheduled": (
        StatusResponse(
            D, "scheduled_recording_accepted", T, deviceType="Linux:Klipper"
        ),
        {"status": "scheduled_recording_accepted", "isRecording": False, **STATE},
    ),
    "recording": (
        StatusResponse(D, "recording", T, True, deviceType="Linux:Klipper"),
        {"status": "recording", "isRecording": True, **STATE},
    ),
    "stopped": (
        StatusResponse(
            D,
            "recording_stopped",
            T,
            fileId=f"{D}_1729000003500",
            fileName=f"{D}_1729000003500.mp4",
            fileSize=52428800,
        ),
        {
            "status": "recording_stopped",
            "isRecording": False,
            "fileId": f"{D}_1729000003500",
            "fileName": f"{D}_1729000003500.mp4",
            "fileSize": 52428800,
        },
    ),
    "error": (
        StatusResponse(D, "time_not_synchronized", T, message="no time"),
        {
            "status": "time_not_synchronized",
            "isRecording": False,
            "message": "no time",
        },
    ),
    "list": (
        ListFilesResponse(D, "ready", T, [FileMetadata("a_1", "a_1.mp4", 7, T, T)]),
        {
            "status": "ready",
            "files": [
                {
                    "fileId": "a_1",
                    "fileName": "a_1.mp4",
                    "fileSize": 7,
                    "creationDate": T,
                    "modificationDate": T,
                }
            ],
        },
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_answer_when_written_then_exactly_these_keys(name: str) -> None:
    answer, keys = WRITTEN[name]
    assert json.loads(answer.to_json()) == {"deviceId": D, "timestamp": T, **keys}


@pytest.mark.parametrize("name", WRITTEN)
def test_answer_when_written_and_read_then_the_same(name: str) -> None:
    answer, _ = WRITTEN[name]
    assert type(answer).from_json(answer.to_json()) == answer


def test_header_when_written_and_read_then_the_same() -> None:
    header = FileResponse(D, "a_1", "a_1.mp4", 7)
    assert json.loads(header.to_json()) == {
        "deviceId": D,
        "fileId": "a_1",
        "fileName": "a_1.mp4",
        "fileSize": 7,
        "status": "ready",
    }
    assert FileResponse.from_json(header.to_json()) == header


def answer(**said: object) -> str:
    fields = {"deviceId": D, "status": "ready", "timestamp": T, **said}
    return json.dumps({key: fields[key] for key in fields if fields[key] is not ...})


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Ready", "ready"),
        ("READY", "ready"),
        ("Command received", "command_received"),
        ("Scheduled recording accepted", "scheduled_recording_accepted"),
        ("Recording stopped", "recording_stopped"),
        ("Recording already in progress", "recording"),
        ("File not found", "file_not_found"),
        ("No recording in progress", "error"),
        ("Invalid command format", "error"),
        ("Device not ready", "error"),
        ("Time_Not_Synchronized", "time_not_synchronized"),
        ("on_holiday", "on_holiday"),
    ],
)
def test_status_when_said_in_an_old_way_then_the_word_for_it(
    said: str, meant: str
) -> None:
    assert StatusResponse.from_json(answer(status=said)).status == meant


def test_status_when_an_old_error_then_its_sentence_is_the_message() -> None:
    response = StatusResponse.from_json(answer(status="No recording in progress"))
    assert response.message == "No recording in progress"
    with pytest.raises(MultiCamRefused, match="No recording in progress"):
        response.check()


@pytest.mark.parametrize(
    ("said", "dialect"),
    [
        ({"status": "Ready", "isRecording": False}, Dialect.LEGACY),
        ({"status": "Command received"}, Dialect.LEGACY),
        ({"isRecording": False}, Dialect.V1),
        ({"uploadQueue": []}, Dialect.V2),
        ({"batteryLevel": None}, Dialect.V2),
        ({"isRecording": False, **STATE}, Dialect.V2),
        ({}, None),
    ],
)
def test_dialect_when_seen_then_known(
    said: dict[str, object], dialect: Dialect | None
) -> None:
    text = answer(**said)
    assert dialect_of(Fields.parse(text)) is dialect
    assert StatusResponse.from_json(text).dialect is dialect


def test_is_recording_when_not_said_then_follows_from_the_status() -> None:
    assert StatusResponse.from_json(answer(status="recording")).isRecording
    assert StatusResponse.from_json(answer(status="stopping")).isRecording
    assert not StatusResponse.from_json(answer()).isRecording
    said = answer(status="recording", isRecording=False)
    assert not StatusResponse.from_json(said).isRecording


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("error", MultiCamRefused),
        ("ERROR", MultiCamRefused),
        ("camera_disconnected", MultiCamRefused),
        ("upload_failed", MultiCamRefused),
        ("time_not_synchronized", TimeNotSynchronized),
        ("file_not_found", RecordingNotFound),
        ("on_holiday", MultiCamMalformed),
    ],
)
def test_status_when_checked_then_raises_what_it_means(
    status: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        StatusResponse.from_json(answer(status=status)).check()
    assert type(caught.value) is error


def test_statuses_when_asked_then_either_success_or_error() -> None:
    for status in DeviceStatus:
        assert DeviceStatus.is_success(status) is not DeviceStatus.is_error(status)
        assert DeviceStatus.is_success(status.upper()) is DeviceStatus.is_success(
            status
        )
        if DeviceStatus.is_success(status):
            StatusResponse(D, status, T).check()
    assert not DeviceStatus.is_success("on_holiday")
    assert not DeviceStatus.is_error("on_holiday")


@pytest.mark.parametrize(
    "said",
    [
        {"deviceId": ...},
        {"deviceId": 7},
        {"status": ...},
        {"status": None},
        {"status": ["ready"]},
        {"timestamp": ...},
        {"timestamp": "now"},
        {"timestamp": True},
        {"timestamp": float("nan")},
        {"timestamp": float("inf")},
        {"isRecording": "no"},
        {"isRecording": 0},
        {"message": 7},
        {"message": "x" * 2000},
        {"fileId": 7},
        {"fileName": {}},
        {"fileSize": -1},
        {"fileSize": 1.5},
        {"fileSize": "7"},
        {"fileSize": 2**60},
        {"batteryLevel": "full"},
        {"deviceType": 7},
        {"uploadQueue": {}},
        {"uploadQueue": ["a"]},
    ],
    ids=str,
)
def test_status_when_malformed_then_told(said: dict[str, object]) -> None:
    with pytest.raises(MultiCamMalformed):
        StatusResponse.from_json(answer(**said))


ENTRY = {
    "fileName": "a_1.mp4",
    "fileSize": 7,
    "creationDate": T,
    "modificationDate": T,
}


@pytest.mark.parametrize(
    "files",
    [
        {},
        "a",
        ["a"],
        [None],
        [{**ENTRY, "fileName": None}],
        [{**ENTRY, "fileSize": None}],
        [{**ENTRY, "fileSize": -1}],
        [{**ENTRY, "creationDate": "today"}],
        [ENTRY] * 10_001,
    ],
    ids=lambda files: str(files)[:60],
)
def test_list_when_malformed_then_told(files: object) -> None:
    with pytest.raises(MultiCamMalformed):
        ListFilesResponse.from_json(answer(files=files))


def test_list_when_of_today_then_the_name_is_the_id() -> None:
    listed = ListFilesResponse.from_json(answer(files=[ENTRY]))
    assert listed.files == [FileMetadata("a_1.mp4", "a_1.mp4", 7, T, T)]


@pytest.mark.parametrize(
    "said",
    [
        {"deviceId": None},
        {"fileName": None},
        {"fileName": 7},
        {"fileSize": None},
        {"fileSize": -1},
        {"fileSize": 1e300},
    ],
    ids=str,
)
def test_header_when_malformed_then_told(said: dict[str, object]) -> None:
    with pytest.raises(MultiCamMalformed):
        FileResponse.from_json(answer(**{**ENTRY, **said}))


def test_file_id_when_made_then_device_and_millisecond() -> None:
    assert file_id(D, T) == f"{D}_1729000003500"


SOUND = {
    "command": "HEARTBEAT",
    "deviceId": D,
    "status": "ready",
    "timestamp": T,
    "isRecording": False,
    "message": None,
    "fileId": "a_1",
    "fileName": "a_1.mp4",
    "fileSize": 7,
    "files": [],
    "creationDate": T,
    "modificationDate": T,
    "batteryLevel": 80,
    "deviceType": "Phone",
    "uploadQueue": [],
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.sampled_from([*CommandType, *DeviceStatus])
)
KEYS = st.sampled_from(sorted(SOUND))
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "message",
    [CommandMessage, StatusResponse, FileResponse, FileMetadata, ListFilesResponse],
)
@given(said=st.dictionaries(KEYS, ANYTHING, max_size=3))
def test_message_when_it_says_anything_then_read_or_an_error_of_ours(
    message: Any, said: dict[str, Any]
) -> None:
    try:
        read = message.from_json(json.dumps({**SOUND, **said}))
    except MultiCamError:
        return
    # What is read can be written, and is the same then.
    assert message.from_json(read.to_json()) == read


def test_answer_when_its_message_is_hostile_then_told_without_harm() -> None:
    said = answer(status="error", message="no\x1b[2J\nERROR root: \u202ebad")
    with pytest.raises(MultiCamRefused) as caught:
        StatusResponse.from_json(said).check()
    assert str(caught.value) == "no?[2J?ERROR root: ?bad"
