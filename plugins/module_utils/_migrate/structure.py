# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structure of schemas as text, to compare before and after. Reads PostgreSQL's catalog only."""

from __future__ import annotations

from .session import Session

_QUERIES = (
    """
    SELECT format('%%s %%I.%%I', CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table'
        WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
        WHEN 'f' THEN 'foreign table' ELSE 'type' END, nspname, relname)
      || CASE WHEN relkind IN ('v', 'm') THEN E'\n  ' || pg_get_viewdef(c.oid) ELSE '' END
      || coalesce(E'\n  partition of ' || (SELECT string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
           FROM pg_inherits WHERE inhrelid = c.oid) || ' ' || coalesce(pg_get_expr(relpartbound, c.oid), ''), '')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE nspname = ANY(%(schemas)s) AND relname <> %(without)s AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    """,
    """
    SELECT format('column %%I.%%I.%%I %%s', nspname, relname, attname, format_type(atttypid, atttypmod))
      || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
      || coalesce(CASE attgenerated WHEN '' THEN ' DEFAULT ' ELSE ' GENERATED ' END || pg_get_expr(adbin, adrelid), '')
      || CASE attidentity WHEN '' THEN '' ELSE ' IDENTITY ' || attidentity::text END
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    JOIN pg_attribute ON attrelid = c.oid
    LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
    WHERE nspname = ANY(%(schemas)s) AND relname <> %(without)s AND relkind IN ('r', 'p', 'f', 'c')
      AND attnum > 0 AND NOT attisdropped
    """,
    """
    SELECT format('constraint %%I.%%I.%%I %%s', nspname, relname, conname, pg_get_constraintdef(k.oid))
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    JOIN pg_constraint AS k ON conrelid = c.oid
    WHERE nspname = ANY(%(schemas)s) AND relname <> %(without)s AND contype <> 'n'
    """,
    """
    SELECT 'index ' || pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    JOIN pg_index ON indexrelid = c.oid WHERE nspname = ANY(%(schemas)s)
      AND NOT EXISTS (SELECT FROM pg_class AS t WHERE t.oid = indrelid AND t.relname = %(without)s)
    """,
    """
    SELECT 'trigger ' || pg_get_triggerdef(t.oid)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    JOIN pg_trigger AS t ON tgrelid = c.oid
    WHERE nspname = ANY(%(schemas)s) AND relname <> %(without)s AND NOT tgisinternal
    """,
    """
    SELECT 'rule ' || pg_get_ruledef(r.oid)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace
    JOIN pg_rewrite AS r ON ev_class = c.oid
    WHERE nspname = ANY(%(schemas)s) AND relname <> %(without)s AND rulename <> '_RETURN'
    """,
    """
    SELECT format('function %%I.%%I(%%s) ', nspname, proname, pg_get_function_identity_arguments(c.oid))
      || CASE prokind WHEN 'a' THEN 'aggregate' ELSE pg_get_functiondef(c.oid) END
    FROM pg_proc AS c JOIN pg_namespace AS n ON n.oid = pronamespace WHERE nspname = ANY(%(schemas)s)
    """,
    """
    SELECT format('type %%I.%%I ', nspname, typname) || CASE typtype
        WHEN 'e' THEN (SELECT 'enum ' || string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
          FROM pg_enum WHERE enumtypid = c.oid)
        WHEN 'd' THEN 'domain ' || format_type(typbasetype, typtypmod) || coalesce((SELECT ' ' || string_agg(
          pg_get_constraintdef(k.oid), ' ' ORDER BY conname) FROM pg_constraint AS k WHERE contypid = c.oid), '')
        ELSE 'range' END
    FROM pg_type AS c JOIN pg_namespace AS n ON n.oid = typnamespace
    WHERE nspname = ANY(%(schemas)s) AND typtype IN ('e', 'd', 'r')
    """,
)


def structure(session: Session, schemas: list[str], without: str) -> str:
    """One line or definition per object, in a fixed order.

    :param without: name of the history's table, which is left out.
    """
    found = [row[0] for query in _QUERIES for row in session.ask(query, {"schemas": schemas, "without": without})]
    return "".join(f"{line}\n" for line in sorted(found))
