# Tests of the documentation.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages say is what the code does: options, commands, and their links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

import attrs
import click
import pytest

from moonraker_prusacam import config
from moonraker_prusacam.cli import main
from moonraker_prusacam.errors import ConfigErrors
from moonraker_prusacam.option import Parser, boolean, takes
from tests.reference import options as reference
from tests.reference.marked import block, rewritten
from tests.reference.pages import DOCS, REPOSITORY, stale

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (DOCS / "configuration.md").read_text()
# "" is the text before the first heading; then come title and text by turns.
PARTS = re.split(r"^## (.*)$", PAGE, flags=re.MULTILINE)
TEXTS = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
MAKEFILE = (REPOSITORY / "Makefile").read_text()
PROSE = sorted([*REPOSITORY.glob("*.md"), *DOCS.glob("**/*.md")])

FLAGS = re.MULTILINE | re.DOTALL
FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_pages_when_made_anew_then_the_same() -> None:
    names = [str(path.relative_to(REPOSITORY)) for path in stale()]
    assert not names, "stale; 'make docs' writes them anew"


@pytest.mark.parametrize("section", config.SECTIONS)
def test_section_when_looked_up_then_has_a_chapter_with_prose(section: str) -> None:
    text = TEXTS[reference.heading(section)]
    assert text.split("<!-- options of", 1)[0].strip(), "say what the section is for"


@pytest.mark.parametrize("section", config.SECTIONS)
def test_option_when_declared_then_told_in_one_line(section: str) -> None:
    for name, field in reference.options(section).items():
        doc = field.metadata["doc"]
        assert doc.strip(), name
        assert "\n" not in doc, name
        assert takes(field.metadata["parse"]), name


@attrs.frozen
class NewConfig:
    """``[new]``: what came yesterday."""

    switch: bool = attrs.field(
        default=True, metadata={"parse": boolean, "doc": "A | B", "option": ""}
    )


def test_section_when_new_then_it_gets_a_chapter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(config.SECTIONS, "new", NewConfig)
    written = reference.written(PAGE)
    chapter = written.split("\n## [new]\n", 1)[1].split("\n## ", 1)[0]
    assert chapter.strip().startswith("What came yesterday.\n")
    assert r"| `switch` | `True` | `True` or `False` | A \| B |" in chapter
    assert reference.written(written) == written


