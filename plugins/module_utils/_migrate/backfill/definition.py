# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be backfilled, as an operator says it, and the limits it keeps to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..._common.canonical import digest
from ..._common.errors import InputError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
LONGEST_IDENTIFIER = 63


@dataclass(frozen=True)
class Definition:
    """An update of every row of a table that is still to be done.

    :param name: identifies the backfill in its database for ever.
    :param assignments: column to SQL expression.
    :param where: SQL condition that is true of a row exactly as long as it is to be done.
    :param key: columns of a unique key that orders the work; empty for the primary key.
    """

    name: str
    schema: str
    table: str
    assignments: tuple[tuple[str, str], ...]
    where: str
    key: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What must not change once work has begun; the key is to be known by then."""
        return digest([self.schema, self.table, sorted(map(list, self.assignments)), self.where, list(self.key)])

    def as_dict(self) -> dict[str, Any]:
        """For the record and for people."""
        return {
            "schema": self.schema,
            "table": self.table,
            "set": dict(self.assignments),
            "where": self.where,
            "key": list(self.key),
        }


@dataclass(frozen=True)
class Limits:
    """How fast a backfill may be; these may change from run to run. Zero of a maximum or of a time limit is none.

    :param batch_size: rows of the first batch.
    :param batch_min: the tuning goes no lower.
    :param batch_max: nor higher.
    :param target_ms: milliseconds that a batch should take.
    :param pause_ms: milliseconds between batches.
    :param lock_timeout_ms: milliseconds that a batch waits for a lock of the table or of a row.
    :param statement_timeout_ms: milliseconds after which a batch is given up and made smaller.
    :param max_replica_lag_ms: of any streaming replica, in time.
    :param max_replica_lag_mb: of any streaming replica, in MiB of WAL not yet replayed.
    :param max_wal_backlog_mb: MiB of WAL that the archive has not got, or that a replication slot retains.
    :param time_limit: seconds after which the run ends, to be continued.
    :param retry_deadline: how long one obstacle, such as a locked table, is retried.
    :param throttle_deadline: how long one reason may hold the work up before that is an error.
    """

    batch_size: int = 10000
    batch_min: int = 100
    batch_max: int = 100000
    target_ms: int = 250
    pause_ms: int = 100
    lock_timeout_ms: int = 100
    statement_timeout_ms: int = 900
    max_replica_lag_ms: int = 5000
    max_replica_lag_mb: int = 256
    max_wal_backlog_mb: int = 4096
    time_limit: int = 0
    retry_deadline: int = 300
    throttle_deadline: int = 3600


AT_LEAST = {"batch_size": 1, "batch_min": 1, "batch_max": 1, "target_ms": 1, "lock_timeout_ms": 1}


def parse_definition(raw: Mapping[str, Any]) -> Definition:
    """Read ``name``, ``schema``, ``table``, ``set``, ``where`` and ``key``.

    :raises InputError: one cannot be accepted.
    """
    definition = Definition(
        name=str(raw["name"]),
        schema=identifier("schema", raw["schema"]),
        table=identifier("table", raw["table"]),
        assignments=tuple(
            (identifier("set", name), expression(f"set.{name}", raw["set"][name])) for name in raw["set"]
        ),
        where=expression("where", raw["where"]),
        key=tuple(identifier("key", name) for name in raw.get("key") or []),
    )
    if not NAME.fullmatch(definition.name):
        raise InputError(
            f"'{definition.name}' is no name of a backfill",
            where="name",
            remedy="use up to 100 letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )
    if not definition.assignments:
        raise InputError("no column is set", where="set", remedy="name at least one column and its expression")
    _refuse_key(definition)
    return definition


def _refuse_key(definition: Definition) -> None:
    if len(set(definition.key)) != len(definition.key):
        raise InputError("names a column twice", where="key", remedy="name each column of the key once")
    changed = sorted(set(definition.key) & {column for column, _value in definition.assignments})
    if changed:
        raise InputError(
            f"would change '{changed[0]}', which orders the work",
            where="set",
            remedy="name another unique key with 'key', or leave this column out",
        )


def parse_limits(raw: Mapping[str, Any]) -> Limits:
    """Read every limit that is given.

    :raises InputError: one is out of range, or two contradict each other.
    """
    given = {name: int(raw[name]) for name in asdict(Limits()) if raw.get(name) is not None}
    for name, value in given.items():
        if value < AT_LEAST.get(name, 0):
            raise InputError(f"is {value}", where=name, remedy=f"give at least {AT_LEAST.get(name, 0)}")
    limits = Limits(**given)
    if not limits.batch_min <= limits.batch_size <= limits.batch_max:
        raise InputError(
            f"{limits.batch_size} is not between batch_min, {limits.batch_min}, and batch_max, {limits.batch_max}",
            where="batch_size",
            remedy="correct one of the three",
        )
    if limits.statement_timeout_ms <= limits.target_ms:
        raise InputError(
            f"{limits.statement_timeout_ms} is not above target_ms, {limits.target_ms}",
            where="statement_timeout_ms",
            remedy="let a batch take longer than its target before it is given up",
        )
    return limits


def identifier(where: str, raw: Any) -> str:
    """A name that PostgreSQL keeps as it is.

    :raises InputError: it would refuse or cut it.
    """
    name = str(raw)
    if not name or "\0" in name or len(name.encode("utf-8")) > LONGEST_IDENTIFIER:
        raise InputError(
            f"{name!r} is no identifier of PostgreSQL",
            where=where,
            remedy=f"give 1 to {LONGEST_IDENTIFIER} bytes, without quotes around them",
        )
    return name


def expression(where: str, raw: Any) -> str:
    """A text of SQL; whether it is one is for the server to say.

    :raises InputError: it is empty.
    """
    text = str(raw).strip()
    if not text or "\0" in text:
        raise InputError("is empty", where=where, remedy="give an expression of SQL")
    return text
