#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrate the schema of a PostgreSQL database. Touches the schemas that it is asked to migrate."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_migrate
short_description: Migrate the schema of a PostgreSQL database
version_added: 0.1.0
description:
  - Applies SQL files in their order, each exactly once, however many run it at the same time and whatever kills it on
    the way. Running it again goes on where it stopped, and nothing has to be repaired by hand.
  - Files are read with PostgreSQL's own grammar. All that are due are read and linted before the first is applied.
  - A file is one transaction, which commits its changes together with its rows of the history. With
    C(-- slipway:transaction off) each statement is on its own, for C(CREATE INDEX CONCURRENTLY) and its like; a run
    after an interruption looks up what the last one has done, and drops and rebuilds an invalid index.
  - A statement waits for a lock only as long as O(lock_timeout_ms), because others wait behind it. The file is then
    tried again as a whole, after pauses that grow, until O(retry_deadline). RV(waits), and the error in the end, say
    who held the lock.
  - One runner at a time migrates a schema. The lock is an advisory one, and is given back by the server when the runner
    dies.
  - Refused are a file that has changed since it was applied, one that is missing, two of the same version, one out of
    order, a server that takes no writes, and a pooler in transaction mode.
author:
  - The slipway.release developers (@slipway)
options:
  action:
    description:
      - V(migrate) applies what is pending.
      - V(undo) undoes what is newer than O(target), the newest first. Nothing is undone if one has no way back.
      - V(baseline) takes O(target) and what is older for applied, in a schema that was made without this module, or
        where all of that is applied and its files are to be removed or put together.
      - V(repair) forgets failures of files that are one transaction, and files that have begun, have not ended, and do
        not exist any more; with O(checksums) it takes over the changed content of files. It is never needed to go on
        after an interruption.
      - V(import) takes over the history of another runner.
    type: str
    choices: [migrate, undo, baseline, repair, import]
    default: migrate
  phases:
    description:
      - The phases that are due. Migrations of the others are held back.
      - V(contract) takes away what an older release may still need, and is due only when it is named here.
      - A migration is refused while one of a lower version and an earlier phase is held back.
    type: list
    elements: str
    choices: [expand, migrate, contract]
    default: [expand, migrate]
  create_schemas:
    description: Create those of O(schemas) that do not exist.
    type: bool
    default: false
  lint:
    description:
      - What a finding of a rule is, by the name of the rule, one of V(error), V(warning) and V(off).
      - An error refuses the run before a lock is taken. A rule that is not named has a level of its own.
    type: dict
    default: {}
  scratch_dsn:
    description:
      - Connection string of a database that can be spared, with the schema that the real one has before the run; of
        the same server or of another one. What is due is executed there first, also in check mode, and what it locks
        and writes anew is returned. What fails there is refused before anything is touched.
      - What was tried stays in it, so that it has to be made anew before the next run.
    type: str
    default: ""
  lock_deadline:
    description: Seconds to wait for another runner to end.
    type: int
    default: 600
  lock_timeout_ms:
    description:
      - Milliseconds that a statement waits for a lock. It is never dropped; a file may state another one.
      - Statements that nobody waits behind, such as C(CREATE INDEX CONCURRENTLY) and C(VACUUM), wait until
        O(retry_deadline); C(VACUUM FULL), C(CLUSTER) and C(REINDEX) without C(CONCURRENTLY) do not.
    type: int
    default: 500
  statement_timeout_ms:
    description:
      - Milliseconds that a statement may take; V(0) is no limit. A file may state another one.
      - It is not for statements that nobody waits behind, such as C(CREATE INDEX CONCURRENTLY), unless their file
        states one.
    type: int
    default: 900000
  retry_deadline:
    description:
      - Seconds from its first attempt in which a file, or a statement on its own, that gets no lock is tried again.
    type: int
    default: 600
  import_from:
    description: For O(action=import), the runner whose history is taken over.
    type: str
    choices: [flyway, golang-migrate]
  import_table:
    description: For O(action=import), its table in each schema; its usual name when empty.
    type: str
    default: ""
  checksums:
    description: For O(action=repair), take over the checksums of files that have changed.
    type: bool
    default: false
  contract_after:
    description:
      - Seconds that must have passed, by the server's clock, since the migrations of a lower version and of another
        phase were applied, before one of the phase V(contract) is. What is younger refuses the run, and so does what is
        not applied yet.
      - What a baseline stands for is old enough. What was imported counts from its import.
    type: int
    default: 0
  contract_checks:
    description:
      - Queries that must return no row before anything of the phase V(contract) is applied; they are asked in each of
        O(schemas), in a transaction that can only read, before the lock is taken and again under it.
      - A query whose rows a policy of row level security would hide from who asks refuses the run.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the check, unique in the list.
        type: str
        required: true
      query:
        description: One query, which finds what is not consistent.
        type: str
        required: true
      before:
        description: Version of the migration that it is for, which may take away what the query names. It is left out
          once that is applied. All of the phase when empty. One that no file of the phase V(contract) has, and that is
          not applied either, refuses a run of that phase.
        type: str
        default: ""
  backup_record:
    description:
      - JSON file on the host that runs the task with C(finished), when the last backup has ended as an ISO time with
        its zone, and C(verified), whether it could be restored. Without a verified backup nothing is migrated or
        undone.
      - Backups and migrations exclude each other anyway, by an advisory lock of the database.
    type: path
  backup_max_age:
    description: Seconds that the backup of O(backup_record) may be old, by the clock of that host.
    type: int
    default: 86400
  change:
    description: What the change gate has said, of each region, for the audit log; nothing where there is no policy.
    type: list
    elements: dict
    default: []
  planned:
    description:
      - For O(action=migrate), the files that may be applied, as C(migrations.files) of the plan of a deployment has
        them. RV(plan) in check mode has the same of each, beside what else it says.
      - While anything else is due, or one of them has changed since, the run is refused before anything is applied. Not
        all of them need to be due, since an earlier run may have applied a part.
      - Left out, or of a plan whose files have no checksums, whatever is due is applied.
    type: list
    elements: dict
    suboptions:
      schema:
        description: The schema.
        type: str
        required: true
      version:
        description: The version; empty for a repeatable migration.
        type: str
        default: ""
      name:
        description: Name of the migration.
        type: str
        default: ""
      phase:
        description: Its phase, which is part of what the checksum covers.
        type: str
        default: ""
      checksum:
        description: SHA-256 of its file, as RV(plan[].checksum).
        type: str
        default: ""
  deployment:
    description: What the history records as the reason.
    type: str
    default: ""
  token:
    description:
      - Fencing token of the deployment. The run is refused when one with a higher token has migrated the schema.
    type: int
