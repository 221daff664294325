# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules for files of migrations. Touches nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .._common.errors import InputError
from .connection import CONNECTION, access_of
from .contract import Check, checks
from .directives import CONTRACT, PHASES
from .history import FLYWAY, GOLANG
from .names import Version, version_of
from .plan import APPLY, IGNORE, REFUSE
from .planned import PLANNED, Planned, planned
from .session import Access

TABLE = "slipway_migrations"
MIGRATE, UNDO, BASELINE, REPAIR, IMPORT = "migrate", "undo", "baseline", "repair", "import"
ON_THE_SCHEMA = (MIGRATE, UNDO)
ACTIONS = (MIGRATE, UNDO, BASELINE, REPAIR, IMPORT)
BEFORE_CONTRACT = tuple(phase for phase in PHASES if phase != CONTRACT)
SHARED: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    **CONNECTION,
    "schemas": {"type": "list", "elements": "str", "default": ["public"]},
    "table": {"type": "str", "default": TABLE},
    "placeholders": {"type": "dict", "default": {}},
    "secret_placeholders": {"type": "dict", "default": {}, "no_log": True},
    "gaps": {"type": "bool", "default": True},
    "phases": {"type": "list", "elements": "str", "choices": list(PHASES), "default": list(PHASES)},
    "target": {"type": "str", "default": ""},
    "out_of_order": {"type": "str", "choices": [REFUSE, APPLY, IGNORE], "default": REFUSE},
}
CHECK: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "query": {"type": "str", "required": True},
    "before": {"type": "str", "default": ""},
}
MIGRATING: dict[str, Any] = {
    **SHARED,
    "phases": {**SHARED["phases"], "default": list(BEFORE_CONTRACT)},
    "action": {"type": "str", "choices": list(ACTIONS), "default": MIGRATE},
    "create_schemas": {"type": "bool", "default": False},
    "lint": {"type": "dict", "default": {}},
    "scratch_dsn": {"type": "str", "default": "", "no_log": True},
    "lock_deadline": {"type": "int", "default": 600},
    "lock_timeout_ms": {"type": "int", "default": 500},
    "statement_timeout_ms": {"type": "int", "default": 900_000},
    "retry_deadline": {"type": "int", "default": 600},
    "import_from": {"type": "str", "choices": [FLYWAY, GOLANG]},
    "import_table": {"type": "str", "default": ""},
    "checksums": {"type": "bool", "default": False},
    "contract_after": {"type": "int", "default": 0},
    "contract_checks": {"type": "list", "elements": "dict", "default": [], "options": CHECK},
    "backup_record": {"type": "path"},
    "backup_max_age": {"type": "int", "default": 86_400},
    "planned": {"type": "list", "elements": "dict", "options": PLANNED},
    "deployment": {"type": "str", "default": ""},
    "token": {"type": "int", "no_log": False},
}


@dataclass(frozen=True)
class Options:
    """What an operator asks for; the parameters are those of the module."""

    path: Path
    access: Access
    schemas: tuple[str, ...] = ("public",)
    table: str = TABLE
    placeholders: dict[str, str] = field(default_factory=dict)
    secret_placeholders: dict[str, str] = field(default_factory=dict)
    gaps: bool = True
    phases: tuple[str, ...] = BEFORE_CONTRACT
    target: Version | None = None
    out_of_order: str = REFUSE
    session_pooler: bool = False
    action: str = MIGRATE
    create_schemas: bool = False
    lint: dict[str, str] = field(default_factory=dict)
    scratch: Access | None = None
    lock_deadline: int = 600
    lock_timeout_ms: int = 500
    statement_timeout_ms: int = 900_000
    retry_deadline: int = 600
    import_from: str | None = None
    import_table: str = ""
    checksums: bool = False
    contract_after: int = 0
    contract_checks: tuple[Check, ...] = ()
    backup_record: Path | None = None
    backup_max_age: int = 86_400
    planned: frozenset[Planned] | None = None
    deployment: str = ""
    token: int | None = None

    def secrets(self) -> set[str]:
        """What must never be printed."""
        passwords = self.access.secrets() | (self.scratch.secrets() if self.scratch else set())
        return passwords | set(filter(None, self.secret_placeholders.values()))

    def placeholders_of(self, schema: str) -> dict[str, str]:
        """The placeholders' values in a schema."""
        return {**self.placeholders, **self.secret_placeholders, "schema": schema}

    def search_path(self, schema: str) -> tuple[str, ...]:
        """Where names are looked up in a schema's migrations."""
        return (schema,) if schema == "public" else (schema, "public")


def from_params(params: dict[str, Any]) -> Options:
    """Check and convert a module's parameters.

    :raises InputError: a value cannot be accepted.
    """
    values = {name: params[name] for name in MIGRATING if name in params}
    access = access_of({name: values.pop(name) for name in ("dsn", "role", "connect_timeout")})
    scratch_dsn = values.pop("scratch_dsn", "")
    for name in ("lock_deadline", "retry_deadline", "statement_timeout_ms", "contract_after", "backup_max_age"):
        _require_least(values, name, 0)
    _require_least(values, "lock_timeout_ms", 1)
    schemas = values["schemas"]
    if not schemas or len(set(schemas)) != len(schemas) or not all(schemas):
        raise InputError("has no names, or one twice", where="schemas", remedy="name each schema once")
    target = version_of(values["target"], "target") if values["target"] else None
    action = values.get("action", MIGRATE)
    if action in (UNDO, BASELINE) and target is None:
        raise InputError(
            f"is needed to {action}", where="target", remedy="name the version that is the last one afterwards"
        )
    if action == IMPORT and not values["import_from"]:
        raise InputError("is needed to import", where="import_from", remedy=f"write {FLYWAY} or {GOLANG}")
    values.update(
        path=Path(values["path"]),
        backup_record=Path(values["backup_record"]) if values.get("backup_record") else None,
        scratch=replace(access, dsn=scratch_dsn, option="scratch_dsn") if scratch_dsn else None,
        schemas=tuple(schemas),
        phases=tuple(values["phases"]),
        contract_checks=checks(values.get("contract_checks", []), "contract_checks"),
        planned=planned(values.get("planned")),
        target=target,
        placeholders=_placeholders(values["placeholders"], "placeholders"),
        secret_placeholders=_placeholders(values["secret_placeholders"], "secret_placeholders"),
    )
    for name in values["placeholders"].keys() & values["secret_placeholders"].keys():
        raise InputError(
            f"'{name}' is also one of 'placeholders'", where="secret_placeholders", remedy="give it one value"
        )
    return Options(access=access, **values)


def _require_least(values: dict[str, Any], name: str, least: int) -> None:
    if name in values and values[name] < least:
        raise InputError(f"is {values[name]}", where=name, remedy=f"write {least} or more")


def _placeholders(given: dict[str, Any], where: str) -> dict[str, str]:
    for name, value in given.items():
        if name == "schema":
            raise InputError("'schema' is the name of the schema itself", where=where, remedy="choose another name")
        if isinstance(value, (dict, list)) or value is None or "\n" in str(value):
            raise InputError(f"'{name}' is not one line of text", where=where, remedy="give a text or a number")
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in given.items()}
