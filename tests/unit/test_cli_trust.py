# Tests of trusting a new certificate.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine refused is shown beside what was known, and trusted if wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner, Result

from moonraker_prusacam.camera.certificate import Certificate
from moonraker_prusacam.camera.pins import Pin, PinStore
from moonraker_prusacam.cli import main
from moonraker_prusacam.errors import SourceRefused

if TYPE_CHECKING:
    from pathlib import Path

OLD = Pin(Certificate(bytes(32), "01P00A1"), "printer")
NEW = Pin(Certificate(bytes(range(32)), "01P00A1"), "printer")


@pytest.fixture
def store(tmp_path: Path) -> PinStore:
    """One that has refused NEW."""
    file = tmp_path / "prusacam.conf"
    file.write_text(
        f"[engine]\ndata_path: {tmp_path}\n"
        "[camera bed cam]\nsource: bambu://printer?model=P1S\naccess_code: 12345678\n"
    )
    store = PinStore(tmp_path / "prusacam", "bed cam")
    store.admit(OLD)
    with pytest.raises(SourceRefused):
        store.admit(NEW)
    return store


def call(folder: Path, *arguments: str, types: str = "") -> Result:
    """Typed as the reason in the status says it."""
    file = str(folder / "prusacam.conf")
    done = CliRunner().invoke(
        main, ["camera", "trust", *arguments, "-c", file], input=types
    )
    if isinstance(done.exception, Exception):
        raise done.exception
    return done


def test_trust_when_confirmed_then_both_were_shown_and_the_new_one_counts(
    store: PinStore, tmp_path: Path
) -> None:
    done = call(tmp_path, "bed cam", types="y\n")
    assert done.exit_code == 0
    assert done.output == (
        "Camera 'bed cam' at printer\n"
        f"  was:  01P00A1\n        SHA-256 {':'.join(['00'] * 32)}\n"
        f"  now:  01P00A1\n        SHA-256 {bytes(range(32)).hex(':').upper()}\n"
        "Is this your camera? [y/N]: y\n"
        "The engine connects to it within half a minute.\n"
    )
    assert (store.known(), store.refused()) == (NEW, None)


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_trust_when_not_confirmed_then_nothing_changes(
    store: PinStore, tmp_path: Path, answer: str
) -> None:
    assert call(tmp_path, "bed cam", types=answer).exit_code == 1
    assert (store.known(), store.refused()) == (OLD, NEW)


def test_trust_when_told_yes_then_not_asked(store: PinStore, tmp_path: Path) -> None:
    done = call(tmp_path, "bed cam", "--yes")
    assert done.exit_code == 0
    assert "?" not in done.output
    assert store.known() == NEW
    again = call(tmp_path, "bed cam", "--yes")
    assert again.exit_code == 1
    assert "no certificate of camera 'bed cam' was refused" in again.output


def test_trust_when_there_is_no_such_camera_then_the_names_of_those_there_are(
    store: PinStore, tmp_path: Path
) -> None:
    done = call(tmp_path, "bad cam")
    assert done.exit_code == 2
    assert "no camera 'bad cam'; there is: bed cam" in done.output


def test_trust_when_the_known_one_is_damaged_then_it_can_be_replaced(
    store: PinStore, tmp_path: Path
) -> None:
    store.path.write_text("?")
    done = call(tmp_path, "bed cam", "--yes")
    assert "was:  not known any more, its file is damaged" in done.output
    assert store.known() == NEW


def test_trust_when_the_refused_one_is_damaged_then_it_says_so(
    store: PinStore, tmp_path: Path
) -> None:
    store.refused_path.write_text("?")
    done = call(tmp_path, "bed cam", "--yes")
    assert done.exit_code == 1
    assert "bed cam.refused is damaged; the engine writes it anew" in done.output


def test_trust_when_another_one_is_refused_meanwhile_then_not_that_one(
    store: PinStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_answer(*_: object, **__: object) -> None:
        with pytest.raises(SourceRefused):
            store.admit(Pin(Certificate(b"\1" * 32, "01P00A1"), "printer"))

    monkeypatch.setattr(click, "confirm", slow_answer)
    done = call(tmp_path, "bed cam")
    assert done.exit_code == 1
    assert "yet another certificate" in done.output
    assert store.known() == OLD
