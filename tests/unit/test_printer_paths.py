# Tests of names of files that come from Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing outside of the gcodes root is ever reached, whatever a path says."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from moonraker_prusacam.connect.printer.klipper.delivery import deliver
from moonraker_prusacam.connect.printer.klipper.paths import (
    MAX_DEPTH,
    MAX_FILE_BYTES,
    MAX_FOLDER_BYTES,
    MAX_PATH_BYTES,
    Place,
    parse_file,
    parse_folder,
    require_file,
    require_folder,
    require_free,
    status_of,
)
from moonraker_prusacam.disk import DiskGuard
from moonraker_prusacam.errors import CommandRejected

GOOD = {
    "/gcodes/a.gcode": "a.gcode",
    "/gcodes/parts/a.gcode": "parts/a.gcode",
    "/gcodes/a b/c (1).gcode": "a b/c (1).gcode",
    "/gcodes/žluťoučký kůň.gcode": "žluťoučký kůň.gcode",
    "/gcodes/零件.gcode": "零件.gcode",
    "/gcodes/it's.gcode": "it's.gcode",
    "/gcodes/a...gcode": "a...gcode",
    "/gcodes/-rf.gcode": "-rf.gcode",
    "/gcodes/~root.gcode": "~root.gcode",
    "/gcodes/$HOME.gcode": "$HOME.gcode",
    "/gcodes/`id`.gcode": "`id`.gcode",
    "/gcodes/a&b|c.gcode": "a&b|c.gcode",
    "/gcodes/gcodes/a.gcode": "gcodes/a.gcode",
    "/gcodes/{printer}.gcode": "{printer}.gcode",
    "/gcodes/a/b/c/d/e/f.gcode": "a/b/c/d/e/f.gcode",
    f"/gcodes/{'a' * (MAX_FILE_BYTES - 6)}.gcode": "a" * (MAX_FILE_BYTES - 6)
    + ".gcode",
}
FORBIDDEN = '\\?"%¯°#ˇ;'
INVISIBLE = (
    *map(chr, range(32)),
    "\x7f",
    "\x80",
    "\x85",
    "\x9f",
    "\xad",
    "\u200b",
    "\u200e",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\ufeff",
    "\ue000",
    "\ud800",
    "\U000e0041",
    "\U0010ffff",
)
HOSTILE: list[object] = [
    None,
    17,
    True,
    b"/gcodes/a.gcode",
    [],
    ["/gcodes/a.gcode"],
    {},
    "",
    " ",
    "/",
    "//",
    ".",
    "..",
    "a.gcode",
    "gcodes/a.gcode",
    "./gcodes/a.gcode",
    "/gcodes",
    "/gcodes/",
    "/gcodes//",
    "//gcodes/a.gcode",
    "/gcodes//a.gcode",
    "/gcodes/a//b.gcode",
    "/gcodes/a.gcode/",
    "/gcodes/.",
    "/gcodes/..",
    "/gcodes/../",
    "/gcodes/../gcodes/a.gcode",
    "/gcodes/../../etc/passwd",
    "/gcodes/a/../../b.gcode",
    "/gcodes/a/./b.gcode",
    "/gcodes/...../../x",
    "/gcodes/.hidden.gcode",
    "/gcodes/.thumbs/a.png",
    "/gcodes/.git/config",
    "/gcodes/a/.ssh/b.gcode",
    "/gcodes2/a.gcode",
    "/gcodesx",
    "/GCODES/a.gcode",
    "/config/printer.cfg",
    "/logs/klippy.log",
    "/usb/a.gcode",
    "/local/a.gcode",
    "/etc/passwd",
    "/proc/self/environ",
    "/dev/sda",
    "~/a.gcode",
    "C:/a.gcode",
    "file:///gcodes/a.gcode",
    "/gcodes/..\\..\\a.gcode",
    "/gcodes/%2e%2e/a.gcode",
    "/gcodes/%2e%2e%2fa.gcode",
    "/gcodes/a%00.gcode",
    "/gcodes/a.gcode\0.png",
    "/gcodes/ a.gcode",
    "/gcodes/a.gcode ",
    "/gcodes/a /b.gcode",
    "/gcodes/\u00a0a.gcode",
    "/gcodes/\u3000a.gcode",
    '/gcodes/a" M112.gcode',
    "/gcodes/a.gcode\nM112",
    "/gcodes/a.gcode\r\nM112",
    "/gcodes/a;M112.gcode",
    f"/gcodes/{'a' * (MAX_FILE_BYTES + 1)}",
    f"/gcodes/{'ž' * MAX_FILE_BYTES}",
    f"/gcodes/{'a' * (MAX_FOLDER_BYTES + 1)}/b.gcode",
    "/gcodes" + "/a" * (MAX_DEPTH + 1),
    "/gcodes/" + "a" * MAX_PATH_BYTES,
    "/gcodes/" + "/" * 100_000,
    "/gcodes" + "/.." * 100,
    *(f"/gcodes/a{letter}b.gcode" for letter in FORBIDDEN),
    *(f"/gcodes/a{letter}b/c.gcode" for letter in FORBIDDEN),
    *(f"/gcodes/a{letter}b.gcode" for letter in INVISIBLE),
]


