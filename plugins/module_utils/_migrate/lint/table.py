# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of all rules: default severity, why, and the safe way. Touches nothing."""

from __future__ import annotations

from .model import ERROR, WARNING, Rule

RULES: tuple[Rule, ...] = (
    Rule(
        "index-create",
        ERROR,
        "takes SHARE on the table, so every INSERT, UPDATE and DELETE waits until the index is built",
        "CREATE INDEX CONCURRENTLY, outside of a transaction; on a partitioned table ON ONLY the parent, CONCURRENTLY "
        "on each partition, then ATTACH PARTITION",
        by_size=True,
    ),
    Rule(
        "index-drop",
        ERROR,
        "takes ACCESS EXCLUSIVE on the table, so every query of it waits, and waits behind every query that runs",
        "DROP INDEX CONCURRENTLY, outside of a transaction",
        by_size=True,
    ),
    Rule(
        "reindex",
        ERROR,
        "stops every write to the table, and every query that would use the index, until it is built again",
        "REINDEX ... CONCURRENTLY, outside of a transaction",
        by_size=True,
    ),
    Rule(
        "concurrently-in-txn",
        ERROR,
        "PostgreSQL refuses it inside a transaction, so the migration fails",
        "a file of its own with '-- slipway:transaction off'",
    ),
    Rule(
        "partition-detach",
        ERROR,
        "takes ACCESS EXCLUSIVE on the partitioned table, so every query of any partition waits",
        "DETACH PARTITION ... CONCURRENTLY, outside of a transaction",
    ),
    Rule(
        "partition-attach",
        ERROR,
        "reads the whole table, and builds the indexes that it lacks, under ACCESS EXCLUSIVE, so every query of it "
        "waits; so does the default partition where there is one",
        "first a CHECK of the bounds, NOT VALID and validated in a later transaction, and each index of the "
        "partitioned table, CONCURRENTLY; then ATTACH PARTITION; then drop the CHECK",
        by_size=True,
    ),
    Rule(
        "partition-default",
        ERROR,
        "reads the whole default partition under ACCESS EXCLUSIVE, to see that no row of it belongs to the new one, so "
        "every query of the partitioned table waits",
        "a CHECK that keeps the new bounds out of the default partition, NOT VALID and validated in a later "
        "transaction; then the partition; then drop the CHECK",
        by_size=True,
    ),
    Rule(
        "constraint-valid",
        ERROR,
        "reads the whole table under ACCESS EXCLUSIVE, so every query of it waits until all rows are checked",
        "ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in a later transaction",
        by_size=True,
    ),
    Rule(
        "fk",
        ERROR,
        "checks every row under SHARE ROW EXCLUSIVE on both tables, so all writes to both wait until it is done",
        "ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in a later transaction",
        by_size=True,
    ),
    Rule(
        "validate-same-txn",
        ERROR,
        "the lock of ADD CONSTRAINT is kept while all rows are read, so NOT VALID has gained nothing",
        "VALIDATE CONSTRAINT in a file of its own",
        by_size=True,
    ),
    Rule(
        "fk-unindexed",
        WARNING,
        "every DELETE and key UPDATE of the referenced table reads the whole referencing table, with the row locked",
        "build an index on the referencing columns first, CONCURRENTLY",
    ),
    Rule(
        "unique",
        ERROR,
        "builds its index under ACCESS EXCLUSIVE, so every query of the table waits until it is built",
        "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX",
        by_size=True,
    ),
    Rule(
        "pk",
        ERROR,
        "builds its index, and looks for NULLs, under ACCESS EXCLUSIVE, so every query of the table waits",
        "make the columns NOT NULL by way of a CHECK, CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... "
        "PRIMARY KEY USING INDEX",
        by_size=True,
    ),
    Rule(
        "exclusion",
        ERROR,
        "builds its index under ACCESS EXCLUSIVE, so every query of the table waits, and there is no way round that",
        "a new table that has the constraint from the beginning, filled in batches",
        by_size=True,
    ),
    Rule(
        "set-not-null",
        ERROR,
        "reads the whole table under ACCESS EXCLUSIVE, so every query of it waits until no NULL was found",
        "ADD CHECK (... IS NOT NULL) NOT VALID, VALIDATE CONSTRAINT later, then SET NOT NULL, which reads no rows "
        "any more, then drop the CHECK",
        by_size=True,
    ),
    Rule(
        "required-column",
        ERROR,
        "it fails where the table has rows, and every INSERT of a release that does not know the column fails",
        "add it nullable, or with a constant DEFAULT, which PostgreSQL keeps in the catalog without a rewrite",
    ),
    Rule(
        "volatile-default",
        ERROR,
        "the value differs by row, so the table is written anew under ACCESS EXCLUSIVE and every query of it waits",
        "add the column without it, SET DEFAULT in the same ALTER TABLE, and fill old rows in batches",
        by_size=True,
    ),
    Rule(
        "stored-generated",
        ERROR,
        "writes the whole table anew under ACCESS EXCLUSIVE, so every query of it waits",
        "a plain column that a trigger fills, and batches for old rows",
        by_size=True,
    ),
    Rule(
        "serial-add",
        ERROR,
        "numbers every row, so the table is written anew under ACCESS EXCLUSIVE and every query of it waits",
        "a plain column with a sequence as its DEFAULT, and batches for old rows",
        by_size=True,
    ),
    Rule(
        "type-change",
        ERROR,
        "writes or reads the whole table, and builds its indexes anew, under ACCESS EXCLUSIVE, so every query waits",
        "a new column, written by both releases, filled in batches, and swapped; widening varchar or numeric and "
        "varchar to text are fine",
        by_size=True,
    ),
    Rule(
        "rename",
        ERROR,
        "the release that runs still uses the old name, and fails from this moment on",
        "a new column or table beside the old one (expand, then contract), or a view with the old name, made in the "
        "same transaction",
    ),
    Rule(
        "drop-column",
        ERROR,
        "the release that runs still names the column, and fails from this moment on; the data is gone",
        "the phase contract, when no release that runs, or may be returned to, uses it",
    ),
    Rule(
        "drop-table",
        ERROR,
        "the release that runs still uses the table, and fails from this moment on; the data is gone",
        "the phase contract, when no release that runs, or may be returned to, uses it",
    ),
    Rule(
        "drop-object",
        ERROR,
        "the release that runs may still use it, and fails, or does something else, from this moment on",
        "the phase contract, when no release that runs, or may be returned to, uses it; or make it anew in the same "
        "transaction",
    ),
    Rule(
        "drop-cascade",
        ERROR,
        "takes with it whatever depends on it (columns of tables and their data, defaults, triggers, constraints, "
        "views), and none of that is named",
        "the phase contract, without CASCADE, behind a DROP of each thing that depends on it",
    ),
    Rule(
        "drop-default",
        WARNING,
        "an INSERT of the release that runs, which leaves the column out, writes NULL or fails from this moment on",
        "the phase contract, when every release that runs gives the column a value",
    ),
    Rule(
        "triggers-off",
        ERROR,
        "what they keep true (foreign keys too, with ALL) is not kept for rows that are written from this moment on, "
        "and nothing checks those rows later",
        "the phase contract; a trigger that backs off by itself where that is asked for",
    ),
    Rule(
        "replica-identity",
        WARNING,
        "with NOTHING each UPDATE and DELETE fails as soon as the table is published with them; with FULL each writes "
        "the whole old row to the WAL, by which a subscriber without a fitting index looks through its whole table",
        "DEFAULT, which is the primary key, or USING INDEX with a unique index of NOT NULL columns",
    ),
    Rule(
        "rights-lost",
        WARNING,
        "the release that runs may need what is taken away, as one that connects as the old owner does, and fails from "
        "this moment on",
        "the phase contract, when no release that runs, or may be returned to, needs the right",
    ),
    Rule(
        "row-security",
        WARNING,
        "the release that runs sees, and may write, only the rows that a policy gives it; without one none at all",
        "the policies first, and the phase contract, when no release that runs needs more than they give",
    ),
    Rule(
        "drop-database",
        ERROR,
        "everything in it is gone, and so is every client",
        "the phase contract, when nobody connects to it any more",
    ),
    Rule(
        "drop-not-null",
        WARNING,
        "the release that runs may fail at the first NULL that it reads",
        "the phase contract, when every reader tolerates NULL",
    ),
    Rule(
        "truncate",
        ERROR,
        "takes ACCESS EXCLUSIVE on the table, and the rows, which the release that runs may use, are gone",
        "the phase contract, when no release that runs, or may be returned to, uses the rows",
    ),
    Rule(
        "every-row",
        ERROR,
        "every row stays locked until the end of the transaction, and the old ones bloat the table; what is deleted "
        "is gone",
        "pg_backfill, or statements that each name some rows",
        by_size=True,
    ),
    Rule(
        "truncate-cascade",
        ERROR,
        "empties, under ACCESS EXCLUSIVE, every table that refers to this one, and those that refer to them",
        "list the tables that are to be emptied",
    ),
    Rule(
        "domain-constraint",
        WARNING,
        "a change to it reads every table that uses the domain with its writes stopped, and NOT VALID helps little",
        "a CHECK constraint of the table",
    ),
    Rule(
        "enum-order",
        WARNING,
        "the value comes last, and neither its place nor the value can be changed or removed afterwards",
        "ADD VALUE ... BEFORE or AFTER another one",
    ),
    Rule(
        "missing-timeouts",
        WARNING,
        "while it waits for its lock every query of the table waits behind it, for as long as that takes",
        "let the runner set lock_timeout and statement_timeout, or SET LOCAL both first",
    ),
    Rule(
        "locks-held",
        WARNING,
        "the ACCESS EXCLUSIVE lock is kept until the end of the transaction, so every query of that table waits for "
        "this statement too",
        "files of their own, so that each lock is as short as its statement",
    ),
    Rule(
        "multi-alter",
        WARNING,
        "each of them takes its lock, and may read the table, anew",
        "one ALTER TABLE with all actions",
    ),
    Rule(
        "txn-nesting",
        ERROR,
        "the runner begins and ends transactions; this would end its own, and what follows would be kept in part",
        "remove it; '-- slipway:transaction off' is for files that need no transaction",
    ),
    Rule(
        "robust",
        WARNING,
        "a file without a transaction that stops half-way is run again from this statement, which would then fail",
        "IF [NOT] EXISTS with an explicit name; the runner checks that an index is valid and builds a broken one anew",
    ),
    Rule(
        "full-rewrite",
        ERROR,
        "writes everything anew under ACCESS EXCLUSIVE, so every query waits",
        "pg_repack for a table, REFRESH MATERIALIZED VIEW CONCURRENTLY for a view, the base type for a "
        "column of a domain, and what the domain checks as a NOT VALID constraint of the table",
        by_size=True,
    ),
    Rule("type-json", WARNING, "has no equality, no indexes worth having, and is parsed anew by every query", "jsonb"),
    Rule(
        "type-char",
        WARNING,
        "pads with blanks that comparisons then ignore, and saves nothing",
        "text, with a CHECK where the length matters",
    ),
    Rule(
        "type-timestamp",
        WARNING,
        "is no point in time: what it means depends on whoever reads it",
        "timestamptz",
    ),
    Rule(
        "type-int-key",
        WARNING,
        "a key of this type runs out at 2,147,483,647 or earlier, and then every INSERT fails",
        "bigint",
    ),
    Rule(
        "type-serial",
        WARNING,
        "its sequence is an object of its own, with rights of its own, and anybody may write other numbers",
        "GENERATED ... AS IDENTITY",
    ),
    Rule(
        "wide-index",
        WARNING,
        "more than three columns make it big and slow to write, and the later ones are seldom of use",
        "fewer columns, INCLUDE for those that are only read, or several indexes",
    ),
    Rule("names", ERROR, "PostgreSQL cuts names off at 63 bytes, so it gets another name than this", "a shorter name"),
    Rule(
        "duplicate-column",
        ERROR,
        "PostgreSQL refuses it or, in an index, keeps the same column twice",
        "name each column once",
    ),
    Rule(
        "opaque",
        ERROR,
        "what it runs cannot be seen before it runs, so nothing of it has been checked",
        "plain statements, or '-- slipway:allow opaque: REASON'",
    ),
    Rule(
        "backfill-with-ddl",
        ERROR,
        "locks of schema changes are kept for as long as the rows take, and the rows stay locked, and bloat the table",
        "the schema change first; the rows as a batched job of the phase migrate",
        by_size=True,
    ),
    Rule(
        "waiver-unused",
        WARNING,
        "it would hide a later mistake",
        "remove it",
    ),
    Rule(
        "waiver-reason",
        ERROR,
        "nobody can judge it, so it does not count",
        "'-- slipway:allow RULE: why it is safe here'",
    ),
)
BY_NAME = {rule.name: rule for rule in RULES}
