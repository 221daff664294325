# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about transactions: what may be in one, and how long its locks are kept. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...directives import MIGRATE
from ...transactions import controls_transaction, node
from ..locks import alters_table, blocking, exclusive
from ..names import Name, quoted, strings
from ..rewrites import step
from ..subject import Hit, Subject
from ..trees import column_of, function_name, walk
from .indexes import concurrent, index_name

TIMEOUTS = ("lock_timeout", "statement_timeout")
LONGEST_KEPT = 2000
SEPARATE = frozenset({"AT_ValidateConstraint", "AT_DropConstraint", "AT_AttachPartition", "AT_DetachPartition"})
HARMLESS = frozenset({"set_config", "setval", "nextval", "currval", "lastval", "pg_notify"})


def in_transaction(s: Subject) -> Iterator[Hit]:
    """What PostgreSQL refuses inside a transaction."""
    adds_value = s.kind == "AlterEnumStmt" and s.tree.oldVal is None and s.file.version < 12
    if not s.file.transactional or s.statement.transactional and not adds_value:
        return
    place = s.source.find("CONCURRENTLY") or 0
    sql = f"{concurrent(s)}" if s.kind == "IndexStmt" else _existing(s) or s.text
    words = " ".join(s.text.partition("(")[0].split()[:2]).upper()
    what = f"{words} {'CONCURRENTLY ' if place else ''}in a file that runs in a transaction"
    yield Hit("concurrently-in-txn", place, what, (step(s, sql, transactional=False),))


def nesting(s: Subject) -> Iterator[Hit]:
    """BEGIN, COMMIT and their like."""
    if controls_transaction(s.statement):
        word = s.text.split()[0].upper()
        yield Hit("txn-nesting", 0, f"{word} in a migration")


def robust(s: Subject) -> Iterator[Hit]:
    """What a second run of a file without a transaction would stumble on."""
    if s.file.transactional:
        return
    sql = _existing(s)
    if sql and sql != s.text:
        word = "IF EXISTS" if s.kind.startswith("Drop") else "IF [NOT] EXISTS"
        yield Hit("robust", 0, f"no {word} in a file without a transaction", (step(s, sql, transactional=False),))


def _existing(s: Subject) -> str:
    """The statement with IF [NOT] EXISTS, where it can have that."""
    tree = s.tree
    if s.kind == "IndexStmt":
        return s.text if tree.if_not_exists or not tree.concurrent else _named_index(s)
    if s.kind in ("CreateStmt", "CreateSeqStmt", "CreateSchemaStmt", "CreateExtensionStmt"):
        word = {"CreateSeqStmt": "SEQUENCE", "CreateSchemaStmt": "SCHEMA", "CreateExtensionStmt": "EXTENSION"}
        there = tree.if_not_exists or getattr(tree, "schemaElts", None)
        return s.text if there else _inserted(s, word.get(s.kind, "TABLE"), "IF NOT EXISTS")
    if s.kind in ("DropStmt", "DropdbStmt"):
        return s.text if tree.missing_ok else _drop(s)
    if s.kind == "AlterEnumStmt" and tree.oldVal is None:
        return s.text if tree.skipIfNewValExists else _inserted(s, "VALUE", "IF NOT EXISTS")
    return _existing_columns(s) if alters_table(s) else ""


def _named_index(s: Subject) -> str:
    start = s.source.behind("CONCURRENTLY")
    on = s.source.find("ON", start=start) or 0
    return f"{s.text[:start]} IF NOT EXISTS {quoted(index_name(s))} {s.text[on:]}"


def _inserted(s: Subject, word: str, more: str) -> str:
    place = s.source.behind(word)
    return f"{s.text[:place]} {more}{s.text[place:]}"


def _drop(s: Subject) -> str:
    if s.kind == "DropdbStmt":
        return _inserted(s, "DATABASE", "IF EXISTS")
    words = s.tree.removeType.name.replace("OBJECT_", "").replace("FOREIGN_TABLE", "TABLE").replace("MATVIEW", "VIEW")
    last = "CONCURRENTLY" if s.tree.concurrent else words.split("_")[-1]
    return _inserted(s, last, "IF EXISTS") if s.source.find(last) else ""


