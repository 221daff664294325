# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of other runners. Reads their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._common.errors import InputError, StateError
from .files import Migration
from .history import APPLIED, BASELINE, FLYWAY, GOLANG, OWN, Entry, History, Row
from .names import Version, version_of
from .plan import standing
from .session import Session

TABLES = {FLYWAY: "flyway_schema_history", GOLANG: "schema_migrations"}
CLEAN = "let that runner finish or repair it first, and see that its last migration is wholly there"


@dataclass(frozen=True)
class _FlywayRow:
    """What Flyway says of one migration.

    :param type: such as SQL, JDBC, UNDO_SQL, DELETE, BASELINE, SQL_BASELINE.
    """

    version: str | None
    description: str
    type: str
    script: str
    checksum: int | None
    success: bool

    @property
    def is_baseline(self) -> bool:
        return self.type.endswith("BASELINE")

    @property
    def takes_back(self) -> bool:
        return self.type == "DELETE" or self.type.startswith("UNDO_")


class Import:
    """What another runner has applied to a schema.

    :param source: flyway or golang-migrate.
    :param table: its table; empty for its usual name.
    """

    def __init__(self, session: Session, schema: str, source: str, table: str) -> None:
        self._session = session
        self._source = source
        self.where = f"{schema}.{table or TABLES[source]}"
        self._table = f"{session.quoted(schema)}.{session.quoted(table or TABLES[source])}"

    def sql(self, migrations: list[Migration], known: Mapping[str, Entry], history: History) -> list[tuple[str, str]]:
        """Keys of the migrations that are taken over, each with the SQL that does so.

        :raises StateError: one has failed, has no file, or was applied with another content.
        """
        rows = self._flyway_rows() if self._source == FLYWAY else {}
        found = self._flyway(rows, migrations) if self._source == FLYWAY else self._golang(migrations)
        taken = {
            one.key: history.upsert(
                one.key, one.name, one.path.name, one.phase, [Row(0, one.checksum, APPLIED)], self._source
            )
            for one in found
        }
        baselines = {key: baseline_sql(history, key) for key, row in rows.items() if row.is_baseline}
        return [(key, sql) for key, sql in {**taken, **baselines}.items() if key not in known]

    def _flyway_rows(self) -> dict[str, _FlywayRow]:
        """The last row of each migration that is still there, by its key."""
        last: dict[str, _FlywayRow] = {}
        for values in self._session.ask(
            f"SELECT version, description, type, script, checksum, success FROM {self._table}"
            " WHERE type <> 'SCHEMA' ORDER BY installed_rank"
        ):
            row = _FlywayRow(*values)
            key = str(version_of(row.version, self.where)) if row.version else f"R__{row.description.replace(' ', '_')}"
            last.pop(key, None)
            last[key] = row
        for row in last.values():
            if not row.success:
                raise StateError(f"the migration {row.script} failed under Flyway", where=self.where, remedy=CLEAN)
        return {key: row for key, row in last.items() if not row.takes_back}

    def _flyway(self, rows: Mapping[str, _FlywayRow], migrations: list[Migration]) -> list[Migration]:
        by_key = {one.key: one for one in migrations}
        found = []
        for key, row in rows.items():
            if row.is_baseline:
                continue
            one = by_key.get(key)
            if not one:
                raise StateError(
                    f"{row.script} has no file here", where=self.where, remedy="copy all files, or import a baseline"
                )
            same = row.checksum is None or row.checksum == one.crc32
            if not same and one.version:
                raise StateError(
                    f"was applied by Flyway with another content (checksum {row.checksum}, now {one.crc32})",
                    where=str(one.path),
                    remedy="restore the file",
                )
            if same:
                found.append(one)
        return found

    def _golang(self, migrations: list[Migration]) -> list[Migration]:
        rows = self._session.ask(f"SELECT version, dirty FROM {self._table}")
        if len(rows) != 1:
            raise StateError(
                f"has {len(rows)} rows and not one", where=self.where, remedy="name golang-migrate's table"
            )
        version, dirty = rows[0]
        if dirty:
            raise StateError(f"version {version} is dirty", where=self.where, remedy=CLEAN)
        last = Version((int(version),))
        if not any(one.version == last for one in migrations):
            raise StateError(f"version {version} has no file here", where=self.where, remedy="copy all files")
        return [one for one in migrations if one.version and one.version <= last]


def baseline_sql(history: History, key: str) -> str:
    """SQL that makes a version the baseline."""
    return history.upsert(key, "baseline", "", "expand", [Row(0, "", APPLIED)], BASELINE)


def require_baseline_fits(
    known: Mapping[str, Entry], migrations: list[Migration], version: Version, where: str
) -> None:
    """Refuse a baseline that contradicts what a runner has applied.

    :raises InputError: something newer is applied, or something older is not.
    """
    own = [entry for entry in known.values() if entry.origin == OWN and entry.state == APPLIED]
    versions = [version_of(entry.key, where) for entry in own if not entry.key.startswith("R__")]
    newer = [str(one) for one in versions if one > version]
    if newer:
        raise InputError(
            f"{newer[-1]} is applied already, so {version} cannot become its baseline",
            where=where,
            remedy="name the highest version that is applied",
        )
    left = [one for one in standing(migrations, known).pending if one.version and one.version <= version]
    if versions and left:
        raise InputError(
            f"is not applied, so {version} cannot become the baseline of {where}",
            where=str(left[0].path),
            remedy="apply it, or remove it",
        )
