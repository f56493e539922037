# Tests of remembered certificates.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificate is trusted, which is refused, and what a person is told then."""

from __future__ import annotations

import hashlib
import logging
import stat
from typing import TYPE_CHECKING

import pytest

from moonraker_prusacam.camera import pins
from moonraker_prusacam.camera.certificate import Certificate
from moonraker_prusacam.camera.pins import Pin, PinDamaged, PinStore
from moonraker_prusacam.errors import SourceRefused

if TYPE_CHECKING:
    from pathlib import Path

HOST, OTHER_HOST = "192.168.1.20", "192.168.1.21"


def pin(name: str = "01P00A", host: str = HOST) -> Pin:
    return Pin(Certificate(hashlib.sha256(name.encode()).digest(), name), host)


@pytest.fixture
def store(tmp_path: Path) -> PinStore:
    return PinStore(tmp_path / "state" / "prusacam", "bed")


def test_admit_when_it_is_the_first_time_then_remembered_for_its_owner_only(
    store: PinStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert store.known() is None
    store.admit(pin())
    assert store.known() == pin()
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert store.path.name == "bed.pin"
    (record,) = caplog.records
    assert record.getMessage() == (
        f"Camera bed: from now on the certificate of {HOST} has to be "
        f"{pin().certificate}"
    )


def test_admit_when_it_is_the_same_then_nothing_is_written_or_said(
    store: PinStore,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store.admit(pin())
    caplog.set_level(logging.INFO)
    caplog.clear()
    monkeypatch.setattr(pins, "write_file", lambda *_, **__: pytest.fail("written"))
    store.admit(pin())
    assert not caplog.records


def test_admit_when_it_is_another_then_refused_with_both_and_what_to_type(
    store: PinStore,
) -> None:
    store.admit(pin())
    with pytest.raises(SourceRefused) as caught:
        store.admit(pin("01P00B"))
    assert str(caught.value) == (
        f"{HOST} shows another certificate than before: {pin('01P00B').certificate}; "
        f"it was {pin().certificate}"
    )
    assert "type: prusacam camera trust bed; if not" in caught.value.advice
    assert store.known() == pin()
    assert store.refused() == pin("01P00B")
    assert stat.S_IMODE(store.refused_path.stat().st_mode) == 0o600


def test_admit_when_the_right_one_is_back_then_the_refused_one_is_forgotten(
    store: PinStore,
) -> None:
    store.admit(pin())
    with pytest.raises(SourceRefused):
        store.admit(pin("01P00B"))
    store.admit(pin())
    assert store.refused() is None


def test_admit_when_one_has_the_same_name_then_refused_all_the_same(
    store: PinStore,
) -> None:
    store.admit(pin())
    forged = Pin(Certificate(bytes(32), "01P00A"), HOST)
    with pytest.raises(SourceRefused):
        store.admit(forged)


def test_admit_when_the_source_names_another_host_then_it_is_a_first_time_again(
    store: PinStore,
) -> None:
    store.admit(pin())
    store.admit(pin("01P00B", OTHER_HOST))
    assert store.known() == pin("01P00B", OTHER_HOST)
    with pytest.raises(SourceRefused):
        store.admit(pin("01P00A", OTHER_HOST))


def test_admit_when_a_camera_moves_then_its_new_host_is_remembered(
    store: PinStore, caplog: pytest.LogCaptureFixture
) -> None:
    store.admit(pin())
    caplog.set_level(logging.INFO)
    caplog.clear()
    store.admit(pin(host=OTHER_HOST))
    assert store.known() == pin(host=OTHER_HOST)
    assert not caplog.records
    with pytest.raises(SourceRefused):
        store.admit(pin("01P00B", OTHER_HOST))


def test_trust_when_one_was_refused_then_that_one_counts(store: PinStore) -> None:
    store.admit(pin())
    with pytest.raises(SourceRefused):
        store.admit(pin("01P00B"))
    store.trust()
    assert store.refused() is None
    store.admit(pin("01P00B"))
    with pytest.raises(SourceRefused):
        store.admit(pin())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 200,
        b"sha256 abc\nhost a\nname \n",
        b"sha256 " + b"0" * 64 + b"\nhost a\n",
        b"sha256 " + b"0" * 64 + b"\nhost a\nname a\nname b\n",
        b"sha256 " + b"0" * 63 + b"\xff\nhost a\nname a\n",
        b"x" * (1 << 20),
    ],
)
def test_admit_when_the_file_is_damaged_then_nobody_is_trusted(
    store: PinStore, content: bytes
) -> None:
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(content)
    with pytest.raises(PinDamaged):
        store.known()
    with pytest.raises(SourceRefused):
        store.admit(pin())
    with pytest.raises(SourceRefused) as caught:
        store.admit(pin())
    assert str(store.path) in str(caught.value)
    assert "damaged" in str(caught.value)
    assert f"{pin().certificate}; if that is right, type:" in caught.value.advice
    assert store.path.read_bytes() == content
    store.trust()
    store.admit(pin())


def test_admit_when_the_file_is_a_folder_then_refused_in_words(store: PinStore) -> None:
    store.path.mkdir(parents=True)
    with pytest.raises(SourceRefused, match=r"bed\.pin: Is a directory"):
        store.admit(pin())


def test_admit_when_it_cannot_be_remembered_then_refused_in_words(
    store: PinStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pins, "write_file", full)
    with pytest.raises(SourceRefused) as caught:
        store.admit(pin())
    assert f"{store.path}: No space left on device" in str(caught.value)
    assert caught.value.advice
    assert store.known() is None


def test_admit_when_what_is_refused_cannot_be_kept_then_refused_as_ever(
    store: PinStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    store.admit(pin())
    monkeypatch.setattr(pins, "write_file", full)
    with pytest.raises(SourceRefused, match="another certificate"):
        store.admit(pin("01P00B"))


def test_stores_when_there_are_two_cameras_then_each_has_its_own(
    tmp_path: Path,
) -> None:
    stores = [PinStore(tmp_path, name) for name in ("front", "bed cam. 2")]
    for number, one in enumerate(stores):
        one.admit(pin(str(number)))
    assert [one.known() for one in stores] == [pin("0"), pin("1")]
    assert stores[1].command == "prusacam camera trust 'bed cam. 2'"
    assert len(list((tmp_path / "cameras").iterdir())) == 2


@pytest.mark.parametrize("name", ["", "Gehäuse 3", "x" * 64])
def test_pin_when_written_then_read_as_it_was(store: PinStore, name: str) -> None:
    written = Pin(Certificate(bytes(range(32)), name), "fe80::1%eth0")
    store.admit(written)
    assert store.known() == written
