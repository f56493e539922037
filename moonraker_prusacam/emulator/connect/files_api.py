# Downloads from the local Prusa Connect.
#
# Copyright (C) 2026 moonraker-prusacam contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``/p/teams/{team_id}/files/{hash}/raw``, and a server that is not Prusa Connect.

The second one stands for the address in START_URL_DOWNLOAD, by another name of this
host: whoever takes a printer's token there gives it away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import printer_rules as rules
from .answers import Answer
from .printer_login import identify
from .ranges import whole_or_part

if TYPE_CHECKING:
    from aiohttp import web

    from .account import Account
    from .files import LocalFile
    from .rule import Rule

FILE_TYPE = "application/octet-stream"


class FilesApi:
    """Judges who gets files."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def get(self, request: web.Request, _body: bytes) -> Answer:
        """A file of a team, for a printer."""
        known = identify(self._account, request)
        if isinstance(known, Answer):
            return known
        file = self._account.files.get(request.match_info["hash"])
        if file is None or request.match_info["team_id"] != str(file.team_id):
            return _not_found(rules.FILE_UNKNOWN)
        return self._answer(request, file, rules.FILE, rules.FILE_RANGE)

    def elsewhere(self, request: web.Request, _body: bytes) -> Answer:
        """The same file for anybody."""
        file = self._account.files.get(request.match_info["hash"])
        if file is None or request.match_info["name"] != file.name:
            return _not_found(rules.ELSEWHERE_UNKNOWN)
        return self._answer(request, file, rules.ELSEWHERE, rules.ELSEWHERE_RANGE)

    def _answer(
        self, request: web.Request, file: LocalFile, rule: Rule, out_of_range: Rule
    ) -> Answer:
        if not self._account.behaviour.file_ranges:
            return Answer.by(rule, 200, file.content, FILE_TYPE)
        return whole_or_part(request, file.content, FILE_TYPE, rule, out_of_range)


def _not_found(rule: Rule) -> Answer:
    return Answer.error(rule, 404, "NOT_FOUND", "File does not exist")
