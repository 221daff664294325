# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lint of one run: what the operator says of its rules, and its findings as results. Touches nothing.

Its rules are loaded when there is something to be looked at, because a run that finds nothing to do is the usual one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .session import Session
from .statements import Statement
from .text import Section

if TYPE_CHECKING:
    from .lint.live import LiveCatalog
    from .lint.seen import Seen


class Lint:
    """Looks at the files of a run in their order; what one makes is new to those after it.

    :param severities: error, warning or off by rule.
    :raises InputError: there is no such rule or severity.
    """

    def __init__(self, severities: Mapping[str, Any]) -> None:
        self._severities = {rule: _as_written(severity) for rule, severity in severities.items()}
        if self._severities:
            from .lint.run import refuse_unknown

            refuse_unknown(self._severities)
        self._seen: dict[str, Seen] = {}
        self._catalog: tuple[Session, LiveCatalog] | None = None

    def findings(
        self, statements: Iterable[Statement], section: Section, session: Session, search_path: Sequence[str]
    ) -> list[dict[str, Any]]:
        """What is unsafe in one way of a migration.

        :param session: with the database that it is for.
        :param search_path: schemas where names without one are looked up; new objects belong to the first.
        :raises InputError: from ``statements``.
        """
        from .lint.run import lint
        from .lint.seen import Seen
        from .lint.table import BY_NAME

        found = lint(
            statements,
            transactional=section.directives.transaction,
            phase=section.directives.phase,
            waivers=section.directives.waivers,
            severities=self._severities,
            server_version=session.connection.server_version // 10_000,
            catalog=self._catalog_of(session),
            seen=self._seen.setdefault(search_path[0], Seen(search_path[0], search_path[1:])),
        )
        return [
            {
                "rule": one.rule,
                "severity": one.severity,
                "schema": search_path[0],
                "file": str(section.path),
                "line": one.line,
                "column": one.column,
                "message": one.message,
                "remedy": one.remedy or BY_NAME[one.rule].safe,
            }
            for one in found
        ]

    def _catalog_of(self, session: Session) -> LiveCatalog:
        from .lint.live import LiveCatalog

        if not self._catalog or self._catalog[0] is not session:
            self._catalog = (session, LiveCatalog(session))
        return self._catalog[1]


def _as_written(severity: Any) -> str:
    """YAML reads the word off as false."""
    return "off" if severity is False else str(severity)
