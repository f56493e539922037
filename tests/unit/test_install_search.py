# Tests of what the installer finds.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moonrakers as their installers leave them, cameras, sections of configurations."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.errors import InstallError
from moonraker_prusacam.install.camera_search import find_cameras
from moonraker_prusacam.install.host import Host
from moonraker_prusacam.install.moonraker import find_moonrakers
from moonraker_prusacam.install.questions import choose_moonraker
from moonraker_prusacam.install.settings import includes, read_settings
from tests.support.printer_host import PrinterHost

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def printer(tmp_path: Path) -> PrinterHost:
    return PrinterHost.make(tmp_path)


@pytest.fixture
def host(printer: PrinterHost) -> Host:
    return Host(
        printer.home, pwd.getpwuid(os.getuid()).pw_name, printer.root, may_ask=False
    )


@pytest.mark.parametrize(
    "arguments",
    [
        'MOONRAKER_ARGS="{home}/moonraker/moonraker/moonraker.py -d {data}"\n',
        "MOONRAKER_ARGS='{home}/moonraker/moonraker/moonraker.py --datapath={data}'\n",
        (
            'MOONRAKER_DATA_PATH="{data}"\nMOONRAKER_ARGS="-m moonraker"\n'
            'PYTHONPATH="{home}/moonraker"\n\n'
        ),
        "MOONRAKER_ARGS=~/moonraker/moonraker/moonraker.py\n",
        'MOONRAKER_ARGS="%h/moonraker/moonraker/moonraker.py -d %h/printer_data"\n',
    ],
    ids=["kiauh", "long", "script", "default", "specifier"],
)
def test_moonraker_when_it_is_a_checkout_then_all_of_it_is_found(
    printer: PrinterHost, host: Host, arguments: str
) -> None:
    printer.add_git_moonraker()
    printer.add_data()
    printer.add_unit(arguments.format(home=printer.home, data=printer.data))
    (found,) = find_moonrakers(host)
    assert found.data_path == printer.data
    assert found.config_file == printer.config / "moonraker.conf"
    assert found.components == printer.components
    assert found.repository == printer.home / "moonraker"
    assert (found.unit, found.suffix, found.user) == ("moonraker", "", host.user)


def test_moonraker_when_pip_has_installed_it_then_its_package_is_found(
    printer: PrinterHost, host: Host
) -> None:
    components = printer.add_pip_moonraker()
    printer.add_data()
    printer.add_unit(f'MOONRAKER_ARGS="-m moonraker -d {printer.data}"\n')
    (found,) = find_moonrakers(host)
    assert found.components == components
    assert found.repository is None


def test_moonrakers_when_there_are_two_then_each_has_its_own_data_and_name(
    printer: PrinterHost, host: Host
) -> None:
    printer.add_git_moonraker()
    for name, unit in (("printer_1_data", "moonraker-1"), ("voron", "moonraker-voron")):
        printer.add_usual_unit(unit, printer.add_data(name))
    found = find_moonrakers(host)
    assert [one.data_path.name for one in found] == ["printer_1_data", "voron"]
    assert [one.suffix for one in found] == ["-1", "-voron"]
    assert {one.components for one in found} == {printer.components}


def test_moonraker_when_there_is_no_unit_then_the_usual_folders_tell(
    printer: PrinterHost, host: Host
) -> None:
    printer.add_git_moonraker()
    printer.add_data()
    printer.add_data("printer_2_data")
    found = find_moonrakers(host)
    assert [one.unit for one in found] == ["moonraker", "moonraker-2"]


def test_moonraker_when_its_data_folder_is_elsewhere_then_the_unit_leads_there(
    printer: PrinterHost, host: Host
) -> None:
    printer.add_git_moonraker()
    data = printer.add_data("klipper files")
    script = printer.home / "moonraker/moonraker/moonraker.py"
    printer.add_unit(f"""MOONRAKER_ARGS="{script} -d '{data}'"\n""", data=data)
    (found,) = find_moonrakers(host)
    assert found.data_path == data


def test_moonraker_when_a_drop_in_changes_the_command_then_that_holds(
    printer: PrinterHost, host: Host
) -> None:
    printer.add_git_moonraker()
    printer.add_data()
    other = printer.add_data("printer_data_new")
    printer.add_usual_unit()
    folder = printer.units / "moonraker.service.d"
    folder.mkdir()
    script = printer.home / "moonraker/moonraker/moonraker.py"
    command = f"/usr/bin/python3 {script} -d {other}"
    (folder / "x.conf").write_text(f"[Service]\nExecStart=\nExecStart={command}\n")
    assert {one.data_path for one in find_moonrakers(host) if one.user} == {other}


@pytest.mark.parametrize(
    "command",
    [
        "/home/x/moonraker-obico-env/bin/python3 -m moonraker_obico.app -c x.cfg",
        "/home/x/moonraker-telegram-bot-env/bin/python main.py",
        "/bin/sh -c 'unclosed",
        "",
    ],
)
def test_unit_when_it_runs_something_else_then_it_is_no_moonraker(
    printer: PrinterHost, host: Host, command: str
) -> None:
    unit = printer.units / "moonraker-obico.service"
    unit.write_text(f"[Service]\nExecStart={command}\n")
    assert find_moonrakers(host) == []


