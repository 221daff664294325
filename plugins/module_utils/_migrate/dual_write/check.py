# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether both columns agree, row by row, in batches that each see the table as it is then. Reads the table."""

from __future__ import annotations

from dataclasses import dataclass

from ..backfill.definition import Limits
from ..backfill.pace import Pace
from ..backfill.session import Session
from ..backfill.statements import Statements
from ..backfill.target import find_target
from ..backfill.worker import Clock
from . import triggers
from .change import Change
from .surroundings import Surroundings

EXAMPLES = 5


@dataclass(frozen=True)
class Consistency:
    """What was found.

    :ivar rows: that were looked at.
    :ivar disagreeing: how many of them.
    :ivar examples: keys of some of these.
    """

    rows: int
    disagreeing: int
    examples: list[list[str]]


def check(
    session: Session,
    change: Change,
    around: Surroundings,
    limits: Limits,
    *,
    key: tuple[str, ...] = (),
    clock: Clock | None = None,
) -> Consistency:
    """Look at every row; no statement sees more than one batch, so that no old row versions are held back.

    :param key: columns of a unique key; empty for the primary key.
    :raises InputError: the table has no such key.
    :raises SqlError: the server refused a statement.
    """
    clock = clock or Clock()
    target = find_target(session, triggers.backfill(change, around, key))
    statements = Statements(target.definition, target.key)
    pace = Pace(limits, limits.batch_size)
    rows, disagreeing, after = 0, 0, None
    examples: list[list[str]] = []
    while True:
        began = clock.now()
        bound = statements.bound(after, pace.size)
        found = session.rows(bound.text, bound.values)
        last = [str(value) for value in found[0]] if found else None
        query = statements.count(after, last)
        seen, differing = session.rows(query.text, query.values)[0]
        rows, disagreeing = rows + seen, disagreeing + differing
        if differing and len(examples) < EXAMPLES:
            query = statements.left_out(after, last, EXAMPLES - len(examples))
            examples += [list(key) for key in session.rows(query.text, query.values)]
        if last is None:
            return Consistency(rows, disagreeing, examples)
        after = last
        pace.took(clock.now() - began)
        clock.sleep(limits.pause_ms / 1000)