@pytest.mark.parametrize(("path", "relative"), GOOD.items())
def test_path_when_plain_then_is_below_the_root(path: str, relative: str) -> None:
    place = parse_file(path)
    assert place.relative == relative
    assert place.shown == path


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: ascii(path)[:40])
def test_path_when_hostile_then_is_refused_in_words(path: object) -> None:
    with pytest.raises(CommandRejected, match=r"\w+ \w+"):
        parse_file(path)


def test_paths_that_are_hostile_when_counted_then_are_more_than_a_hundred() -> None:
    assert len(HOSTILE) > 100


@pytest.mark.parametrize(
    "path", ["/gcodes", "/gcodes/", "/gcodes/a//", "/gcodes/../a", "/gcodes/.a", None]
)
def test_folder_when_hostile_then_is_refused(path: object) -> None:
    with pytest.raises(CommandRejected):
        parse_folder(path)


def test_folder_when_it_ends_with_a_slash_then_is_the_same() -> None:
    assert parse_folder("/gcodes/a/b/") == parse_folder("/gcodes/a/b")


ANY_PATH = st.one_of(
    st.text(),
    st.lists(
        st.sampled_from(["..", ".", "", "a", "gcodes", "/", "\0", "b.gcode", "\u2215"])
        | st.text(max_size=8)
    ).map(lambda parts: "/gcodes/" + "/".join(parts)),
)


@given(ANY_PATH)
@example("/gcodes/\u2215..\u2215a")
def test_path_when_anything_then_is_refused_or_stays_inside(path: str) -> None:
    try:
        place = parse_file(path)
    except CommandRejected:
        return
    root = Path("/srv/gcodes")
    inside = place.under(root)
    assert os.path.normpath(inside) == str(inside)
    assert inside.is_relative_to(root)
    assert inside != root
    assert len(inside.relative_to(root).parts) == len(place.parts)
    assert "\n" not in place.relative
    assert not any(part.startswith(".") for part in place.parts)


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=50)
def test_name_when_it_is_taken_then_a_file_can_have_it(name: str) -> None:
    try:
        place = parse_file(f"/gcodes/{name}")
    except CommandRejected:
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        place.under(root).parent.mkdir(parents=True, exist_ok=True)
        place.under(root).write_text("G28")
        assert require_file(root, place).st_size == 3


