# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the server has enough to do already: replicas that lag, WAL that piles up, a vacuum that must not wait.

Reads statistics views; needs ``pg_monitor`` where there is replication, archiving or a limit on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._common.errors import StateError
from .definition import Limits
from .session import Session

MIB = 1024 * 1024
_MAY_SEE = "SELECT pg_catalog.pg_has_role(current_user, 'pg_monitor', 'USAGE')"
_HAS_REPLICAS = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_get_wal_senders())"
_REPLICAS = """
SELECT coalesce(nullif(application_name, ''), client_addr::text, 'a replica'),
       coalesce(extract(epoch FROM replay_lag) * 1000, 0)::int8,
       coalesce(pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn), 0)::int8
FROM pg_catalog.pg_stat_replication WHERE state IN ('streaming', 'catchup')
"""
_SLOTS = """
SELECT slot_name::text, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn)::int8
FROM pg_catalog.pg_replication_slots WHERE restart_lsn IS NOT NULL
"""
_ARCHIVING = "SELECT pg_catalog.current_setting('archive_mode') <> 'off'"
_UNARCHIVED = """
SELECT count(*) * (SELECT setting::int8 FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size')
FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%%.ready'
"""
_WRAPAROUND = """
SELECT a.pid FROM pg_catalog.pg_stat_progress_vacuum v JOIN pg_catalog.pg_stat_activity a ON a.pid = v.pid
WHERE v.datname = current_database()
  AND v.relid IN (SELECT relid::oid FROM pg_catalog.pg_partition_tree(%(table)s::oid)
                  UNION SELECT reltoastrelid FROM pg_catalog.pg_class WHERE oid = %(table)s::oid
                  UNION SELECT %(table)s::oid)
  AND a.backend_type = 'autovacuum worker' AND a.query LIKE '%%(to prevent wraparound)%%'
"""


@dataclass(frozen=True)
class Reason:
    """Why to wait.

    :param kind: ``replica_lag``, ``wal_backlog`` or ``vacuum``.
    """

    kind: str
    what: str
    remedy: str


class Throttle:
    """Looks at the server between batches.

    :param table: its object identifier.
    """

    def __init__(self, session: Session, limits: Limits, table: int) -> None:
        self._session = session
        self._limits = limits
        self._table = table

    def require_rights(self) -> None:
        """What is limited must be visible.

        :raises StateError: it is not.
        """
        if self._rows(_MAY_SEE)[0][0]:
            return
        limits = self._limits
        replicas = bool(limits.max_replica_lag_ms or limits.max_replica_lag_mb) and self._rows(_HAS_REPLICAS)[0][0]
        archive = bool(limits.max_wal_backlog_mb) and self._rows(_ARCHIVING)[0][0]
        if replicas or archive:
            raise StateError(
                f"the role may not see {'the lag of replicas' if replicas else 'what the archive has not got'}",
                where="max_replica_lag_ms" if replicas else "max_wal_backlog_mb",
                remedy="GRANT pg_monitor to the role, or set the limits to 0",
            )

    def reason(self) -> Reason | None:
        """Why to wait now; ``None`` when there is no reason."""
        return self._lag() or self._backlog() or self._vacuum()

    def _lag(self) -> Reason | None:
        most_ms, most_mb = self._limits.max_replica_lag_ms, self._limits.max_replica_lag_mb
        if not most_ms and not most_mb:
            return None
        for name, milliseconds, behind in self._rows(_REPLICAS):
            if (most_ms and milliseconds > most_ms) or (most_mb and behind > most_mb * MIB):
                what = f"replica {name} lags {milliseconds} ms, {behind // MIB} MiB"
                return Reason("replica_lag", what, "see why the replica does not follow, or raise the limit")
        return None

    def _backlog(self) -> Reason | None:
        most = self._limits.max_wal_backlog_mb * MIB
        if not most:
            return None
        for name, retained in self._rows(_SLOTS):
            if retained > most:
                what = f"replication slot {name} retains {retained // MIB} MiB of WAL"
                return Reason("wal_backlog", what, "see why its consumer does not follow, or drop the slot")
        if self._rows(_ARCHIVING)[0][0] and self._rows(_MAY_SEE)[0][0]:
            unarchived = self._rows(_UNARCHIVED)[0][0]
            if unarchived > most:
                what = f"{unarchived // MIB} MiB of WAL are not archived"
                return Reason("wal_backlog", what, "see why archive_command fails in the server's log")
        return None

    def _vacuum(self) -> Reason | None:
        found = self._session.rows(_WRAPAROUND.replace("%(table)s", str(int(self._table))))
        if not found:
            return None
        what = f"autovacuum (process {found[0][0]}) works on the table to prevent wraparound"
        return Reason("vacuum", what, "let it end; it must not be cancelled")

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._session.rows(query)