def _existing_columns(s: Subject) -> str:
    text = s.text
    for command in reversed(s.commands):
        word = {"AT_AddColumn": "IF NOT EXISTS", "AT_DropColumn": "IF EXISTS", "AT_DropConstraint": "IF EXISTS"}.get(
            command.kind
        )
        if word and not command.node.missing_ok:
            verb = re.match(r"\w+(\s+(COLUMN|CONSTRAINT)\b)?", command.text, re.IGNORECASE)
            place = command.start + (verb.end() if verb else 0)
            text = f"{text[:place]} {word}{text[place:]}"
    return text


def timeouts(s: Subject) -> Iterator[Hit]:
    """A lock that others wait behind, waited for without a limit."""
    if s.kind == "VariableSetStmt":
        _set(s)
        return
    missing = [name for name in TIMEOUTS if not s.seen.file.timeouts.get(name, s.file.timeouts)]
    names = blocking(s) if missing and not s.seen.file.timeouts_reported else []
    if names:
        s.seen.file.timeouts_reported = True
        sets = [f"SET LOCAL {name} = '{'1s' if name == 'lock_timeout' else '1min'}'" for name in TIMEOUTS]
        what = f"{names[0].sql()} is locked without {' and '.join(missing)}"
        yield Hit("missing-timeouts", 0, what, (step(s, *sets, s.text, transactional=s.file.transactional),))


def _set(s: Subject) -> None:
    names = TIMEOUTS if s.tree.kind.name == "VAR_RESET_ALL" else (s.tree.name,)
    for name in names:
        if name in TIMEOUTS:
            value = s.tree.args[0].val if s.tree.args else None
            plain = str(getattr(value, "sval", getattr(value, "ival", "0")))
            s.seen.file.timeouts[name] = not re.fullmatch(r"0\s*[a-z]*", plain)


def locks_held(s: Subject) -> Iterator[Hit]:
    """Work, or another lock, after an ACCESS EXCLUSIVE lock of the same transaction."""
    holder = s.seen.file.holder
    if not s.file.transactional or holder is None:
        return
    table, line = holder
    other = [name for name in blocking(s) if name.key != table.key]
    work = _work(s, table)
    if other or work:
        what = f"ACCESS EXCLUSIVE on {table.sql()} is held since line {line}, while this "
        what += f"waits for {other[0].sql()}" if other else work
        yield Hit("locks-held", 0, what, (step(s, s.text, transactional=s.file.transactional),))


def _work(s: Subject, holder: Name) -> str:
    """What a statement does that may take long; empty when it is nothing of the kind."""
    if s.kind == "IndexStmt" and s.existed(s.table):
        return f"builds an index on {s.table.sql()}"
    if any(command.kind == "AT_ValidateConstraint" for command in s.commands) and s.existed(s.table):
        return f"reads all of {s.table.sql()}"
    if s.kind not in ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CreateTableAsStmt"):
        return ""
    if s.kind in ("UpdateStmt", "DeleteStmt") and _few(s):
        return ""
    for one in walk(s.tree):
        if node(one) == "RangeVar" and s.existed(s.seen.name(one)) and not _is_with(s, one):
            return f"works on the rows of {s.seen.name(one).sql()}"
        if node(one) == "FuncCall" and s.kind == "SelectStmt" and function_name(one) not in HARMLESS:
            return f"calls {function_name(one)}()"
    return ""


def _is_with(s: Subject, relation: Any) -> bool:
    clause: Any = getattr(s.tree, "withClause", None)
    return bool(clause) and relation.relname in [one.ctename for one in clause.ctes]


def multi_alter(s: Subject) -> Iterator[Hit]:
    """A second ALTER of one table that the first could have made too."""
    if not alters_table(s) or not s.existed(s.table):
        return
    kinds = {command.kind for command in s.commands}
    key = s.table.key
    actions = s.text[s.commands[0].start :]
    before = s.seen.file.altered.get(key)
    if "AT_ValidateConstraint" in kinds:
        s.seen.file.altered.pop(key, None)
    elif not kinds <= SEPARATE:
        s.seen.file.altered[key] = (s.statement.line, actions[: LONGEST_KEPT + 1])
        if before:
            line, first = before
            steps = (
                ()
                if len(first) > LONGEST_KEPT
                else (step(s, f"{s.on_table} {first}, {actions}", transactional=s.file.transactional),)
            )
            yield Hit("multi-alter", 0, f"{s.table.sql()} is altered in line {line} already", steps)