extends_documentation_fragment:
  - slipway.release.pg_connection
  - slipway.release.pg_migrate
  - slipway.release.audit
attributes:
  check_mode:
    support: full
    description: Files, history and server are read; the plan and the findings of the lint are returned, and with
      C(--diff) the SQL, with its placeholders as they are written.
  diff_mode:
    support: full
    description: The structure of the schemas before and after, as the catalog tells it.
  idempotent:
    support: full
    description: What is applied is not applied again.
"""

EXAMPLES = r"""
- name: The new form is there before the new release
  slipway.release.pg_migrate:
    path: /opt/shop/current/migrations
    dsn: "host=db1.example dbname=shop user=shop_migrations password={{ shop_migrations_password }}"
    role: shop_owner
    deployment: "{{ deployment.id }}"

- name: The old form goes when nothing reads it any more
  slipway.release.pg_migrate:
    path: /opt/shop/current/migrations
    dsn: service=shop
    phases: [contract]
    contract_after: 1209600
    contract_checks:
      - name: every order has its new total
        query: SELECT id FROM orders WHERE total_cents IS NULL
        before: "12"

- name: Each tenant has a schema of its own
  slipway.release.pg_migrate:
    path: /opt/shop/current/migrations
    dsn: service=shop
    schemas: [tenant_a, tenant_b]
    create_schemas: true
    placeholders:
      currency: EUR
    lint:
      drop-column: error
      type-int-key: "off"

- name: Back to version 1.4
  slipway.release.pg_migrate:
    path: /opt/shop/current/migrations
    dsn: service=shop
    action: undo
    target: "1.4"

- name: Flyway's history is taken over
  slipway.release.pg_migrate:
    path: /opt/shop/current/migrations
    dsn: service=shop
    action: import
    import_from: flyway
"""

RETURN = r"""
plan:
  description: What was to be done, in order.
  returned: always, unless it is refused
  type: list
  elements: dict
  contains:
    schema:
      description: The schema.
      type: str
      sample: public
    action:
      description: What was to be done.
      type: str
      sample: migrate
    version:
      description: The version; empty for a repeatable migration.
      type: str
      sample: 1.2.3
    name:
      description: Name of the migration.
      type: str
      sample: add_orders
    file:
      description: Path of its file.
      type: str
      sample: /opt/shop/current/migrations/V1.2.3__add_orders.sql
    phase:
      description: V(expand), V(migrate) or V(contract).
      type: str
      sample: expand
    checksum:
      description: SHA-256 of the text of the file, without a byte order mark and with LF at the ends of its lines.
      type: str
      sample: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
    transaction:
      description: Whether the file is one transaction.
      type: bool
      sample: true
