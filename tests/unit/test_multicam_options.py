# Tests of the sections about recordings with other devices.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from moonraker_prusacam import config
from moonraker_prusacam.errors import ConfigErrors
from moonraker_prusacam.multicam_options import Address, device_address

DEVICE = "[multicam]\n[multicam_device a]\naddress: x\n"
CROWSNEST = "[camera a]\nsource: http://localhost:8080/stream\n"
TWO_CAMERAS = "[camera a]\nsource: test:\n[camera b]\nsource: test:\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("192.168.1.20", Address("192.168.1.20", 8080)),
        ("192.168.1.20:9000", Address("192.168.1.20", 9000)),
        ("phone.local", Address("phone.local", 8080)),
        ("phone:1", Address("phone", 1)),
        ("phone:08080", Address("phone", 8080)),
        ("[fe80::1%eth0]:8090", Address("fe80::1%eth0", 8090)),
        ("[::1]", Address("::1", 8080)),
    ],
)
def test_address_when_it_is_one_then_read(written: str, expected: Address) -> None:
    assert device_address(written) == expected
    assert device_address(str(expected)) == expected


@pytest.mark.parametrize(
    "written",
    [
        "",
        ":8080",
        "phone:",
        "phone:0",
        "phone:65536",
        "phone:99999999999999",
        "phone:000008080808",
        "phone:-1",
        "phone:²",
        "fe80::1",
        "[phone]:80",
        "[::1]80",
        "http://phone",
        "phone/x",
        "a b",
        "300.1.1.1",
        "1.2.3",
        "-x",
        "x..y",
        "x" * 300,
    ],
)
def test_address_when_it_is_none_then_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        device_address(written)


def test_multicam_when_alone_then_enough_for_an_engine() -> None:
    made = config.loads(
        "[multicam]\n[multicam_device pixel]\naddress: 10.0.0.7"
    ).multicam
    assert made.multicam is not None
    assert made.multicam.delay_s == 3.0
    assert [str(device.address) for device in made.devices] == ["10.0.0.7:8080"]


def test_camera_when_it_is_a_device_then_its_port_is_none_of_streamers() -> None:
    made = config.loads("[camera a]\nsource: test:\n[multicam_camera a]").multicam
    assert [(camera.camera, camera.port) for camera in made.cameras] == [("a", 8090)]
    assert made.multicam is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[multicam_device a]\naddress: b", "needs a [multicam] section"),
        ("[multicam]\n[multicam_device a]", "option 'address' is missing"),
        (
            f"{DEVICE}[multicam_device b]\naddress: x:8080",
            "has the address of [multicam_device a]",
        ),
        ("[multicam]\n[multicam_camera a]", "there is no [camera a]"),
        (
            "[camera front]\nsource: test:\n[multicam_camera Font]",
            "there is no [camera Font] (did you mean 'front'?)",
        ),
        (
            f"{CROWSNEST}[multicam_camera a]\nport: 8080",
            "has the port of what [camera a] comes from: set 'port', as to 8090",
        ),
        (
            "[gateway]\nport: 8090\n[camera a]\nsource: test:\n[multicam_camera a]",
            "has the port of [gateway]: set 'port', as to 8091",
        ),
        ("[multicam]\ndiscover: False", "has nobody to record with"),
        (
            "[camera a]\nsource: test:\n[multicam_camera a]\nport: 8081",
            "has the port of [engine]",
        ),
        (
            f"{TWO_CAMERAS}[multicam_camera a]\n[multicam_camera b]",
            "has the port of [multicam_camera a]",
        ),
        ("[multicam]\ndelay: nan", "is not from 0.5 to 60"),
        ("[multicam x]", "takes no name"),
    ],
)
def test_section_when_it_makes_no_sense_then_told(text: str, told: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        config.loads(text)
    assert told in str(caught.value)


def test_mistakes_when_there_are_several_then_all_are_told_with_their_lines() -> None:
    text = (
        f"{TWO_CAMERAS}"
        "[multicam_camera a]\nport: 8081\n"
        "[multicam_camera b]\nhots: 0.0.0.0\n"
        "[multicam_camera B]\n"
        "[multicam_device phone]\naddress: 10.0.0.300\nfile_key: name\n"
    )
    with pytest.raises(ConfigErrors) as caught:
        config.loads(text)
    told = [(error.line, str(error)) for error in caught.value.errors]
    assert [line for line, _ in told] == [6, 8, 9, 10, 11, 12]
    words = "\n".join(text for _, text in told)
    for part in (
        "has the port of [engine]",
        "unknown option (did you mean 'host'?)",
        "(did you mean 'b'?)",
        "needs a [multicam] section",
        "'10.0.0.300' is neither an address nor the name of a host",
        "file_key",
    ):
        assert part in words


def test_cameras_when_others_come_from_elsewhere_then_their_ports_are_free() -> None:
    made = config.loads(
        "[camera a]\nsource: http://192.168.1.9:8090/\n"
        "[camera b]\nsource: http://127.0.0.1:8080/\n[multicam_camera a]\n"
    )
    assert made.multicam.cameras[0].port == 8090