class Tree:
    """A root with files, and things outside of it that links lead to."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "gcodes"
        self.outside = folder / "outside"
        (self.root / "parts").mkdir(parents=True)
        (self.outside / "deep").mkdir(parents=True)
        (self.outside / "secret.gcode").write_text("secret")
        (self.root / "a.gcode").write_text("G28")
        (self.root / "parts" / "b.gcode").write_text("G28")
        for name, target in {
            "link.gcode": self.outside / "secret.gcode",
            "inner.gcode": self.root / "a.gcode",
            "gone.gcode": folder / "nothing",
            "folder": self.outside,
            "parts/up": Path(".."),
            "parts/out": Path("../../outside"),
            "self": self.root,
            "loop": self.root / "loop",
        }.items():
            (self.root / name).symlink_to(target)
        os.mkfifo(self.root / "pipe.gcode")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


LINKED = [
    "link.gcode",
    "inner.gcode",
    "gone.gcode",
    "folder",
    "folder/secret.gcode",
    "folder/deep",
    "parts/up",
    "parts/up/a.gcode",
    "parts/out/secret.gcode",
    "self/a.gcode",
    "loop",
    "loop/a.gcode",
    "a.gcode/b.gcode",
    "pipe.gcode",
]


@pytest.mark.parametrize("relative", LINKED)
def test_entry_when_it_is_or_lies_behind_a_link_then_is_refused(
    tree: Tree, relative: str
) -> None:
    place = Place(tuple(relative.split("/")))
    for look in (status_of, require_file, require_folder, require_free):
        with pytest.raises(CommandRejected):
            look(tree.root, place)
    assert (tree.outside / "secret.gcode").read_text() == "secret"


@pytest.mark.parametrize("relative", [*LINKED, "new/c.gcode", "a.gcode"])
def test_file_when_delivered_to_where_it_must_not_be_then_stays_away(
    tree: Tree, relative: str
) -> None:
    part = tree.root.parent / "part"
    part.write_text("new")
    with pytest.raises(CommandRejected):
        deliver(
            part, tree.root, Place(tuple(relative.split("/"))), DiskGuard(tree.root)
        )
    assert part.read_text() == "new"
    assert sorted(path.name for path in tree.outside.iterdir()) == [
        "deep",
        "secret.gcode",
    ]


def test_file_when_delivered_then_is_there_under_its_name_alone(tree: Tree) -> None:
    part = tree.root.parent / "part"
    part.write_text("new")
    deliver(part, tree.root, Place(("parts", "c.gcode")), DiskGuard(tree.root))
    assert (tree.root / "parts" / "c.gcode").read_text() == "new"
    assert not part.exists()


def test_root_when_it_is_a_link_then_its_owner_wants_that(tree: Tree) -> None:
    linked = tree.root.parent / "linked"
    linked.symlink_to(tree.root)
    assert require_file(linked, Place(("a.gcode",))).st_size == 3


def test_entry_when_plain_then_is_told_apart(tree: Tree) -> None:
    file, folder = Place(("parts", "b.gcode")), Place(("parts",))
    assert require_file(tree.root, file).st_size == 3
    require_folder(tree.root, folder)
    require_free(tree.root, Place(("parts", "new.gcode")))
    assert status_of(tree.root, Place(("nothing",))) is None
    for look, place in (
        (require_file, folder),
        (require_folder, file),
        (require_file, Place(("nothing",))),
        (require_folder, Place(("nothing",))),
        (require_free, file),
        (require_free, Place(("nothing", "a.gcode"))),
    ):
        with pytest.raises(CommandRejected):
            look(tree.root, place)


def test_entry_when_it_is_a_socket_then_is_refused(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "a.gcode"))
        with pytest.raises(CommandRejected, match="link or a device"):
            require_file(tmp_path, Place(("a.gcode",)))


def test_descriptors_when_ways_are_refused_then_none_is_left(tree: Tree) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for relative in LINKED * 5:
        with pytest.raises(CommandRejected):
            require_file(tree.root, Place(tuple(relative.split("/"))))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize(
    ("place", "file", "inside"),
    [
        ("parts", "parts/b.gcode", True),
        ("parts", "parts2/b.gcode", False),
        ("parts/b.gcode", "parts/b.gcode", True),
        ("b.gcode", "parts/b.gcode", False),
        ("parts/b.gcode", "parts", False),
        ("parts", "", False),
    ],
)
def test_place_when_a_file_is_printed_then_knows_whether_it_holds_it(
    place: str, file: str, *, inside: bool
) -> None:
    assert Place(tuple(place.split("/"))).contains(file) is inside
