#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change the rows of a big table in batches. Touches the table, and the record of its progress in the same database."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_backfill
short_description: Change the rows of a big PostgreSQL table in batches that never stop the traffic
version_added: 0.1.0
description:
  - Runs C(UPDATE) over a table, batch by batch in the order of a unique key. The place it has come to is kept in the
    transaction of each batch, so a run that was killed, with its module, its backend or the server, goes on exactly
    where it was when it is started again.
  - A batch is tuned to O(target_ms). It waits for a lock for at most O(lock_timeout_ms). Rows that others keep locked
    are left out of their batch and changed one by one later. Deadlocks and serialization failures are tried again.
  - Between batches it looks at the replicas, at the WAL that the archive or a replication slot has not got, and for an
    autovacuum that prevents wraparound on this table, and waits as long as one of them asks for it.
  - After the last row the table is gone through again until a whole pass finds nothing to be done. Rows that are
    inserted meanwhile are kept right by a trigger, see M(slipway.release.pg_dual_write).
  - A backfill that is finished looks for a row that is to be done, in batches where no index finds one at once. When
    there is one, it begins again from the first row.
  - One run at a time works on a table. A backfill whose definition has changed is refused.
  - A connection that is lost is made again. The run fails, to be continued by the next, when somebody has ended its
    backend while the server went on, or when three connections were lost without a batch between.
  - Each backfill has a row in the table O(record_table), with its state, its rows, its rate in rows
    per second, its estimate of the seconds left, and what it waits for.
requirements:
  - PostgreSQL 12 or newer, reached directly and not through a pooler
options:
  name:
    description: Name of the backfill, by which it is known for ever in this database.
    type: str
    required: true
  schema:
    description: Schema of the table.
    type: str
    default: public
  table:
    description: Name of the table, without quotes; case matters.
    type: str
    required: true
  set:
    description:
      - Column to SQL expression. The names of the columns are given without quotes.
      - Names in expressions are looked up in O(schema) and in C(public).
    type: dict
    required: true
  where:
    description:
      - SQL condition that is true of a row as long as it is to be done, and false or null once it is.
      - A batch that leaves it true is refused, and nothing of it is kept.
    type: str
    required: true
  key:
    description:
      - Columns of the unique key that orders the work, in the order of its index. All must be C(NOT NULL).
      - The primary key when this is empty.
    type: list
    elements: str
    default: []
  batch_size:
    description: Rows of the table that the first batch goes through; later ones are tuned to O(target_ms).
    type: int
    default: 10000
  batch_min:
    description: Rows below which a batch is not tuned. One that was given up may be smaller.
    type: int
    default: 100
  batch_max:
    description: Rows above which a batch is not tuned.
    type: int
    default: 100000
  target_ms:
    description: Milliseconds that a batch should take.
    type: int
    default: 250
  pause_ms:
    description: Milliseconds between batches.
    type: int
    default: 100
  lock_timeout_ms:
    description:
      - Milliseconds that a batch waits for a lock.
      - Keep it well below the server's C(deadlock_timeout), 1000 milliseconds unless set, so that in a deadlock this
        side gives way.
    type: int
    default: 100
  statement_timeout_ms:
    description: Milliseconds after which a batch is given up and made smaller. Nobody waits longer for a row of it.
    type: int
    default: 900
  max_replica_lag_ms:
    description: Milliseconds that a streaming replica may lag. V(0) is no limit.
    type: int
    default: 5000
  max_replica_lag_mb:
    description: MiB of WAL that a streaming replica may not have replayed yet. V(0) is no limit.
    type: int
    default: 256
  max_wal_backlog_mb:
    description: MiB of WAL that may not be archived yet, or that a replication slot may retain. V(0) is no limit.
    type: int
    default: 4096
  time_limit:
    description:
      - Seconds after which the run ends with RV(state) V(to_be_continued), which is no failure. V(0) is no limit.
    type: int
    default: 0
  retry_deadline:
    description: Seconds for which one obstacle, such as a table that is locked, is tried again.
    type: int
    default: 300
  throttle_deadline:
    description: Seconds for which replicas, WAL or a vacuum may hold one run up before it fails.
    type: int
    default: 3600
  lock_deadline:
    description: Seconds to wait for another run on the same table.
    type: int
    default: 10
  record_table:
    description: Table in O(schema) that keeps the progress. It is made when it is missing.
    type: str
    default: slipway_backfills
extends_documentation_fragment:
  - slipway.release.pg_connection
  - slipway.release.audit
notes:
  - The role must be the table's owner or have the rights to read and update it. It needs C(pg_monitor) where there are
    replicas or WAL is archived.
attributes:
  check_mode:
    description: Can run in check mode and say what would be done.
    support: full
    details: The server reads the whole definition; nothing is written.
  diff_mode:
    description: Returns details on what has changed.
    support: full
  idempotent:
    description: Running it again gives the same result.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.pg_dual_write
"""

EXAMPLES = r"""
- name: Fill a column of all orders
  slipway.release.pg_backfill:
    name: orders-total-cents
    table: orders
    set:
      total_cents: (total * 100)::bigint
    where: total_cents IS NULL AND total IS NOT NULL
    dsn: host=/var/run/postgresql dbname=shop
  become: true
  become_user: postgres

- name: Go on every night for an hour, by a key of two columns
  slipway.release.pg_backfill:
    name: events-tenant
    table: events
    key: [account, number]
    set: {tenant: "(SELECT a.tenant FROM accounts a WHERE a.id = events.account)"}
    where: tenant IS NULL
    time_limit: 3600
    dsn: "{{ shop_migration_dsn }}"
  register: backfill

