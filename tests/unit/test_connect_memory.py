# Tests of what uploads remember.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheme that counts, and files that are there, damaged, or not."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import attrs
import pytest

from moonraker_prusacam.config import CameraConfig, ConnectConfig
from moonraker_prusacam.connect import memory as memories
from moonraker_prusacam.connect.info import describer
from moonraker_prusacam.connect.memory import Memory
from moonraker_prusacam.connect.network import network_info

if TYPE_CHECKING:
    from pathlib import Path


def page(scheme: object) -> dict[str, object]:
    return {"id": 1, "config": {"trigger_scheme": scheme}}


def test_scheme_when_nobody_chose_then_every_thirty_seconds() -> None:
    assert Memory().scheme == "THIRTY_SEC"


def test_scheme_when_the_page_tells_then_it_is_followed() -> None:
    memory = Memory().configured(None).page_said(page("SIXTY_SEC"))
    assert memory.scheme == "SIXTY_SEC"
    assert memory.page_said(page("THIRTY_SEC")).scheme == "THIRTY_SEC"
    assert memory.page_said({"trigger_scheme": "TEN_SEC"}).scheme == "TEN_SEC"


def test_scheme_when_configured_then_it_stands_until_the_page_changes() -> None:
    memory = Memory().configured("EACH_LAYER")
    assert memory.scheme == "EACH_LAYER"
    # What a page has where nobody chose is no choice.
    memory = memory.page_said(page("THIRTY_SEC"))
    assert memory.scheme == "EACH_LAYER"
    memory = memory.page_said(page("TEN_SEC"))
    assert memory.scheme == "TEN_SEC"
    # After a restart, too; until somebody edits prusacam.conf.
    assert (
        memory.configured("EACH_LAYER").page_said(page("TEN_SEC")).scheme == "TEN_SEC"
    )
    assert memory.configured("TEN_MIN").page_said(page("TEN_SEC")).scheme == "TEN_MIN"
    assert memory.configured(None).scheme == "TEN_SEC"


@pytest.mark.parametrize(
    "odd", [{}, {"config": []}, page(None), page("HOURLY"), page([1])]
)
def test_scheme_when_the_page_tells_nonsense_then_nothing_changes(
    odd: dict[str, object],
) -> None:
    memory = Memory(page_scheme="TEN_SEC")
    assert memory.page_said(odd) == memory


def test_last_upload_when_it_was_in_this_boot_then_it_is_known() -> None:
    memory = Memory().sent(123.0)
    assert memory.last_s() == 123.0
    assert attrs.evolve(memory, boot="another").last_s() is None
    assert attrs.evolve(memory, boot="").last_s() is None


def test_file_then_it_is_private_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "front.state.json"
    memory = Memory(page_scheme="TEN_SEC").sent(5.0)
    memories.save(path, memory)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert memories.load(path) == memory
    assert memories.load(tmp_path / "absent") == Memory()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"page_scheme": "HOURLY"}',
        b'{"last_sent_s": "x"}',
        b"\xff",
    ],
)
def test_file_when_it_is_damaged_then_it_is_not_used(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "front.state.json"
    path.write_bytes(content)
    assert memories.load(path) == Memory()


def test_file_when_the_disk_does_not_take_it_then_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    memories.save(tmp_path / "file" / "state.json", Memory())
    assert "state.json" in caplog.text


def test_network_info_when_interfaces_are_odd_then_only_the_sound_are_told(
    tmp_path: Path,
) -> None:
    net = tmp_path / "net"
    # Of an interface that the kernel of this host does not have, only IPv6 is known.
    for name, mac in (("zz0", "02:00:00:00:00:01\n"), ("zz1", "junk"), ("lo", "00:00")):
        (net / name).mkdir(parents=True)
        (net / name / "address").write_text(mac)
    (net / "zz1" / "wireless").mkdir()
    (net / "zz2").mkdir()
    table = tmp_path / "if_inet6"
    table.write_text(
        "20010db8000000000000000000000001 02 40 00 80      zz0\n"
        "fe800000000000000000000000000001 02 40 20 80      zz0\n"
        "20010db8000000000000000000000002 03 40 00 80      zz1\n"
        "short line\n"
    )
    assert network_info(net, table) == {
        "lan_mac": "02:00:00:00:00:01",
        "lan_ipv6": "2001:db8::1",
        "wifi_ipv6": "2001:db8::2",
    }
    assert network_info(tmp_path / "absent", table) == {}
    assert all(isinstance(value, str) for value in network_info().values())


def test_description_then_it_claims_only_what_is_true() -> None:
    camera = CameraConfig("front", source="tcp://h:1")
    told = describer(ConnectConfig("front", send_network_info=False), camera)(1280, 720)
    assert told["config"]["resolution"] == {"width": 1280, "height": 720}
    assert told["config"]["network_info"] is None
    assert "trigger_scheme" not in told["config"]
    assert told["capabilities"] == ["trigger_scheme", "imaging"]
    assert "h:1" not in json.dumps(told)


def test_interval_then_it_stands_until_another_choice_is_made(tmp_path: Path) -> None:
    told = attrs.evolve(
        Memory().configured("TEN_MIN"), told_interval_s=45, is_paused=True
    )
    assert told.configured("TEN_MIN") == told
    # What a page has where nobody chose is no choice.
    assert told.page_said(page("THIRTY_SEC")).told_interval_s == 45
    assert told.page_said(page("TEN_SEC")).told_interval_s is None
    edited = told.configured("MANUAL")
    assert (edited.told_interval_s, edited.is_paused) == (None, False)
    memories.save(tmp_path / "state.json", told)
    assert memories.load(tmp_path / "state.json") == told


@pytest.mark.parametrize("odd", [0, 9, 601, -30, 10.5])
def test_interval_when_the_file_has_an_odd_one_then_it_is_not_used(
    odd: float, tmp_path: Path
) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({**attrs.asdict(Memory()), "told_interval_s": odd}))
    assert memories.load(path).told_interval_s in (None, 10)
