# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration must be before it is run: SQL, in a file of the right kind, and safe. Touches nothing.

Every statement of every file that is due is read here, so that an error in the last one is found before the first runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._common.errors import InputError
from .effects import needs_name
from .lint.model import ERROR
from .linting import Lint
from .session import Session
from .statements import Statement, statements_of
from .text import Section
from .transactions import controls_transaction


def examine(
    section: Section, placeholders: Mapping[str, str], lint: Lint | None, session: Session, search_path: Sequence[str]
) -> list[dict[str, Any]]:
    """Check one way of a migration; the findings of the lint.

    :param session: with the database that it is for.
    :param search_path: where names without a schema are looked up.
    :raises InputError: it cannot be run.
    """
    statements = required(section, placeholders)
    if lint:
        return lint.findings(statements, section, session, search_path)
    for unused in statements:
        del unused
    return []


def required(section: Section, placeholders: Mapping[str, str]) -> Iterator[Statement]:
    """The statements of a section, each of which can be run.

    :raises InputError: one cannot.
    """
    source = str(section.path)
    for statement in statements_of(section.pieces(placeholders), section.first_line, source=source):
        where = f"{source}:{statement.line}:{statement.column}"
        if controls_transaction(statement):
            raise InputError(
                "a statement that begins or ends a transaction, which is the runner's to do",
                where=where,
                remedy="remove it; a file is one transaction, and none with '-- slipway:transaction off' at its top",
            )
        if section.directives.transaction and not statement.transactional:
            raise InputError(
                "a statement that PostgreSQL runs only outside of a transaction",
                where=where,
                remedy="move it to a file of its own with '-- slipway:transaction off' at its top",
            )
        if needs_name(statement):
            raise InputError(
                "an index without a name, which could not be found again after an interruption",
                where=where,
                remedy="write CREATE INDEX CONCURRENTLY name ON ...",
            )
        yield statement


def refuse_errors(findings: list[dict[str, Any]]) -> None:
    """Refuse what the lint calls an error.

    :raises InputError: there is one.
    """
    errors = [finding for finding in findings if finding["severity"] == ERROR]
    if not errors:
        return
    first = errors[0]
    more = f" ({len(errors) - 1} more of the lint's findings are errors)" if errors[1:] else ""
    waiver = f"waive it with '-- slipway:allow {first['rule']}: reason' at the top of the file"
    safe = " ".join(line for line in first["remedy"].splitlines())
    raise InputError(
        f"{first['rule']} in {first['schema']}: {first['message']}{more}",
        where=f"{first['file']}:{first['line']}:{first['column']}",
        remedy=f"write {safe}; or {waiver}" if safe else waiver,
    )