- name: Say how far it is
  ansible.builtin.debug:
    msg: "{{ backfill.state }}, about {{ backfill.seconds_left }} s are left"
"""

RETURN = r"""
state:
  description: V(finished), V(to_be_continued), or V(would_run) in check mode.
  type: str
  returned: success
  sample: finished
pass:
  description: 1 is the work itself; from 2 on the table is gone through for what was missed.
  type: int
  returned: success
  sample: 2
rows_changed:
  description: Rows that this run has changed.
  type: int
  returned: success
  sample: 1000000
rows_changed_in_all:
  description: Rows that all runs have changed.
  type: int
  returned: success
  sample: 1000000
rows_scanned:
  description: Rows of the table that this pass has been through, in all runs.
  type: int
  returned: success
  sample: 1000000
rows_estimated:
  description: Rows of the table, as the server estimated them when the backfill began.
  type: int
  returned: success
  sample: 1000000
rate:
  description: Rows per second that this pass has gone through, pauses included.
  type: float
  returned: success
  sample: 61234.5
seconds_left:
  description: Estimate of the seconds that are left of this pass.
  type: int
  returned: success
  sample: 0
verified:
  description: It is finished, and this run has been through the whole table and found no row to be done.
  type: bool
  returned: success
  sample: true
batches:
  description: Batches of this run.
  type: int
  returned: success
  sample: 40
batch_size:
  description: Rows of the next batch.
  type: int
  returned: success
  sample: 26000
retries:
  description: Batches that were given up and done again, for locks, timeouts or a lost connection.
  type: int
  returned: success
  sample: 1
rows_left_out:
  description: Rows that others had locked when their batch was done.
  type: int
  returned: success
  sample: 3
rows_waiting:
  description: How many of these are still to be done.
  type: int
  returned: success
  sample: 0
longest_batch_ms:
  description: Milliseconds of the longest batch.
  type: int
  returned: success
  sample: 420
held_up_ms:
  description: Milliseconds of waiting by reason, C(locks), C(replica_lag), C(wal_backlog) and C(vacuum).
  type: dict
  returned: success
  sample: {replica_lag: 2000}
waiting:
  description: What it last waited for; empty when it did not.
  type: str
  returned: success
  sample: ''
elapsed_ms:
  description: Milliseconds that this run took.
  type: int
  returned: success
  sample: 16230
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

import time
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, UNCHANGED, auditor_of
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import (
    identifier,
    parse_definition,
    parse_limits,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.progress import FINISHED, TABLE
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.run import Backfill, Outcome, as_result
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.connection import CONNECTION, access_of
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS = {
    "name": {"type": "str", "required": True},
    "schema": {"type": "str", "default": "public"},
    "table": {"type": "str", "required": True},
    "set": {"type": "dict", "required": True},
    "where": {"type": "str", "required": True},
    "key": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "batch_size": {"type": "int", "default": 10000},
    "batch_min": {"type": "int", "default": 100},
    "batch_max": {"type": "int", "default": 100000},
    "target_ms": {"type": "int", "default": 250},
    "pause_ms": {"type": "int", "default": 100},
    "lock_timeout_ms": {"type": "int", "default": 100},
    "statement_timeout_ms": {"type": "int", "default": 900},
    "max_replica_lag_ms": {"type": "int", "default": 5000},
    "max_replica_lag_mb": {"type": "int", "default": 256},
    "max_wal_backlog_mb": {"type": "int", "default": 4096},
    "time_limit": {"type": "int", "default": 0},
    "retry_deadline": {"type": "int", "default": 300},
    "throttle_deadline": {"type": "int", "default": 3600},
    "lock_deadline": {"type": "int", "default": 10},
    "record_table": {"type": "str", "default": TABLE},
    "audit": AUDIT,
    **CONNECTION,
}
WOULD_RUN = "would_run"


def run(module: AnsibleModule) -> dict[str, Any]:
    """Do it, or look at what would be done."""
    began = time.monotonic()
    access = access_of(module.params)
    module.no_log_values.update(access.secrets())
    backfill = Backfill(
        connect=lambda settings: Session(
            access, f"backfill {module.params['name']}", settings, session_pooler=module.params["session_pooler"]
        ),
        definition=parse_definition(module.params),
        limits=parse_limits(module.params),
        record_table=identifier("record_table", module.params["record_table"]),
        lock_deadline=module.params["lock_deadline"],
    )
    audit = auditor_of(module)
    with audit.operation("database", "backfill", target=module.params["name"]) as act:
        outcome = backfill.preview() if module.check_mode else backfill.run()
        act.result = "changed" if outcome.changed else UNCHANGED
        act.details = {"table": module.params["table"], "rows": outcome.after.changed}
    result = as_result(outcome)
    if module.check_mode and outcome.after.state != FINISHED:
        result["state"] = WOULD_RUN
    changed = outcome.after.state != FINISHED if module.check_mode else outcome.changed
    elapsed = int((time.monotonic() - began) * 1000)
    return {"changed": changed, "diff": _diff(outcome, result), "elapsed_ms": elapsed, **result, **audit.as_result()}


def _diff(outcome: Outcome, result: dict[str, Any]) -> dict[str, Any]:
    """The backfill as it was and as it is, or would be."""
    header = f"backfill {outcome.after.name}"
    before = outcome.before
    was = {"state": before.state, "rows_changed": before.changed} if before else {"state": "absent"}
    would_run = result["state"] == WOULD_RUN
    state = FINISHED if would_run else result["state"]
    now = {"state": state, **({} if would_run else {"rows_changed": outcome.after.changed})}
    if before is None:
        now["definition"] = outcome.after.definition
    return {"before_header": header, "after_header": header, "before": was, "after": was if was == now else now}


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
