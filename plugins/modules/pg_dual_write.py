#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replace a column while old and new applications write. Touches the table, its triggers and their function."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_dual_write
short_description: Rename a column or change its type while old and new releases write to it
version_added: 0.1.0
description:
  - A column is replaced by a new one in phases. V(expand) adds the new column, and triggers by which each column
    follows the other. The backfill that RV(backfill) describes then fills the rows that nobody writes, by
    M(slipway.release.pg_backfill). V(migrate) gives the new column the indexes, C(NOT NULL) and foreign keys of the old
    one. V(contract) drops the old column and the triggers, once no release writes or reads it any more.
  - Old releases write the old column, new ones the new column. Whichever was changed wins; when one statement changes
    both and they disagree, the new one wins. An C(INSERT) may give only one of both. One that gives the new column as
    C(NULL) takes the old one's default for both.
  - Both ways must give the same in every session. Casts and expressions that the server does not hold for immutable are
    refused, since they can depend on a session's C(TimeZone) or C(DateStyle), as that of C(timestamp) to C(timestamptz)
    does. Write C({value} AT TIME ZONE 'UTC') for O(forward) and O(backward), or name the option in O(handled).
  - Values that one side cannot express are refused by the server when they are written, until V(contract).
  - Each phase is refused while the one before is not complete, and does nothing when it has been done itself. One run
    at a time changes a table.
  - The trigger function runs as whoever writes, finds nothing but C(pg_catalog) and the schemas of both types without
    their names, belongs to the owner of the table, and may be called by nobody else. Functions in O(forward),
    O(backward) and O(same) must be given with their schema.
  - Rights on the old column alone are given on the new one too. The default moves in V(contract), as does a sequence
    that belongs to the old column.
  - Generated and identity columns, columns of the primary key or of a partition key, columns that foreign keys of other
    tables refer to, C(CHECK) constraints, exclusion constraints, and indexes with an expression, a condition or an
    operator class are not copied. They are refused unless O(handled) names them. V(contract) is refused while a view
    or a policy uses the old column.
  - RV(files) has the same statements as files of migrations.
requirements:
  - PostgreSQL 13 or newer, reached directly and not through a pooler
options:
  phase:
    description: What to do. V(plan) and V(check) change nothing. V(check) counts the rows in which both disagree.
    type: str
    choices: [plan, expand, check, migrate, contract]
    default: plan
  schema:
    description: Schema of the table.
    type: str
    default: public
  table:
    description: Name of the table, without quotes; case matters.
    type: str
    required: true
  column:
    description: The column that is replaced.
    type: str
    required: true
  new_column:
    description: The column that replaces it.
    type: str
    required: true
  new_type:
    description: Type of the new column; that of the old one when this is empty.
    type: str
    default: ''
  forward:
    description: SQL expression that makes a new value of C({value}), the old one; a cast when this is empty.
    type: str
    default: ''
  backward:
    description: SQL expression that makes an old value of C({value}), the new one; a cast when this is empty.
    type: str
    default: ''
  same:
    description:
      - SQL condition that is true when C({old}) and C({new}) say the same.
      - When it is empty, one must be what the other becomes, in either direction, and C(NULL) is a value like others.
    type: str
    default: ''
  handled:
    description:
      - Indexes and constraints of the old column, or the column itself, that you take care of yourself.
      - V(forward), V(backward) and V(same) for an expression or cast that is not immutable, when you have made sure
        that it gives the same in every session, such as C(to_date({value}, 'YYYY-MM-DD')).
    type: list
    elements: str
    default: []
  key:
    description: Columns of the unique key by which rows are gone through; the primary key when this is empty.
    type: list
    elements: str
    default: []
  batch_size:
    description: Rows that are compared at once, to begin with.
    type: int
    default: 10000
  pause_ms:
    description: Milliseconds between these.
    type: int
    default: 100
  lock_timeout_ms:
    description: Milliseconds that a statement that others would queue behind waits for its lock.
    type: int
    default: 100
  retry_deadline:
    description:
      - Seconds for which such a statement is tried again.
      - A statement that nobody queues behind, such as one that builds an index, waits this long at once for its lock,
        and at least one second.
    type: int
    default: 300
  lock_deadline:
    description: Seconds to wait for another run on the same table.
    type: int
    default: 10
