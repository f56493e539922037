# Tests of [printer] in prusacam.conf.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be written, what is a mistake, and which cameras need no token then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from moonraker_prusacam.bridge import klipper_settings
from moonraker_prusacam.component.printer_endpoints import PRINTER_ENDPOINTS
from moonraker_prusacam.config import loads
from moonraker_prusacam.connect.printer.klipper import GcodePolicy
from moonraker_prusacam.errors import ConfigErrors
from moonraker_prusacam.printer_options import PRINTER_TYPES, PrinterConfig

if TYPE_CHECKING:
    from pathlib import Path

CAMERA = "[camera front]\nsource: test:\n"
CONSENT = "[printer]\nconsent: True\n"
TOKEN = "aZ09_-aZ09_-aZ09_-aZ"


def printer(text: str) -> PrinterConfig:
    made = loads(f"[printer]\n{text}").printer
    assert made is not None
    return made


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        loads(text)
    return [str(error) for error in caught.value.errors]


def test_section_when_absent_then_no_printer() -> None:
    assert loads(CAMERA).printer is None


def test_section_when_empty_then_no_consent_and_the_defaults() -> None:
    made = printer("")
    assert made == PrinterConfig()
    assert not made.consent
    assert not made.gives_tokens
    assert made.printer_type == "6.1.0"
    assert made.gcode == "allowlist"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("HT90", "6.1.0"),
        ("mk4s", "1.4.1"),
        ("Core One", "7.1.0"),
        ("1.4.0", "1.4.0"),
        ("8.1.0", "8.1.0"),
    ],
)
def test_type_when_named_or_numbered_then_its_numbers(text: str, numbers: str) -> None:
    assert printer(f"printer_type: {text}").printer_type == numbers


def test_types_when_listed_then_each_has_three_numbers() -> None:
    for name, numbers in PRINTER_TYPES.items():
        assert printer(f"printer_type: {name}").printer_type == numbers


@pytest.mark.parametrize(
    "line",
    [
        "consent: maybe",
        "printer_type: MK9",
        "printer_type: 1.4",
        "printer_type: 1.4.0.0",
        "printer_type: ../../x",
        "name: " + "x" * 65,
        "server: ftp://x",
        "server: https://user:password@x",
        "transport: carrier",
        "gcode: some",
        "load_filament: LOAD X=1",
        "load_filament: LOAD;M112",
        "allowed_macros: A, B C",
        "max_download_mb: 0",
        "cameras: 2",
        "consents: True",
    ],
)
def test_option_when_it_makes_no_sense_then_a_mistake(line: str) -> None:
    (told,) = mistakes(f"[printer]\n{line}")
    assert told.startswith(f"line 2, [printer] {line.partition(':')[0]}: ")


def test_settings_when_made_then_what_the_user_allows(tmp_path: Path) -> None:
    made = printer(
        "gcode: all\nallowed_macros: clean_nozzle,\n  LIGHT_ON\n"
        "load_filament: LOAD_IT\nallow_lan_downloads: yes\nreserve_mb: 7\n"
    )
    settings = klipper_settings(made, tmp_path)
    assert settings.gcode is GcodePolicy.ALL
    assert settings.allowed_macros == {"CLEAN_NOZZLE", "LIGHT_ON"}
    assert settings.load_filament == "LOAD_IT"
    assert settings.unload_filament == ""
    assert settings.allow_lan_downloads
    assert settings.reserve_mb == 7
    assert settings.state_path.parent == tmp_path


def test_camera_when_the_printer_gives_tokens_then_needs_none() -> None:
    made = loads(CAMERA + CONSENT + "[connect front]\n")
    assert made.connect[0].token is None
    both = loads(CAMERA + CONSENT + f"[connect front]\ntoken: {TOKEN}\n")
    assert both.connect[0].secret.reveal() == TOKEN


@pytest.mark.parametrize(
    "section",
    ["", "[printer]\n", "[printer]\nconsent: no\n", CONSENT + "cameras: no\n"],
)
def test_camera_when_nobody_gives_tokens_then_needs_one(section: str) -> None:
    (told,) = mistakes(CAMERA + "[connect front]\n" + section)
    assert "needs either 'token' or 'token_file'" in told


def test_camera_when_its_server_is_another_then_a_mistake() -> None:
    (told,) = mistakes(CAMERA + CONSENT + "[connect front]\nserver: https://other\n")
    assert "[connect front] server: the token comes through [printer]" in told
    same = "server: https://here\n"
    loads(CAMERA + CONSENT + same + "[connect front]\n" + same)


def test_camera_when_the_printers_server_is_another_then_it_has_the_same() -> None:
    text = CAMERA + CONSENT + "server: https://here\n[connect front]\n"
    assert loads(text).connect[0].server == "https://here"
    own = loads(text + f"token: {TOKEN}\n").connect[0]
    assert own.server == "https://connect.prusa3d.com"


def test_host_when_it_has_a_printer_only_then_that_is_enough() -> None:
    assert loads(CONSENT).cameras == ()


@pytest.mark.parametrize(
    ("path", "arguments", "params"),
    [
        ("printer", {}, {}),
        ("printer/register", {}, {}),
        ("printer/unregister", {}, {}),
        ("printer/ready", {}, {"ready": True}),
        ("printer/ready", {"ready": "false"}, {"ready": False}),
    ],
)
def test_endpoint_when_asked_then_the_engine_gets_its_params(
    path: str, arguments: dict[str, Any], params: dict[str, Any]
) -> None:
    readers = {path: reader for _, path, _, reader in PRINTER_ENDPOINTS}
    assert readers[path](arguments) == params


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("printer", {"ask": "1"}),
        ("printer/register", {"code": "x"}),
        ("printer/ready", {"ready": "perhaps"}),
    ],
)
def test_endpoint_when_asked_strangely_then_refused(
    path: str, arguments: dict[str, Any]
) -> None:
    readers = {path: reader for _, path, _, reader in PRINTER_ENDPOINTS}
    with pytest.raises(ValueError, match=r"argument|neither"):
        readers[path](arguments)
