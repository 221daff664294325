# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether any row of a table is to be done. Reads the table, in batches that each see it as it is then."""

from __future__ import annotations

from .definition import Limits
from .pace import Pace
from .session import Session, SqlError
from .statements import Statements
from .target import Target
from .worker import CANCELLED, Clock


def find_due(session: Session, target: Target, limits: Limits, clock: Clock, deadline: float | None) -> bool | None:
    """Look for one row that matches ``where``: at once where an index helps, else by going through the table.

    :param deadline: on ``clock``; ``None`` for none.
    :return: ``None`` when it was over before the end of the table.
    :raises SqlError: the server refused a statement.
    """
    statements = Statements(target.definition, target.key)
    with_index = _at_once(session, statements, limits)
    if with_index is not None:
        return with_index
    pace, after = Pace(limits, limits.batch_size), None
    while deadline is None or clock.now() < deadline:
        began = clock.now()
        bound = statements.bound(after, pace.size)
        found = session.rows(bound.text, bound.values)
        last = [str(value) for value in found[0]] if found else None
        query = statements.left_out(after, last, 1)
        if session.rows(query.text, query.values):
            return True
        if last is None:
            return False
        after = last
        pace.took(clock.now() - began)
        clock.sleep(limits.pause_ms / 1000)
    return None


def _at_once(session: Session, statements: Statements, limits: Limits) -> bool | None:
    """In one statement, that is given up as a batch is."""
    query = statements.any_due()
    try:
        with session.transaction(limits.statement_timeout_ms):
            return bool(session.rows(query.text, query.values))
    except SqlError as exc:
        if exc.sqlstate != CANCELLED:
            raise
        return None