extends_documentation_fragment:
  - slipway.release.pg_connection
  - slipway.release.audit
notes:
  - The role must be the table's owner.
attributes:
  check_mode:
    description: Can run in check mode and say what would be done.
    support: full
  diff_mode:
    description: Returns details on what has changed.
    support: full
  idempotent:
    description: Running it again gives the same result.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.pg_backfill
"""

EXAMPLES = r"""
- name: Add the column that will replace another, with both following each other
  slipway.release.pg_dual_write:
    phase: expand
    table: orders
    column: amount
    new_column: amount_cents
    new_type: bigint
    forward: ({value} * 100)::bigint
    backward: "{value} / 100.0"
    dsn: host=/var/run/postgresql dbname=shop
  register: amount

- name: Fill it
  slipway.release.pg_backfill:
    name: "{{ amount.backfill.name }}"
    table: orders
    set: "{{ amount.backfill.set }}"
    where: "{{ amount.backfill.where }}"
    dsn: host=/var/run/postgresql dbname=shop

- name: Give it the indexes and constraints of the other
  slipway.release.pg_dual_write:
    phase: migrate
    table: orders
    column: amount
    new_column: amount_cents
    new_type: bigint
    forward: ({value} * 100)::bigint
    backward: "{value} / 100.0"
    dsn: host=/var/run/postgresql dbname=shop

- name: Write the statements to files of migrations instead
  slipway.release.pg_dual_write:
    table: customers
    column: mail
    new_column: email
    dsn: host=/var/run/postgresql dbname=shop
  register: email

- name: One of them
  ansible.builtin.copy:
    content: "{{ email.files.expand }}"
    dest: /srv/shop/migrations/042_email_expand.sql
    mode: "0644"
"""

RETURN = r"""
phase:
  description: As it was asked for.
  type: str
  returned: success
  sample: expand
standing:
  description: V(absent), V(expanded), or V(contracted) when the old column is gone; after this call.
  type: str
  returned: success
  sample: expanded
statements:
  description: What was run, or would be in check mode.
  type: list
  elements: str
  returned: success
  sample: ['ALTER TABLE "public"."orders" ADD COLUMN "amount_cents" bigint']
files:
  description: The statements of C(expand), C(migrate) and C(contract) as texts of migration files.
  type: dict
  returned: while the old column is there
  sample: {expand: "-- slipway:phase expand ..."}
backfill:
  description: C(name), C(set) and C(where) of the backfill, as M(slipway.release.pg_backfill) takes them.
  type: dict
  returned: while the old column is there
  sample: {name: dual-write-57d3918e, set: {amount_cents: "..."}, where: "..."}
found:
  description: What the old column has, and what of it is refused.
  type: dict
  returned: while the old column is there
  sample: {type: "numeric(10,2)", not_null: true, problems: []}
rows:
  description: How many were compared.
  type: int
  returned: when O(phase=check)
  sample: 1000000
disagreeing:
  description: In how many of them the columns disagree.
  type: int
  returned: when O(phase=check)
  sample: 0
