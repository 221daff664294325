# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be so before anything is contracted: its expansion is old enough, and the data are consistent. Reads only.

Which release still needs the old form is not known here; the planner looks at the slots.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .._common.errors import InputError, StateError
from .directives import CONTRACT
from .errors import explained, of_query
from .files import Migration
from .history import APPLIED, Entry
from .names import Version, version_of
from .plan import standing
from .session import Session

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True)
class Check:
    """A query that returns no row while the data are consistent.

    :param before: the migration that it is for; ``None`` for all of the phase contract.
    """

    name: str
    query: str
    before: Version | None = None

    def is_for(self, due: Iterable[Migration]) -> bool:
        """Whether it is about one of these migrations."""
        return any(self.before in (None, one.version) for one in due)


def checks(given: Sequence[Mapping[str, Any]], where: str) -> tuple[Check, ...]:
    """Read checks as options give them.

    :raises InputError: one cannot be accepted.
    """
    made: list[Check] = []
    for number, one in enumerate(given):
        here = f"{where}[{number}]"
        if not one["name"].strip() or one["name"] in [other.name for other in made]:
            raise InputError(
                f"'{one['name']}' is empty or that of another check", where=f"{here}.name", remedy="give it its own"
            )
        query = one["query"].strip().rstrip(";").rstrip()
        if not query:
            raise InputError("is empty", where=f"{here}.query", remedy="write a query that returns what is wrong")
        made.append(Check(one["name"], query, version_of(one["before"], f"{here}.before") if one["before"] else None))
    return tuple(made)


def contracts(due: Iterable[Migration], known: Mapping[str, Entry]) -> list[Migration]:
    """Those that take something away, and have not begun to."""
    return [
        one
        for one in due
        if one.phase == CONTRACT and not (one.key in known and known[one.key].stays() and known[one.key].statements)
    ]


def require_age(
    due: Sequence[Migration],
    migrations: Sequence[Migration],
    known: Mapping[str, Entry],
    now: datetime,
    least: int,
    schema: str,
) -> None:
    """Refuse to contract what was expanded lately, or is not yet: every migration of a lower version and another phase.

    What a baseline stands for is old enough.

    :param now: by the server's clock.
    :param least: seconds; 0 when none need to have passed.
    :raises StateError: one is younger.
    """
    covered = standing(list(migrations), known)
    expanded = [one for one in migrations if one.phase != CONTRACT and not covered.covers(one.version)]
    for one in due if least else ():
        for other in expanded:
            if one.version and other.version and other.version < one.version:
                _require_older(one, other, known.get(other.key), now, least, schema)


def _require_older(
    one: Migration, other: Migration, entry: Entry | None, now: datetime, least: int, schema: str
) -> None:
    age = entry.age(now) if entry and entry.state == APPLIED else None
    if age is not None and age >= least:
        return
    if age is None:
        expanded, then = f"has not expanded in {schema} yet", f"{_span(least)} after that"
    else:
        expanded, then = (
            f"has expanded in {schema} {_span(age)} ago, and not {_span(least)}",
            f"in {_span(least - age)}",
        )
    raise StateError(
        f"contracts what {other} {expanded}",
        where=str(one.path),
        remedy=f"run it {then}, or state the last version that is due in 'target', or a shorter 'contract_after'",
    )


def require_answerable(
    wanted: Iterable[Check], migrations: Sequence[Migration], known: Mapping[str, Entry], where: str
) -> None:
    """Refuse a check that would never be asked: its migration is none of the phase contract.

    One whose file is gone may stay, while the history has it or a baseline stands for it.

    :raises InputError: there is one.
    """
    by_version = {one.version: one for one in migrations if one.version}
    found = standing(list(migrations), known)
    for number, check in enumerate(wanted):
        version, one = check.before, by_version.get(check.before) if check.before else None
        over = found.covers(version) or (str(version) in known and known[str(version)].stays())
        if version is None or (one.phase == CONTRACT if one else over):
            continue
        whose = f"of {one}, which is of the phase {one.phase}" if one else "of no migration"
        raise InputError(
            f"{version} is the version {whose}, so that the check '{check.name}' would never be asked",
            where=f"{where}[{number}].before",
            remedy="write the version of a file of the phase contract, or leave it out for all of them",
        )


def require_consistent(
    wanted: Iterable[Check], due: Sequence[Migration], session: Session, schema: str, settings: Mapping[str, str]
) -> None:
    """Refuse to contract while a check finds a row.

    Rows that a policy would hide from who asks are an error of PostgreSQL, and so refuse it as well.

    :param settings: of the transaction that asks.
    :raises StateError: one does.
    :raises DatabaseError: PostgreSQL refuses a query.
    """
    for check in wanted:
        if not check.is_for(due):
            continue
        where = f"check '{check.name}' in {schema}"
        found = _rows(check, session, where, settings)
        if found:
            raise StateError(
                f"returns {found} row{'s' if found > 1 else ''}, so that the data are not ready to be contracted",
                where=where,
                remedy="see what it returns, finish the backfill or mend the rows, and run it again",
            )


def _rows(check: Check, session: Session, where: str, settings: Mapping[str, str]) -> int:
    limits = "".join(f"SET LOCAL {name} = {value}; " for name, value in {**settings, "row_security": "off"}.items())
    try:
        session.run(f"BEGIN READ ONLY; {limits}")
        return int(session.one(f"SELECT count(*) FROM (\n{check.query}\n) AS found"))
    except session.driver.Error as exc:
        raise of_query(explained(exc, where, session.parsed)) from None
    finally:
        session.roll_back()


def _span(seconds: int) -> str:
    for unit, length in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        if seconds >= 2 * length:
            return f"{-(-seconds // length)} {unit}s"
    return f"{seconds} seconds"
