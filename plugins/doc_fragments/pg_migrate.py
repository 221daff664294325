# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the modules for files of migrations share. Touches nothing."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by Ansible's documentation."""

    DOCUMENTATION = r"""
requirements:
  - pglast 7 or newer on the host that runs the task
options:
  path:
    description:
      - Directory of the migrations, on the host that runs the task. Subdirectories are not looked into.
      - C(001_name.sql) and C(V1.2.3__name.sql) are versioned and applied once, in the order of their versions.
        C(R__name.sql) is repeatable and applied after them, whenever its content has changed; it cannot be of the
        phase C(contract).
      - The way back stands in the file behind a line C(-- slipway:undo), as SQL or as comments that hold SQL, or in
        C(001_name.undo.sql), C(001_name.down.sql) beside C(001_name.up.sql), or C(U1.2.3__name.sql).
      - Comments at the top of a file are directives, namely C(-- slipway:phase expand) (or C(migrate), C(contract)),
        C(-- slipway:transaction off), C(-- slipway:lock_timeout 2s), C(-- slipway:statement_timeout 10min),
        C(-- slipway:placeholders off), and C(-- slipway:allow RULE - reason), with a colon for the hyphen, to waive a
        rule of the lint. Others are refused.
      - Line ends (LF, CRLF) and a byte order mark make no difference.
    type: path
    required: true
  schemas:
    description:
      - Schemas to which the same migrations are applied, one after the other, each with a history of its own.
      - The schema is the first of the search path, followed by C(public), and the placeholder C(${schema}).
    type: list
    elements: str
    default: [public]
  table:
    description: Name of the table of the history, in each schema.
    type: str
    default: slipway_migrations
  placeholders:
    description:
      - What C(${name}) stands for in migrations. A value is one line of text.
      - One that has no value is refused with its file and line before anything is touched.
    type: dict
    default: {}
  secret_placeholders:
    description:
      - Further placeholders, whose values are never part of any output, nor of the history.
      - The server sees them, and writes them to its own log when that holds statements.
    type: dict
    default: {}
  gaps:
    description: Whether numbers of one part, such as C(003), may be left out.
    type: bool
    default: true
  target:
    description: The last version that is due; all when empty.
    type: str
    default: ""
  out_of_order:
    description: What to do with a pending migration of a lower version than one of the same phase that is applied.
    type: str
    choices: [refuse, apply, ignore]
    default: refuse
"""
