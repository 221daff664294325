# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The history of other runners. Reads their tables."""

from __future__ import annotations

from collections.abc import Mapping

from .._common.errors import InputError, StateError
from .files import Migration
from .history import APPLIED, BASELINE, FLYWAY, GOLANG, OWN, Entry, History, Row
from .names import Version, version_of
from .plan import standing
from .session import Session

TABLES = {FLYWAY: "flyway_schema_history", GOLANG: "schema_migrations"}
CLEAN = "let that runner finish or repair it first, and see that its last migration is wholly there"


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
        found = self._flyway(migrations) if self._source == FLYWAY else self._golang(migrations)
        taken = [one for one in found if one.key not in known]
        return [
            (
                one.key,
                history.upsert(
                    one.key, one.name, one.path.name, one.phase, [Row(0, one.checksum, APPLIED)], self._source
                ),
            )
            for one in taken
        ] + self._flyway_baseline(known, history)

    def _flyway(self, migrations: list[Migration]) -> list[Migration]:
        rows = self._session.ask(
            f"SELECT version, description, script, checksum, success FROM {self._table}"
            " WHERE type = 'SQL' ORDER BY installed_rank"
        )
        by_key = {one.key: one for one in migrations}
        found: dict[str, Migration] = {}
        for version, description, script, checksum, success in rows:
            if not success:
                raise StateError(f"the migration {script} failed under Flyway", where=self.where, remedy=CLEAN)
            key = str(version_of(version, self.where)) if version else f"R__{description.replace(' ', '_')}"
            one = by_key.get(key)
            if not one:
                raise StateError(
                    f"{script} has no file here", where=self.where, remedy="copy all files, or import a baseline"
                )
            if checksum is not None and checksum != one.crc32 and one.version:
                raise StateError(
                    f"was applied by Flyway with another content (checksum {checksum}, now {one.crc32})",
                    where=str(one.path),
                    remedy="restore the file",
                )
            if checksum is None or checksum == one.crc32:
                found[key] = one
        return list(found.values())

    def _flyway_baseline(self, known: Mapping[str, Entry], history: History) -> list[tuple[str, str]]:
        if self._source != FLYWAY:
            return []
        rows = self._session.ask(f"SELECT version FROM {self._table} WHERE type = 'BASELINE'")
        keys = [str(version_of(version, self.where)) for (version,) in rows]
        return [(key, baseline_sql(history, key)) for key in keys if key not in known]

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