def test_choice_when_there_are_two_and_nobody_to_ask_then_both_are_named(
    printer: PrinterHost, host: Host
) -> None:
    printer.add_git_moonraker()
    for name in ("printer_1_data", "printer_2_data"):
        printer.add_data(name)
    with pytest.raises(InstallError, match=r"printer_1_data, .*printer_2_data"):
        choose_moonraker(printer.options(), host)
    chosen = choose_moonraker(
        printer.options(data=printer.home / "printer_2_data"), host
    )
    assert chosen.unit == "moonraker-2"


def test_choice_when_there_is_none_then_it_says_what_helps(
    printer: PrinterHost, host: Host
) -> None:
    with pytest.raises(InstallError, match=r"--data.*--no-moonraker"):
        choose_moonraker(printer.options(), host)
    with pytest.raises(InstallError, match=r"moonraker\.conf is not there"):
        choose_moonraker(printer.options(data=printer.home), host)
    alone = choose_moonraker(printer.options(no_moonraker=True), host)
    assert alone.data_path == printer.data


CROWSNEST = """\
[crowsnest]
log_path: {data}/logs/crowsnest.log

[cam 1]
mode: ustreamer                         # ustreamer - Provides mjpg
port: 8080                              # HTTP/MJPG Stream/Snapshot Port
device: /dev/v4l/by-id/usb-Logi_C270-video-index0
resolution: 640x480

[cam nozzle]
mode: camera-streamer
port: 8081
device: /base/soc/i2c0mux/i2c@1/imx219@10
"""


def add_usb_camera(printer: PrinterHost, name: str, number: int) -> None:
    devices = printer.root / "dev"
    (devices / "v4l/by-id").mkdir(parents=True, exist_ok=True)
    (devices / f"video{number}").touch()
    link = devices / f"v4l/by-id/usb-{name}-video-index0"
    link.symlink_to(f"../../video{number}")


def add_pi_camera(printer: PrinterHost) -> None:
    (printer.root / "usr/bin/rpicam-vid").touch()
    sensor = printer.root / "sys/class/video4linux/video0"
    sensor.mkdir(parents=True)
    (sensor / "name").write_text("unicam-image\n")


def test_cameras_when_crowsnest_has_them_then_they_are_read_from_it(
    printer: PrinterHost, host: Host
) -> None:
    printer.add_data()
    (printer.config / "crowsnest.conf").write_text(CROWSNEST.format(data=printer.data))
    add_usb_camera(printer, "Logi_C270", 0)
    add_usb_camera(printer, "Arducam_B0205", 2)
    add_pi_camera(printer)
    printer.listen_on(8080, 8081)
    assert [one.source for one in find_cameras(host, printer.config)] == [
        "http://127.0.0.1:8080/?action=stream",
        "http://127.0.0.1:8081/stream",
        "v4l2:/dev/v4l/by-id/usb-Arducam_B0205-video-index0",
    ]


def test_cameras_when_nothing_has_them_then_the_pis_own_and_usb_ones(
    printer: PrinterHost, host: Host
) -> None:
    add_usb_camera(printer, "Logi_C270", 0)
    add_pi_camera(printer)
    pi, usb = find_cameras(host, printer.config)
    assert pi.source == (
        "exec:rpicam-vid -t 0 -n --codec mjpeg --width 1280 --height 720 "
        "--framerate 15 -o -"
    )
    assert (usb.source, usb.what) == (
        "v4l2:/dev/v4l/by-id/usb-Logi_C270-video-index0",
        "USB camera Logi C270",
    )


def test_cameras_when_streamers_listen_then_they_are_offered(
    printer: PrinterHost, host: Host
) -> None:
    printer.listen_on(22, 8080, 9000)
    assert [one.source for one in find_cameras(host, printer.config)] == [
        "tcp://127.0.0.1:9000",
        "http://127.0.0.1:8080/?action=stream",
    ]


def test_settings_when_files_include_others_then_all_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("[include sub/*.conf]\n[server]\nport: 1 # x\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.conf").write_text(
        "[timelapse]\noutput_path = ~/videos/\n; no\n[include ../a.conf]\n"
    )
    (tmp_path / "sub/c.conf").write_bytes(b"[x y]\nlist:\n    one\n    two\n\xff\n")
    assert read_settings(tmp_path / "a.conf") == {
        "timelapse": {"output_path": "~/videos/"},
        "x y": {"list": "one\ntwo"},
        "server": {"port": "1"},
    }
    assert read_settings(tmp_path / "none.conf") == {}


@pytest.mark.parametrize(
    ("line", "is_included"),
    [
        ("[include prusacam.cfg]", True),
        ("[include *.cfg]", True),
        ("[include  ./prusacam.cfg] # ours", True),
        ("[include macros/*.cfg]", False),
        ("#[include prusacam.cfg]", False),
    ],
)
def test_include_when_it_covers_a_file_that_is_to_come_then_it_is_seen(
    tmp_path: Path, line: str, is_included: bool
) -> None:
    (tmp_path / "printer.cfg").write_text(f"{line}\n[mcu]\n")
    wanted = tmp_path / "prusacam.cfg"
    assert includes(tmp_path / "printer.cfg", wanted) is is_included
