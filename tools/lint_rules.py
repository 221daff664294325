# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about the lint of migrations, from the table of its rules. Touches nothing."""

from __future__ import annotations

from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.model import SMALL, Rule
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.table import RULES

INTRODUCTION = f"""
# Lint of migrations

Every migration is read with PostgreSQL's own grammar before anything of it runs. What would stop the traffic, or
could not be taken back, is reported with its line and column, with what it does to whom, and with the safe rewrite as
SQL: the names of the statement are filled in, and each file begins with the directives that it needs.

- A rule is an `error` (the migration is refused), a `warning`, or `off`; the option `lint` sets that by rule.
- A file may break a rule that it names with a reason: `-- slipway:allow RULE: why it is safe here`. A waiver that
  matches nothing is reported.
- Tables, indexes, types and schemas that the same change makes are exempt, also temporary ones, new partitions, those
  that a query makes, and under another name when they were renamed in between. Rules that are about what is regretted
  later (types, names, wide indexes) are not about locks and hold for new tables too.
- `drop-column`, `drop-table`, `drop-object`, `drop-cascade`, `drop-database`, `drop-not-null`, `drop-default`,
  `rights-lost`, `row-security`, `triggers-off` and `truncate` are findings in the phases expand and migrate, and none
  in the phase contract. What is dropped and made anew by one transaction is no finding of `drop-object`; of a function
  that is so when its arguments stay.
- With a live database at hand the facts decide: a column's old type says whether a new one keeps the rows as they are,
  and its collation, CHECKs and indexes whether nothing is read or built anew; a valid CHECK makes SET NOT NULL safe,
  an index on the referencing columns satisfies `fk-unindexed`, a table that is nowhere in the search path is new.
  Where a table has no more than {SMALL // 1024} KiB, an error marked "by size" is a warning, unless the operator has
  set its severity.
- Without one, what cannot be known is taken for the worse: a type change to anything but `text` is a finding. Four
  things are not: a type that the change does not make is no domain with constraints, no CHECK and no partial index is
  about a column, no partitioned table has a default partition, and a function that the change does not make runs
  nothing.
- Bodies of functions and procedures are text to PostgreSQL and to the lint: what they hold is not judged. `DO`,
  `EXECUTE` and `CALL` run such text at once, and `ALTER EXTENSION ... UPDATE` runs the extension's: they are `opaque`.
  So is a `SELECT` that calls a function which the change makes, or one that is volatile and not PostgreSQL's own.
  Functions that `INSERT`, `UPDATE`, `DELETE`, defaults and triggers call are not judged.
- `rights-lost` is a warning because nobody can tell here who the release connects as. `ALTER DEFAULT PRIVILEGES` is no
  finding, since it is about what is made later. What `ALTER ROLE` takes away (`NOLOGIN`, a password) is not judged.
- Whether a valid CHECK keeps rows out of a partition is PostgreSQL's to prove; the lint takes one for it that compares
  all columns of the partition key.

| rule | default | by size | why | safe way |
|---|---|---|---|---|
"""


def lint_page() -> str:
    """The page in Markdown, without the notice of generated pages."""
    return INTRODUCTION + "".join(_row(rule) for rule in RULES)


def _row(rule: Rule) -> str:
    by_size = "yes" if rule.by_size else ""
    return f"| `{rule.name}` | {rule.severity} | {by_size} | {_cell(rule.why)} | {_cell(rule.safe)} |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
