# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the database's migrations, whose options are those of ``pg_migrate``. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._migrate.options import ACTIONS, CHECK, MIGRATING

INFO = "info"
EXPAND, CONTRACT = "expand", "contract"
CONTROLLER = "localhost"
TWO_WEEKS = 1_209_600


def _as_in(declared: dict[str, Any], descriptions: dict[str, str]) -> dict[str, Any]:
    """Options of a module with descriptions of their own, and with units."""
    return {
        name: {**declared[name], **_units(name, declared[name]), "description": text}
        for name, text in descriptions.items()
    }


def _units(name: str, declared: dict[str, Any]) -> dict[str, str]:
    if declared["type"] != "int":
        return {}
    return {"units": "milliseconds" if name.endswith("_ms") else "seconds"}


BACKUP: dict[str, Any] = {
    "required": {
        "type": "bool",
        "default": True,
        "description": "Whether nothing is applied without a verified backup.",
    },
    "record": {
        "type": "str",
        "required": True,
        "units": "absolute path",
        "description": "JSON file on C(host) with C(finished), when the last backup has ended, and C(verified), "
        "whether it could be restored.",
    },
    "max_age": {
        "type": "int",
        "default": MIGRATING["backup_max_age"]["default"],
        "units": "seconds",
        "description": "How old it may be.",
    },
}

MIGRATIONS: dict[str, Any] = {
    "path": {
        "type": "str",
        "required": True,
        "units": "absolute path",
        "description": "Directory of the SQL files on C(host).",
    },
    "host": {
        "type": "str",
        "default": CONTROLLER,
        "description": "Inventory host that has the files and connects to the database, with C(psycopg2) and C(pglast) "
        "for its Python; the controller when omitted.",
    },
    "user": {
        "type": "str",
        "default": "",
        "description": "System user of C(host) that connects, for peer authentication or its C(.pgpass); that of the "
        "connection when empty.",
    },
    **_as_in(
        MIGRATING,
        {
            "dsn": "Connection string of libpq. What it leaves out comes from libpq's environment, its service file "
            "and its password file, which keep the password out of here. Shown nowhere.",
            "role": "Role to act as, the owner of what is made; the user of the connection when empty.",
            "connect_timeout": "How long connecting may take.",
            "schemas": "Schemas to which the same migrations are applied.",
            "create_schemas": "Create those of C(schemas) that do not exist.",
            "table": "Name of the table of the history, in each schema.",
            "placeholders": "What C(${name}) stands for in migrations.",
            "secret_placeholders": "The same, of values that are shown nowhere.",
            "gaps": "Whether numbers of one part, such as C(003), may be left out.",
            "out_of_order": "What to do with a pending migration of a lower version than one that is applied.",
            "lint": "What a finding of a rule is: C(error), C(warning) or C(off).",
            "scratch_dsn": "Connection string of a database that can be spared, in which what is due is tried first.",
            "session_pooler": "Accept a pooler that gives a session one backend until its end.",
            "lock_deadline": "How long to wait for another runner, or a backup, to end.",
            "lock_timeout_ms": "How long a statement waits for a lock.",
            "statement_timeout_ms": "How long a statement may take; C(0) is no limit.",
            "retry_deadline": "How long a file that gets no lock is tried again.",
        },
    ),
    "backup": {
        "type": "dict",
        "options": BACKUP,
        "description": "The backup that there must be before anything is applied, contracted or undone; none "
        "when omitted.",
    },
    "expected_most": {
        "type": "int",
        "default": 300,
        "units": "seconds",
        "description": "How long what is pending in a schema may take; a warning says when it may be more.",
    },
}

CONTRACT_CHECK: dict[str, Any] = _as_in(
    CHECK,
    {
        "name": "Name of the check, unique in the list.",
        "query": "One query, which finds what is not consistent.",
        "before": "Version of the migration that it is for; left out once that is applied. All of the phase when "
        "empty.",
    },
)

DUAL_WRITE: dict[str, Any] = {
    "schema": {"type": "str", "default": "public", "description": "Schema of the table."},
    "table": {"type": "str", "required": True, "description": "Name of the table."},
    "column": {"type": "str", "required": True, "description": "The column that is replaced."},
    "new_column": {"type": "str", "required": True, "description": "The column that replaces it."},
    "new_type": {"type": "str", "default": "", "description": "Type of the new column, where it is another one."},
    "forward": {"type": "str", "default": "", "description": "SQL expression that makes a new value of C({value})."},
    "backward": {"type": "str", "default": "", "description": "SQL expression that makes an old value of C({value})."},
    "same": {"type": "str", "default": "", "description": "SQL condition that C({old}) and C({new}) say the same."},
    "handled": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "What you take care of yourself, as module C(pg_dual_write) takes it.",
    },
}

VARIABLES: dict[str, dict[str, Any]] = {
    "slipway_migrations": {
        "type": "dict",
        "no_log": True,
        "options": MIGRATIONS,
        "description": "The migrations of the application's PostgreSQL database, which migrate.yml applies; most "
        "options are those of module C(pg_migrate).",
    },
    "slipway_migrate_action": {
        "type": "str",
        "default": ACTIONS[0],
        "choices": [INFO, *ACTIONS],
        "description": "What migrate.yml does: C(info) shows where the database stands, C(migrate) applies what is "
        "pending, C(undo), C(baseline), C(repair) and C(import) are those of module C(pg_migrate).",
    },
    "slipway_migrate_phase": {
        "type": "str",
        "default": EXPAND,
        "choices": [EXPAND, CONTRACT],
        "description": "What C(migrate) applies: C(expand) what adds, the phases expand and migrate; C(contract) what "
        "takes away, once nothing needs it any more.",
    },
    "slipway_migrate_to": {
        "type": "str",
        "default": "",
        "units": "version",
        "description": "The last migration that is due, or that stays after C(undo), or that C(baseline) takes for "
        "applied; all when empty.",
    },
    "slipway_migrate_from": {
        "type": "str",
        "default": "",
        "description": "Whose history C(import) takes over: C(flyway) or C(golang-migrate).",
    },
    "slipway_migrate_checksums": {
        "type": "bool",
        "default": False,
        "description": "Let C(repair) take over the checksums of files that have changed.",
    },
    "slipway_migrations_file": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "File on the controller that migrate.yml writes its report to, as JSON; none when empty.",
    },
    "slipway_contract_after": {
        "type": "int",
        "default": TWO_WEEKS,
        "units": "seconds",
        "description": "How long ago, by the database's clock, everything of a lower version must have been expanded "
        "before something is contracted.",
    },
    "slipway_contract_checks": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": CONTRACT_CHECK,
        "description": "Queries that must return no row before something is contracted, in each of the schemas.",
    },
    "slipway_dual_writes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": DUAL_WRITE,
        "description": "Columns that are being replaced with module C(pg_dual_write); those that are expanded must "
        "agree in every row before something is contracted.",
    },
}