findings:
  description: What the lint has found in files that are due.
  returned: always, unless it is refused
  type: list
  elements: dict
  contains:
    rule:
      description: Name of the rule.
      type: str
      sample: index-create
    severity:
      description: V(error) or V(warning).
      type: str
      sample: warning
    schema:
      description: The schema for which the file was looked at.
      type: str
      sample: public
    file:
      description: Path of the file.
      type: str
      sample: /opt/shop/current/migrations/V1.2.3__add_orders.sql
    line:
      description: Line in the file, from 1.
      type: int
      sample: 3
    column:
      description: Column in the line, from 1.
      type: int
      sample: 1
    message:
      description: What is unsafe, and why.
      type: str
    remedy:
      description: The safe way.
      type: str
trial:
  description: What each file did in the database of O(scratch_dsn) to tables and indexes that were there before.
  returned: always, unless it is refused; empty without O(scratch_dsn)
  type: list
  elements: dict
  contains:
    schema:
      description: The schema.
      type: str
      sample: public
    file:
      description: Path of the file.
      type: str
      sample: /opt/shop/current/migrations/V1.2.3__add_orders.sql
    locks:
      description: The locks that it held.
      type: list
      elements: dict
      contains:
        relation:
          description: The table or index.
          type: str
          sample: orders
        mode:
          description: Its mode, as C(pg_locks) names it.
          type: str
          sample: AccessExclusiveLock
        line:
          description: Line of the statement that took it first.
          type: int
          sample: 3
        seconds:
          description: Seconds from before that statement to the end of its transaction.
          type: float
          sample: 0.012
        sampled:
          description: Seen by looking again and again, so that a shorter one may be missing.
          type: bool
          sample: false
    rewritten:
      description: Tables that were written anew.
      type: list
      elements: str
      sample: []
    duration_ms:
      description: Milliseconds that the file took.
      type: int
      sample: 41
done:
  description: What was done, as RV(plan) and with figures.
  returned: always, unless it is refused; empty in check mode
  type: list
  elements: dict
  contains:
    statements:
      description: Statements of the file.
      type: int
      sample: 2
    duration_ms:
      description: Milliseconds that it took.
      type: int
      sample: 41
    attempts:
      description: Attempts that were needed to get a lock.
      type: int
      sample: 1
    resumed:
      description: An earlier run had done a part of the file.
      type: bool
      sample: false
waits:
  description: The attempts that got no lock, also when the run failed in the end.
  returned: always, unless it is refused; empty in check mode
  type: list
  elements: dict
  contains:
    schema:
      description: The schema.
      type: str
      sample: public
    file:
      description: Path of the file.
      type: str
      sample: /opt/shop/current/migrations/V1.2.3__add_orders.sql
    line:
      description: Line of the statement that waited; V(0) where it was a row of the history.
      type: int
      sample: 3
    attempt:
      description: Number of the attempt, from 1.
      type: int
      sample: 1
    blockers:
      description:
        - At most three of those who held the lock, or waited for it in front, and how many more there were.
        - Each has its process, application, user, state, the age of its transaction, and the beginning of its query
          with C(?) for its values.
        - Empty when nobody was seen.
      type: list
      elements: str
      sample: ["pid 47 (shop, user app, idle in transaction, transaction 32.1 s old, last query SELECT a FROM b)"]
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, UNCHANGED, auditor_of
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate.linting import Lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.options import MIGRATING, from_params
from ansible_collections.slipway.release.plugins.module_utils._migrate.run import Run
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule


def run(module: AnsibleModule) -> dict[str, Any]:
    """Plan, do it unless in check mode, and put the result together."""
    options = from_params(module.params)
    module.no_log_values.update(options.secrets())
    compares = bool(module._diff) and not module.check_mode
    work = Run(options, Lint(options.lint), compares=compares)
    try:
        audit = auditor_of(module)
        change = module.params["change"]
        details = {"change": change} if change else {}
        with audit.operation("database", module.params["action"], target="migrations", details=details) as act:
            try:
                outcome = work.plan() if module.check_mode else work.do()
            finally:
                done = [str(step["file"]).rpartition("/")[2] for step in work.outcome.done]
                act.details, act.result = {"files": done}, "changed" if done else UNCHANGED
    except SlipwayError as exc:
        module.fail_json(changed=bool(work.outcome.done), **exc.as_result(), **work.outcome.as_result())
    result = {
        "changed": bool(outcome.plan if module.check_mode else outcome.done),
        **outcome.as_result(),
        **audit.as_result(),
    }
    for finding in outcome.findings:
        where = f"{finding['file']}:{finding['line']}:{finding['column']}"
        module.warn(f"{where}: {finding['rule']} in {finding['schema']}: {finding['message']}")
    if module._diff:
        result["diff"] = {"before": outcome.before, "after": outcome.after} if compares else {"prepared": work.sql()}
    return result


def main() -> None:
    """Entry point."""
    spec = {**MIGRATING, "change": {"type": "list", "elements": "dict", "default": []}, "audit": AUDIT}
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    try:
        result = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
