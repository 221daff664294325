# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lint of one run: what the operator says of its rules, and its findings as results. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .lint.run import lint, refuse_unknown
from .lint.seen import Seen
from .statements import Statement
from .text import Section


class Lint:
    """Looks at the files of a run in their order; what one makes is new to those after it.

    :param severities: error, warning or off by rule.
    :raises InputError: there is no such rule or severity.
    """

    def __init__(self, severities: Mapping[str, Any]) -> None:
        self._severities = {rule: _as_written(severity) for rule, severity in severities.items()}
        refuse_unknown(self._severities)
        self._seen = Seen()

    def findings(self, statements: Iterable[Statement], section: Section, server_version: int) -> list[dict[str, Any]]:
        """What is unsafe in one way of a migration.

        :param server_version: the major version.
        :raises InputError: from ``statements``.
        """
        found = lint(
            statements,
            transactional=section.directives.transaction,
            phase=section.directives.phase,
            waivers=section.directives.waivers,
            severities=self._severities,
            server_version=server_version,
            seen=self._seen,
        )
        return [
            {
                "rule": one.rule,
                "severity": one.severity,
                "file": str(section.path),
                "line": one.line,
                "column": one.column,
                "message": one.message,
                "remedy": one.remedy,
            }
            for one in found
        ]


def _as_written(severity: Any) -> str:
    """YAML reads the word off as false."""
    return "off" if severity is False else str(severity)
