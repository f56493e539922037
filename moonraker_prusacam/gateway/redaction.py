# What of Moonraker's answers viewers see.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers without what is secret in them, and without what invites to act.

Moonraker's configuration holds passwords of brokers and notifiers, its warnings repeat
options that it did not understand, and addresses of webcams may hold a login. Folders
and services are shown as such that nobody can write or restart, so that the user
interfaces leave out their buttons.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from .parameters import NAMESPACES, ROOTS

HIDDEN = "***"
LOGIN = re.compile(r"(?<=://)[^/?#\s]*@")
SECRET_IN_QUERY = re.compile(
    r"([?&;][^=&;\s]*(?:pass|pwd|secret|token|key|auth|login|sig)[^=&;\s]*=)[^&;\s#]*",
    re.IGNORECASE,
)
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)|secret|token|api_?key|access_?code|credential",
    re.IGNORECASE,
)
# Sections of printer.cfg that hold commands of the host.
HOST_COMMANDS = re.compile(r"(gcode_)?shell_command\b", re.IGNORECASE)

# What Mainsail and Fluidd read of moonraker.conf; a pattern of options by section.
CONFIG_SHOWN = {
    "server": re.compile(r"host|port|ssl_port"),
    "data_store": re.compile(r"temperature_store_size|gcode_store_size"),
    "file_manager": re.compile(r"enable_object_processing|queue_gcode_uploads"),
    "timelapse": re.compile(r".+"),
    "sensor": re.compile(r"(parameter|history_field)_.+|type|name"),
}
# Whose panels would do nothing but fail, since their methods do not pass.
COMPONENTS_HIDDEN = {
    "analysis",
    "mqtt",
    "notifier",
    "simplyprint",
    "spoolman",
    "td1",
    "update_manager",
}
PATHS_SHORTENED = ("klipper_path", "python_path", "log_file", "config_file")
CAMERA_SHOWN = (
    *("name", "state", "stream_url", "snapshot_url", "width", "height", "target_fps"),
    *("rotation", "flip_horizontal", "flip_vertical"),
)


def as_it_is(result: Any) -> Any:
    """The answer itself."""
    return result


def without_logins(value: Any) -> Any:
    """``value`` with addresses that hold no login and no token."""
    if isinstance(value, str):
        if "://" not in value and "?" not in value:
            return value
        return SECRET_IN_QUERY.sub(rf"\1{HIDDEN}", LOGIN.sub("", value))
    if isinstance(value, list):
        return [without_logins(item) for item in value]
    if isinstance(value, dict):
        return {name: without_logins(item) for name, item in value.items()}
    return value


def server_info(result: Any) -> Any:
    """Without warnings, hidden components, and folders that are not shown."""
    shown = dict(result)
    shown["warnings"] = []
    shown["failed_components"] = []
    shown["components"] = [
        name for name in result["components"] if name not in COMPONENTS_HIDDEN
    ]
    shown["registered_directories"] = [
        name for name in result["registered_directories"] if name in ROOTS
    ]
    return shown


def server_config(result: Any) -> Any:
    """The few options of moonraker.conf that user interfaces read."""
    return {
        "config": _config_shown(result["config"]),
        "orig": _config_shown(result["orig"]),
        "files": [],
    }


def _config_shown(sections: dict[str, dict[str, Any]]) -> dict[str, Any]:
    shown = {}
    for name, options in sections.items():
        pattern = CONFIG_SHOWN.get(name.partition(" ")[0])
        if pattern is not None:
            shown[name] = without_logins(
                {
                    option: value
                    for option, value in options.items()
                    if pattern.fullmatch(option) and not SECRET_NAME.search(option)
                }
            )
    return shown


def printer_info(result: Any) -> Any:
    """With names of files instead of their paths."""
    shown = dict(result)
    for name in PATHS_SHORTENED:
        if isinstance(shown.get(name), str):
            shown[name] = PurePosixPath(shown[name]).name
    return shown


def system_info(result: Any) -> Any:
    """Without serial numbers, addresses of hardware, and services to restart."""
    shown = dict(result["system_info"])
    for name in ("cpu_info", "sd_info"):
        if isinstance(shown.get(name), dict):
            shown[name] = {**shown[name], "serial_number": ""}
    network = shown.get("network")
    if isinstance(network, dict):
        shown["network"] = {
            name: {**interface, "mac_address": ""}
            for name, interface in network.items()
        }
    shown["available_services"] = []
    shown["service_state"] = {}
    return {"system_info": shown}


def roots(result: Any) -> Any:
    """The roots that are shown, without where they are."""
    return [
        {"name": root["name"], "path": root["name"], "permissions": "r"}
        for root in result
        if root["name"] in ROOTS
    ]


def files(result: Any) -> Any:
    """Files, folders or both, as such that nobody can write."""
    if isinstance(result, list):
        return [files(item) for item in result]
    if isinstance(result, dict):
        return {
            name: files(value)
            if isinstance(value, (list, dict))
            else ("r" if name == "permissions" else value)
            for name, value in result.items()
        }
    return result


def namespaces(_: Any) -> Any:
    """The namespaces whose content is shown, be there any or not."""
    return {"namespaces": list(NAMESPACES), "backups": []}


def cameras(result: Any) -> Any:
    """The engine's cameras, without who watches them and where they are."""
    return {
        "cameras": [
            {name: camera[name] for name in CAMERA_SHOWN if name in camera}
            for camera in result["cameras"]
        ]
    }


def objects(result: Any) -> Any:
    """A status, its ``configfile`` without secrets and commands of the host."""
    return {**result, "status": status(result["status"])}


def status(value: Any) -> Any:
    """Klipper's objects; see ``objects``."""
    config = value.get("configfile")
    if not isinstance(config, dict):
        return value
    shown = {
        part: _printer_config(content) if part in ("config", "settings") else content
        for part, content in config.items()
    }
    return {**value, "configfile": shown}


def _printer_config(sections: Any) -> Any:
    if not isinstance(sections, dict):
        return sections
    return {
        name: {
            option: HIDDEN if SECRET_NAME.search(option) else without_logins(text)
            for option, text in options.items()
        }
        if isinstance(options, dict)
        else options
        for name, options in sections.items()
        if not HOST_COMMANDS.match(name)
    }