def opaque(s: Subject) -> Iterator[Hit]:
    """DO, EXECUTE, CALL, and the scripts of an extension."""
    words = {"DoStmt": "DO", "ExecuteStmt": "EXECUTE", "CallStmt": "CALL", "AlterExtensionStmt": "ALTER EXTENSION"}
    word = words[s.kind]
    yield Hit("opaque", 0, f"{word} runs statements that are not in the file")


def opaque_call(s: Subject) -> Iterator[Hit]:
    """SELECT of a function that may run any statement."""
    for one in walk(s.tree):
        if node(one) == "FuncCall" and _unforeseeable(s, one):
            what = f"SELECT calls {function_name(one)}(), which may run statements that are not in the file"
            yield Hit("opaque", one.location, what)
            return


def _unforeseeable(s: Subject, call: Any) -> bool:
    if s.seen.routine_of(call.funcname).key in s.seen.volatile:
        return True
    *schema, name = strings(call.funcname)
    known = s.file.catalog.unforeseeable(schema or s.seen.schemas_of_routines(), name) if s.file.catalog else None
    return bool(known)


def bulk(s: Subject) -> Iterator[Hit]:
    """Many rows changed in the transaction of a schema change."""
    whole = s.kind in ("UpdateStmt", "DeleteStmt") and s.tree.whereClause is None
    if not s.file.transactional or not s.existed(s.table) or whole or _few(s):
        return
    word = s.text.split()[0].upper() if s.text[:4].upper() != "WITH" else s.kind.replace("Stmt", "").upper()
    steps = (step(s, s.text, phase=MIGRATE),)
    yield Hit("backfill-with-ddl", 0, f"{word} of {s.table.sql()} beside DDL", steps, s.table, beside_ddl=True)


def bulk_inside(s: Subject) -> Iterator[Hit]:
    """The same, inside of a WITH."""
    if not s.file.transactional or not s.tree.withClause:
        return
    for one in s.tree.withClause.ctes:
        kind = node(one.ctequery)
        if kind in ("UpdateStmt", "DeleteStmt", "MergeStmt") and s.existed(s.seen.name(one.ctequery.relation)):
            name = s.seen.name(one.ctequery.relation)
            what = f"{kind.replace('Stmt', '').upper()} of {name.sql()} beside DDL"
            steps = (step(s, s.text, phase=MIGRATE),)
            yield Hit("backfill-with-ddl", one.location, what, steps, name, beside_ddl=True)


def _few(s: Subject) -> bool:
    """Whether no more than some named rows are meant."""
    if s.kind == "InsertStmt":
        return not any(node(one) == "RangeVar" and s.existed(s.seen.name(one)) for one in walk(s.tree.selectStmt))
    where: Any = getattr(s.tree, "whereClause", None)
    parts = where.args if node(where) == "BoolExpr" and where.boolop.name == "AND_EXPR" else (where,)
    return any(node(part) == "A_Expr" and _by_key(s, part) for part in parts)


def _by_key(s: Subject, expression: Any) -> bool:
    column = column_of(expression.lexpr)
    facts = s.facts(s.table)
    unique = [index.columns for index in (facts.indexes if facts else ()) if index.unique]
    if expression.kind.name not in ("AEXPR_OP", "AEXPR_IN") or expression.name[0].sval != "=":
        return False
    constant = not any(node(one) in ("ColumnRef", "SubLink") for one in walk(expression.rexpr))
    return constant and (column == "id" or (column,) in unique)


def remember(s: Subject) -> None:
    """Take in which locks are held from here on."""
    names = exclusive(s)
    if names and s.seen.file.holder is None:
        s.seen.file.holder = (names[0], s.statement.line)
    if not s.seen.file.ddl and s.kind != "LockStmt" and blocking(s):
        s.seen.file.ddl = True