@pytest.mark.parametrize(
    ("chapter", "expected"),
    [
        (
            "Prose.\n\n| Option | x |\n|---|---|\n| a | b |\n\nMore.\n",
            "Prose.\n\n{}\n\nMore.\n",
        ),
        ("Prose.\n", "Prose.\n\n{}\n"),
    ],
)
def test_section_when_its_chapter_has_no_marks_then_the_table_is_put_there(
    chapter: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(config.SECTIONS, "new", NewConfig)
    last = reference.LAST_CHAPTER
    page = PAGE.replace(last, f"\n## [new]\n\n{chapter}{last}")
    table = block("options of new", reference.table("new"))
    written = reference.written(page)
    assert f"\n## [new]\n\n{expected.format(table)}{last}" in written
    assert reference.written(written) == written


def test_part_when_its_end_is_missing_then_refused() -> None:
    with pytest.raises(ValueError, match="no part 'a'"):
        rewritten("<!-- a -->\n", "a", "")


def test_takes_when_a_parser_has_words_of_its_own_then_these() -> None:
    assert takes(Parser(int, "a number")) == "a number"
    assert takes(lambda text: text) == "Text"


def test_trigger_schemes_when_compared_with_the_page_then_all_are_explained() -> None:
    for scheme in config.TRIGGER_SCHEMES:
        assert f"`{scheme}`" in TEXTS["[connect NAME]"].split("| Scheme |")[1]


def test_defaults_that_are_derived_when_resolved_then_as_the_page_says() -> None:
    made = config.loads("[camera a]\nsource: tcp://b:1\n[engine]\ndata_path: /data")
    derived = {
        "engine": {"socket": made.engine.socket_path},
        "timelapse": {
            "output_path": made.videos_path,
            "jobs_path": made.jobs_path,
            "klippy_socket": made.klippy_path,
        },
    }
    for section, paths in derived.items():
        for name, path in paths.items():
            said = reference.shown_default(reference.options(section)[name])
            assert said.strip("`").replace("<data_path>", "/data") == str(path)


def test_examples_when_loaded_then_without_mistake() -> None:
    examples = re.findall(r"^```ini\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    smallest, *_, complete = map(config.loads, examples)
    assert [camera.name for camera in smallest.cameras] == ["front"]
    assert complete.timelapse is not None
    assert complete.timelapse.camera == "nozzle"
    assert complete.cameras[0].rotation == 180
    assert complete.connect[0].camera == "front"


def ini_examples() -> Iterator[tuple[str, str]]:
    """Name of the page and text of each example of prusacam.conf."""
    for page in PROSE:
        for text in re.findall(r"^```ini\n(.*?)^```$", page.read_text(), FLAGS):
            if re.search(rf"^\[({'|'.join(config.SECTIONS)})\b", text, FLAGS):
                yield page.name, text


@pytest.mark.parametrize(("page", "text"), list(ini_examples()))
def test_example_when_its_cameras_are_added_then_without_mistake(
    page: str, text: str
) -> None:
    wanted = re.findall(r"^(?:camera|inset): *(\S+)|^\[connect (\S+)\]", text, FLAGS)
    known = re.findall(r"^\[camera (\S+)\]", text, FLAGS)
    missing = {name for names in wanted for name in names if name} - {*known}
    for name in missing or ({"any"} if not known else ()):
        text += f"\n[camera {name}]\nsource: test:\n"
    try:
        config.loads(text)
    except ConfigErrors as mistakes:
        told = [str(error) for error in mistakes.errors]
        # The files of passwords are the user's.
        assert all("No such file" in mistake for mistake in told), told


def links(page: Path) -> Iterator[str]:
    """What ``page`` links to, but for examples."""
    text = CODE.sub("", FENCE.sub("", page.read_text()))
    yield from (unquote(link) for link in LINK.findall(text))


def anchors(page: Path) -> set[str]:
    """The anchors of ``page``'s headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", page.read_text())):
        words = re.sub(r"[^\w\- ]", "", LINK.sub("]", heading).lower())
        anchor, count = words.strip().replace(" ", "-"), 0
        while (unique := f"{anchor}-{count}" if count else anchor) in found:
            count += 1
        found.add(unique)
    return found


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_links_when_followed_then_file_and_anchor_exist(page: Path) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if ":" in target:
            continue  # not ours
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert file.is_relative_to(REPOSITORY), link
        assert not anchor or anchor in anchors(file), link


def code(page: Path) -> str:
    """All code of ``page``, a line each."""
    text = page.read_text()
    spans = CODE.findall(FENCE.sub("", text))
    fences = [found[0] for found in FENCE.finditer(text)]
    return "\n".join([*(span.strip("`") for span in spans), *fences])


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_commands_when_looked_up_then_they_exist(page: Path) -> None:
    for line in re.findall(r"^(?:sudo )?prusacam ([a-z].*)", code(page), re.MULTILINE):
        command: click.Command = main
        for word in line.split():
            if not isinstance(command, click.Group) or not word[0].isalpha():
                break
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"prusacam {line}"
            command = found


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_targets_of_make_when_looked_up_then_they_exist(page: Path) -> None:
    for target in re.findall(
        r"^make ([a-z-]+)(?: +(?:#|[A-Z_]+=).*)?$", code(page), re.MULTILINE
    ):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), f"make {target}"


@pytest.mark.parametrize("name", ["developing.md", "performance.md"])
def test_files_when_named_then_they_exist(name: str) -> None:
    named = re.findall(r"^[\w/.]+\.(?:py|h|c|toml)$", code(DOCS / name), re.MULTILINE)
    assert named
    sources = [
        f"/{file.relative_to(REPOSITORY)}"
        for folder in ("moonraker_prusacam", "tests", "ext")
        for file in (REPOSITORY / folder).rglob("*.*")
    ]
    for path in named:
        assert any(file.endswith(f"/{path}") for file in sources), path


def test_pages_when_listed_then_each_is_in_the_index() -> None:
    listed = {link.partition("#")[0] for link in links(DOCS / "README.md")}
    assert {page.name for page in DOCS.glob("*.md")} - {"README.md"} <= listed
