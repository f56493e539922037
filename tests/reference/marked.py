# Pages that are written by hand and by program.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page is prose; what stands between two marks of it is written by a program.

The marks are comments, so nobody sees them on the page::

    <!-- options of camera -->
    | Option | …
    <!-- end of options of camera -->
"""

from __future__ import annotations


def block(name: str, content: str) -> str:
    """``content`` between its marks."""
    return f"<!-- {name} -->\n{content.rstrip()}\n<!-- end of {name} -->"


def rewritten(page: str, name: str, content: str) -> str:
    """``page`` with the part ``name`` made new; raises ValueError where it is not."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no part '{name}'")
    return before + block(name, content) + after