examples:
  description: Keys of at most five of these.
  type: list
  elements: list
  returned: when O(phase=check)
  sample: [["17"], ["4711"]]
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.operation import (
    AUDIT,
    UNCHANGED,
    Auditor,
    auditor_of,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import (
    identifier,
    parse_limits,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.connection import CONNECTION, access_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write import steps, triggers
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.change import parse
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.phases import Phases, settings
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.surroundings import (
    Surroundings,
    as_dict,
    look_around,
)
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

PLAN = "plan"
EXPAND = "expand"
CHECK = "check"
MIGRATE = "migrate"
CONTRACT = "contract"
ARGUMENTS = {
    "phase": {"type": "str", "choices": [PLAN, EXPAND, CHECK, MIGRATE, CONTRACT], "default": PLAN},
    "schema": {"type": "str", "default": "public"},
    "table": {"type": "str", "required": True},
    "column": {"type": "str", "required": True},
    "new_column": {"type": "str", "required": True},
    "new_type": {"type": "str", "default": ""},
    "forward": {"type": "str", "default": ""},
    "backward": {"type": "str", "default": ""},
    "same": {"type": "str", "default": ""},
    "handled": {"type": "list", "elements": "str", "default": []},
    "key": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "batch_size": {"type": "int", "default": 10000},
    "pause_ms": {"type": "int", "default": 100},
    "lock_timeout_ms": {"type": "int", "default": 100},
    "retry_deadline": {"type": "int", "default": 300},
    "lock_deadline": {"type": "int", "default": 10},
    "audit": AUDIT,
    **CONNECTION,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Do the phase, or say what it would do."""
    change, limits = parse(module.params), parse_limits(module.params)
    access = access_of(module.params)
    module.no_log_values.update(access.secrets())
    pooler = module.params["session_pooler"]
    acts = module.params["phase"] in (EXPAND, MIGRATE, CONTRACT)
    audit = auditor_of(module, acts=acts)
    session = Session(access, f"dual write {change.table}", settings(limits), session_pooler=pooler)
    try:
        key = tuple(identifier("key", name) for name in module.params["key"])
        phases = Phases(session, change, limits, key, module.params["lock_deadline"])
        before = look_around(session, change)
        result = _audited(module, audit, phases, before)
        after = look_around(session, change)
    finally:
        session.close()
    if before is not None:
        filled = triggers.backfill(change, before, key)
        result["files"] = steps.files(change, before)
        result["backfill"] = {"name": filled.name, "set": dict(filled.assignments), "where": filled.where}
        result["found"] = as_dict(before)
    standing = _standing(after)
    if module.check_mode and result["statements"]:
        standing = {EXPAND: "expanded", CONTRACT: "contracted"}.get(module.params["phase"], standing)
    diff = {"before": _shown(_standing(before), []), "after": _shown(standing, result["statements"])}
    return {"changed": bool(result["statements"]), "standing": standing, "diff": diff, **result, **audit.as_result()}


def _audited(module: AnsibleModule, audit: Auditor, phases: Phases, before: Surroundings | None) -> dict[str, Any]:
    asked = {name: module.params[name] for name in ("column", "new_column")}
    phase = module.params["phase"]
    with audit.operation("database", f"dual_write_{phase}", target=module.params["table"], details=asked) as act:
        result = _done(module, phases, before)
        act.result = "changed" if result["statements"] else UNCHANGED
    return result


def _done(module: AnsibleModule, phases: Phases, before: Surroundings | None) -> dict[str, Any]:
    phase = module.params["phase"]
    result: dict[str, Any] = {"phase": phase, "statements": []}
    if phase == CHECK:
        found = phases.consistency()
        return {**result, "rows": found.rows, "disagreeing": found.disagreeing, "examples": found.examples}
    if phase == PLAN:
        if before is not None:
            phases.require(before)
        return result
    do = {EXPAND: phases.expand, MIGRATE: phases.migrate, CONTRACT: phases.contract}[phase]
    return {**result, "statements": [step.sql for step in do(dry=module.check_mode)]}


def _standing(around: Surroundings | None) -> str:
    if around is None:
        return "contracted"
    return "expanded" if around.expanded else "absent"


def _shown(standing: str, statements: list[str]) -> str:
    return "\n".join([f"columns: {standing}", *statements]) + "\n"


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
