# Tests of docs/troubleshooting.md.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page quotes what our code says, word for word, and leaves no trouble out."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest

import moonraker_prusacam
from moonraker_prusacam import errors
from moonraker_prusacam.camera import CameraState
from moonraker_prusacam.connect.printer.klipper.gcode_allowlist import RULES
from tests.reference.pages import DOCS
from tests.reference.words import ANYTHING, Words, read_words

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = DOCS / "troubleshooting.md"
SOURCE = Path(moonraker_prusacam.__file__).parent
SPAN = re.compile(r"`([^`]+)`")
PROGRAMS = ("sudo", "curl", "ls", "prusacam", "systemctl", "journalctl", "chmod")
LISTED = {rule.help for rule in RULES.values()}
LEAST_WORDS = 3
TELLING_WORDS = 4
# A quote that leaves more than this out of a text does not count for it.
LEAST_SHARE = 0.6
PLENTY_CHARACTERS = 40


@attrs.frozen
class Quote:
    """Something in the tables that claims to be ours."""

    text: str
    line: int

    @property
    def parts(self) -> list[str]:
        return [part for part in self.text.split(ANYTHING) if part.strip()]

    def is_in(self, text: str) -> bool:
        """Whether its parts stand in ``text``, in their order."""
        place = 0
        for part in self.parts:
            if (place := text.find(part.strip(), place)) < 0:
                return False
            place += len(part.strip())
        return True

    def tells(self, text: str) -> bool:
        """Whether it is ``text``, or most of it."""
        own = sum(map(len, self.parts))
        whole = len(text.replace(ANYTHING, ""))
        return self.is_in(text) and own >= min(LEAST_SHARE * whole, PLENTY_CHARACTERS)


def read_quotes() -> Iterator[Quote]:
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        if not line.startswith("| "):
            continue
        for span in SPAN.findall(line.replace(r"\|", "|")):
            if len(span.replace(ANYTHING, " ").split()) >= LEAST_WORDS:
                yield Quote(span, number)


def is_error(node: ast.AST) -> bool:
    """Whether it makes a ``SourceError`` with a text of its own."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return False
    kind = getattr(errors, node.func.id, None)
    return isinstance(kind, type) and issubclass(kind, errors.SourceError)


def camera_errors() -> Iterator[Words]:
    """What a camera's failures are told by."""
    for file in sorted((SOURCE / "camera").rglob("*.py")):
        tree = ast.parse(file.read_text())
        lines = {
            node.args[0].lineno
            for node in ast.walk(tree)
            if is_error(node) and isinstance(node, ast.Call) and node.args
        }
        yield from (text for text in read_words([file]) if text.line in lines)


def doctor_texts() -> Iterator[Words]:
    """What the doctor finds, and what it advises."""
    yield from read_words(sorted((SOURCE / "doctor").glob("*.py")))
    yield from read_words([SOURCE / "component" / "doctor.py"])


def other_texts() -> Iterator[Words]:
    """Refusals of Prusa Connect, and warnings in Mainsail and Fluidd."""
    yield from read_words([SOURCE / "connect" / "refusals.py"])
    for text in read_words([SOURCE / "component" / "component.py"]):
        if text.text.startswith("prusacam: "):
            yield text


PRINTER_PARTS = (
    "bridge.py",
    "connect/printer/answers.py",
    "connect/printer/commands.py",
    "connect/printer/faults.py",
    "connect/printer/identity.py",
    "connect/printer/registration.py",
    "connect/printer/states.py",
    "connect/printer/klipper/*.py",
    "moonraker/*.py",
)


def printer_texts() -> Iterator[Words]:
    """Why the printer is not in Prusa Connect, or does not do what it is told."""
    for part in PRINTER_PARTS:
        for text in read_words(sorted(SOURCE.glob(part))):
            # The log's own; the table of allowed G-code stands in docs/printer.md.
            if not text.text.startswith("Printer: ") and text.text not in LISTED:
                yield text


MULTICAM_PARTS = (
    "kernel_clock.py",
    "synced_recording.py",
    "multicam/controller/**/*.py",
    "multicam/device/*.py",
    "multicam/protocol/answers.py",
    "multicam/protocol/framing.py",
)


def multicam_texts() -> Iterator[Words]:
    """Why a device does not record, and why a video is missing."""
    for part in MULTICAM_PARTS:
        yield from read_words(sorted(SOURCE.glob(part)))


# Said when nothing is wrong, or never to people.
NO_TROUBLE = (
    "as asked (dry run)",
    "Prusa Connect is not configured",
    "not encrypted, on this host",
    "an address, no name",
    "no videos are made",
    "none yet (dry run)",
    "in session with Prusa Connect",
    "… accepted, the last one … ago",
    "accepted by Prusa Connect; while the printer",
    "version …, up …, hot path: …",
    "GB free of",
    "MB are to stay free",
    "MB free",
    "(see dns)",
    "see fingerprint",
    "there is no fingerprint yet",
    "needs the engine",
    "what was found, and what helps",
    "1 warning",
    "The check … failed",
    "it closed the connection",
    "unknown notification",
    "no folder for timelapses",
    "as it says: nothing was sent",
    "do as it says",
    "there is no parameter",
    "is not of type",
    "is neither true nor false",
    "HEAD / HTTP/1.1",
    "let the camera's feed send smaller pictures",
    "moonraker-prusacam/",
    "came through the printer",
    "estimated printing time (normal mode)",
    "live, …x…",
    "connected, …",
    "only programs on this host reach it",
    "takes a free port",
    "room for … MB of recordings",
    "listens at …, port …",
    "… may record and fetch without a password",
    "everybody in the home network",
    "MultiCam devices in the network",
    "the video of all angles",
    "wait for the network",
    "are listened for at …",
    "MultiCam is done…: …",
    "MultiCam collects the videos…: …",
    "MultiCam: the video of …: …",
    "No farewell of",
    "A controller has left",
    "Removed the oldest recordings",
    "is no name of a recording",
    "the file has become shorter",
    "more of a recording",
)

QUOTES = list(read_quotes())


def test_quotes_when_searched_in_the_source_then_each_is_there() -> None:
    texts = {text.text for text in read_words(SOURCE.rglob("*.py"))}
    wrong = [
        f"line {quote.line}: {quote.text}"
        for quote in QUOTES
        if quote.text.split()[0] not in PROGRAMS
        and not any(quote.is_in(text) for text in texts)
    ]
    assert len(QUOTES) > 150
    assert not wrong, "nobody says so:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    "collect",
    [camera_errors, doctor_texts, other_texts, printer_texts, multicam_texts],
)
def test_texts_when_searched_on_the_page_then_each_is_told(collect: object) -> None:
    assert callable(collect)
    missing = [
        f"{text.file.relative_to(SOURCE)}, line {text.line}: {text.text}"
        for text in collect()
        if len(text.text.replace(ANYTHING, " ").split()) >= TELLING_WORDS
        and not any(part in text.text for part in NO_TROUBLE)
        and not any(quote.tells(text.text) for quote in QUOTES)
    ]
    assert not missing, "not on the page:\n" + "\n".join(missing)


def test_states_of_cameras_when_searched_on_the_page_then_each_is_told() -> None:
    api = (DOCS / "api.md").read_text()
    for state in CameraState:
        assert f"`{state}`" in api, state


def test_quote_when_its_parts_are_in_another_order_then_it_is_none() -> None:
    assert Quote("a … b", 1).is_in("say a, then b")
    assert not Quote("b … a", 1).is_in("say a, then b")
    assert not Quote("a b", 1).tells("say a b, and then a good deal more of it")
