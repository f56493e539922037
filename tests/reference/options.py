# The tables of options in docs/configuration.md.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each table is made of one section's class: what it takes, by default, and why.

A section that the page does not have yet gets a chapter of its own before the example,
with the first line of its class; prose is added by hand. A table that was written by
hand gives way to the one of the code.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from moonraker_prusacam import config
from moonraker_prusacam.option import takes

from .marked import block, rewritten

if TYPE_CHECKING:
    from collections.abc import Callable

COLUMNS = ("Option", "Default", "Takes", "Meaning")
LAST_CHAPTER = "\n## A complete example\n"
BY_HAND = re.compile(r"^\| Option \|.*\n(?:\|.*\n)+", re.MULTILINE)


def options(section: str) -> dict[str, attrs.Attribute[Any]]:
    """The fields of ``section`` that are read from the file, by their names there."""
    return {
        config.option_name(field): field
        for field in attrs.fields(config.SECTIONS[section])
        if config.option_name(field)
    }


def heading(section: str) -> str:
    """``section`` as it stands in the file."""
    return f"[{section} NAME]" if section in config.NAMED else f"[{section}]"


def shown_default(field: attrs.Attribute[Any]) -> str:
    """What holds where the option is left out."""
    default = field.default
    if make := getattr(default, "factory", None):
        default = make()
    if default is attrs.NOTHING:
        return "required"
    if default is None:
        return str(field.metadata.get("unset") or "none")
    if isinstance(default, tuple):
        return f"`{', '.join(map(str, default))}`" if default else "none"
    if isinstance(default, float):
        return f"`{default:g}`"
    if isinstance(default, Path) and default.is_relative_to(Path.home()):
        return f"`~/{default.relative_to(Path.home())}`"
    return f"`{default}`"


def table(section: str) -> str:
    """The table of all options of ``section``."""
    rows = [COLUMNS, ("---",) * len(COLUMNS)]
    for name, field in options(section).items():
        parse: Callable[[str], object] = field.metadata["parse"]
        cells = (f"`{name}`", shown_default(field), takes(parse), field.metadata["doc"])
        rows.append(tuple(cell.replace("|", r"\|") for cell in cells))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def written(page: str) -> str:
    """``page`` with every table as the code has it."""
    for section in config.SECTIONS:
        name = f"options of {section}"
        try:
            page = rewritten(page, name, table(section))
        except ValueError:
            page = _begun(page, section, block(name, table(section)))
    return page


def _begun(page: str, section: str, content: str) -> str:
    """``page`` with ``content`` in the chapter of ``section``, which had none."""
    before, found, rest = page.partition(f"\n## {heading(section)}\n")
    if not found:
        before, found, after = page.partition(LAST_CHAPTER)
        return before + _chapter(section, content) + found + after
    chapter, end, after = rest.partition("\n## ")
    if (by_hand := BY_HAND.search(chapter)) is not None:
        replaced = chapter[: by_hand.start()] + content + "\n"
        chapter = replaced + chapter[by_hand.end() :]
    else:
        chapter = f"{chapter.rstrip()}\n\n{content}\n"
    return before + found + chapter + end + after


def _chapter(section: str, content: str) -> str:
    summary = (inspect.getdoc(config.SECTIONS[section]) or "").partition("\n")[0]
    told = summary.partition(": ")[2] or summary
    return f"\n## {heading(section)}\n\n{told[:1].upper()}{told[1:]}\n\n{content}\n"
