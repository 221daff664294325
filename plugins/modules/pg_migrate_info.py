#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report where the schema of a PostgreSQL database stands. Touches nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pg_migrate_info
short_description: Report where the schema of a PostgreSQL database stands
version_added: 0.1.0
description:
  - Compares the files of M(slipway.release.pg_migrate) with the history in the database, and says what is applied,
    pending, failed (or begun and not ended), drifted (changed since it was applied), missing (applied, without a file)
    and of the future (applied, newer than all files, as after a rollback of the application).
  - Estimates how long the pending ones may take. That is what the same migration took in another of O(schemas) or
    before it was undone, and otherwise the median of all that were applied.
  - A standby and a pooler will do, since nothing but the history is read.
author:
  - The slipway.release developers (@slipway)
options:
  phases:
    description: All phases are reported; this option is here so that both modules take the same ones.
    type: list
    elements: str
    choices: [expand, migrate, contract]
    default: [expand, migrate, contract]
  expected_most:
    description: Seconds that the pending migrations of a schema may take; a warning says when it may be more.
    type: int
    default: 300
  database:
    description: The database's name in RV(metrics).
    type: str
    default: ""
extends_documentation_fragment:
  - slipway.release.pg_connection
  - slipway.release.pg_migrate
attributes:
  check_mode:
    support: full
    description: Nothing is changed.
  diff_mode:
    support: none
    description: Nothing is changed.
  idempotent:
    support: full
    description: Nothing is changed.
"""

EXAMPLES = r"""
- name: See what is pending
  slipway.release.pg_migrate_info:
    path: /opt/shop/current/migrations
    dsn: service=shop
  register: migrations

- name: Show it as a table
  ansible.builtin.debug:
    msg: "{{ migrations.table.splitlines() }}"

- name: Let the node exporter collect it
  ansible.builtin.copy:
    content: "{{ migrations.metrics }}"
    dest: /var/lib/prometheus/node-exporter/slipway_migrations.prom
    mode: "0644"
"""

RETURN = r"""
schemas:
  description: The report of each schema, in the order of O(schemas).
  returned: always
  type: list
  elements: dict
  contains:
    schema:
      description: The schema.
      type: str
      sample: public
    version:
      description: The highest version that is applied; empty without any.
      type: str
      sample: 1.4.2
    contracted:
      description: The highest version of the phase contract that is applied, wholly or in part; empty without any.
      type: str
      sample: 1.2.1
    token:
      description: The highest fencing token that has migrated it; 0 without any.
      type: int
      sample: 12
    counts:
      description:
        - Number of migrations by state, that is C(applied), C(pending), C(failed), C(drifted), C(missing), or
          C(future).
      type: dict
      sample: {applied: 41, pending: 2, failed: 0, drifted: 0, missing: 0, future: 0}
    expected_ms:
      description: Milliseconds that the pending and failed ones may take; null when nothing was applied yet.
      type: int
      sample: 3100
    migrations:
      description:
        - All migrations, in their order, each with C(version) (empty for a repeatable one), C(name), C(file), C(phase),
          C(state), C(stays) (whether the schema holds something of it, as of one that has failed half-way),
          C(origin) (C(slipway), or what it was imported from), C(started), C(age) (seconds since it was
          applied, by the server's clock), C(duration_ms), C(expected_ms) and C(error).
      type: list
      elements: dict
table:
  description: The report as a table, in Markdown that is also readable as text.
  returned: always
  type: str
metrics:
  description: The report as metrics, in Prometheus' text format.
  returned: always
  type: str
"""

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._migrate.options import SHARED, from_params
from ansible_collections.slipway.release.plugins.module_utils._migrate.report import metrics, report, table
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS: dict[str, Any] = {
    **SHARED,
    "expected_most": {"type": "int", "default": 300},
    "database": {"type": "str", "default": ""},
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Read, and put the result together."""
    options = from_params(module.params)
    module.no_log_values.update(options.secrets())
    parts = report(options)
    for part in parts:
        if (part["expected_ms"] or 0) > module.params["expected_most"] * 1000:
            module.warn(f"{part['schema']}: what is pending may take {part['expected_ms'] / 1000:.0f} seconds")
    return {
        "changed": False,
        "schemas": parts,
        "table": table(parts),
        "metrics": metrics(parts, module.params["database"]),
    }


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
