# Tests of what viewers of the gateway see of answers.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret stays behind, and what nobody may change does not look as if."""

from __future__ import annotations

from typing import Any

import pytest

from moonraker_prusacam.gateway import redaction
from moonraker_prusacam.gateway.notices import NOTICES

ADDRESSES = {
    "http://admin:hunter2@cam/a": "http://cam/a",
    "rtsp://hunter2@cam:554/a?b=c": "rtsp://cam:554/a?b=c",
    "http://cam/a?user=a&pwd=hunter2&b=c#d": "http://cam/a?user=a&pwd=***&b=c#d",
    "http://cam/a?access_token=hunter2": "http://cam/a?access_token=***",
    "/webcam/?action=stream&apikey=hunter2": "/webcam/?action=stream&apikey=***",
    "http://cam/@home?a=b@c": "http://cam/@home?a=b@c",
    "/webcam2/stream.mjpg?placeholder=1": "/webcam2/stream.mjpg?placeholder=1",
    "mdiWebcam": "mdiWebcam",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_address_when_it_holds_a_login_then_shown_without(address: str) -> None:
    shown = redaction.without_logins({"webcams": [{"url": address, "fps": 5}]})
    assert shown == {"webcams": [{"url": ADDRESSES[address], "fps": 5}]}


def test_config_of_moonraker_when_shown_then_only_what_is_read() -> None:
    sections: dict[str, dict[str, Any]] = {
        "server": {"host": "0.0.0.0", "port": 7125, "klippy_uds_address": "hunter2"},
        "mqtt": {"username": "hunter2", "mqtt_password": "hunter2"},
        "notifier phone": {"url": "tgram://hunter2/hunter2"},
        "power psu": {"token": "hunter2"},
        "update_manager client": {"origin": "https://hunter2@host/repo.git"},
        "sensor room": {
            "type": "mqtt",
            "name": "Room",
            "state_topic": "hunter2",
            "parameter_temperature": {"units": "C"},
            "parameter_token": "hunter2",
        },
        "timelapse": {
            "snapshoturl": "http://a:hunter2@cam/a",
            "wget_password": "hunter2",
        },
    }
    shown = redaction.server_config(
        {"config": sections, "orig": sections, "files": [{"filename": "hunter2"}]}
    )
    expected = {
        "server": {"host": "0.0.0.0", "port": 7125},
        "sensor room": {
            "type": "mqtt",
            "name": "Room",
            "parameter_temperature": {"units": "C"},
        },
        "timelapse": {"snapshoturl": "http://cam/a"},
    }
    assert shown == {"config": expected, "orig": expected, "files": []}


def test_printer_config_when_queried_then_without_commands_and_secrets() -> None:
    sections = {
        "extruder": {"min_extrude_temp": 170, "control": "pid"},
        "gcode_shell_command notify": {"command": "curl -H hunter2"},
        "gcode_macro TELL": {"gcode": "SAY http://a:hunter2@b/c"},
        "telegram": {"bot_token": "hunter2", "api_key": "hunter2", "chat": "5"},
    }
    status = {
        "configfile": {
            "config": sections,
            "settings": sections,
            "save_config_pending": False,
        },
        "toolhead": {"position": [1, 2, 3, 4]},
    }
    shown = redaction.objects({"eventtime": 1.0, "status": status})
    assert "hunter2" not in str(shown)
    assert shown["status"]["toolhead"] == {"position": [1, 2, 3, 4]}
    assert shown["status"]["configfile"]["save_config_pending"] is False
    settings = shown["status"]["configfile"]["settings"]
    assert settings["extruder"] == sections["extruder"]
    assert settings["telegram"] == {"bot_token": "***", "api_key": "***", "chat": "5"}
    # The same when it is told later.
    params = NOTICES["notify_status_update"].show([status, 1.0])
    assert params == [shown["status"], 1.0]


def test_status_when_nothing_is_secret_then_the_same_object() -> None:
    status = {"toolhead": {"position": [1, 2, 3, 4]}}
    assert redaction.status(status) is status


def test_server_when_shown_then_without_warnings_and_what_would_fail() -> None:
    shown = redaction.server_info(
        {
            "klippy_state": "ready",
            "components": ["file_manager", "update_manager", "spoolman", "mqtt"],
            "failed_components": ["hunter2"],
            "registered_directories": ["config", "logs", "gcodes", "docs"],
            "warnings": ["Unparsed config option 'password: hunter2'"],
        }
    )
    assert shown == {
        "klippy_state": "ready",
        "components": ["file_manager"],
        "failed_components": [],
        "registered_directories": ["gcodes"],
        "warnings": [],
    }


def test_host_when_shown_then_without_serial_numbers_and_services() -> None:
    shown = redaction.system_info(
        {
            "system_info": {
                "cpu_info": {"cpu_count": 4, "serial_number": "hunter2"},
                "sd_info": {"serial_number": "hunter2", "total_bytes": 5},
                "network": {"eth0": {"mac_address": "hunter2", "ip_addresses": []}},
                "available_services": ["klipper"],
                "service_state": {"klipper": {"active_state": "active"}},
                "python": {"version_string": "3.11"},
            }
        }
    )["system_info"]
    assert "hunter2" not in str(shown)
    assert shown["cpu_info"]["cpu_count"] == 4
    assert shown["available_services"] == []
    assert shown["python"] == {"version_string": "3.11"}


def test_folder_when_shown_then_nobody_can_write_it() -> None:
    shown = redaction.files(
        {
            "dirs": [{"dirname": "a", "permissions": "rw"}],
            "files": [{"filename": "rw", "permissions": "rw", "size": 5}],
            "disk_usage": {"free": 5},
            "root_info": {"name": "gcodes", "permissions": "rw"},
        }
    )
    assert shown["dirs"][0]["permissions"] == "r"
    assert shown["files"] == [{"filename": "rw", "permissions": "r", "size": 5}]
    assert shown["root_info"] == {"name": "gcodes", "permissions": "r"}


def test_timelapse_when_it_fails_then_the_command_is_not_told() -> None:
    event = {
        "action": "render",
        "status": "error",
        "cmd": "ffmpeg hunter2",
        "cmdresponse": "hunter2",
        "msg": "ffmpeg hunter2 failed",
    }
    shown = NOTICES["notify_timelapse_event"].show([event])
    assert shown == [
        {"action": "render", "status": "error", "msg": "the timelapse failed"}
    ]


def test_cameras_when_shown_then_without_sources_and_viewers() -> None:
    camera = {
        "name": "front",
        "state": "live",
        "source": "rtsp://hunter2",
        "streams": [{"address": "hunter2"}],
        "reason": "hunter2",
        "stream_url": "/webcam2/stream.mjpg",
    }
    shown = redaction.cameras({"cameras": [camera]})
    assert "hunter2" not in str(shown)
    assert shown["cameras"][0]["stream_url"] == "/webcam2/stream.mjpg"
    event = {"event": "state", "camera": "front", "state": "x", "reason": "hunter2"}
    told = NOTICES["notify_prusacam_camera"].show([event])
    assert told == [{"event": "state", "camera": "front", "state": "x"}]
