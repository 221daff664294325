# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which functions give each row the same value. Touches nothing."""

from __future__ import annotations

from typing import Any

from ..transactions import node
from .subject import Subject
from .trees import function_name, walk

STEADY = frozenset(
    [
        "abs",
        "age",
        "array_length",
        "array_to_string",
        "ascii",
        "btrim",
        "bit_length",
        "cardinality",
        "ceil",
        "ceiling",
        "char_length",
        "chr",
        "coalesce",
        "concat",
        "concat_ws",
        "convert_from",
        "convert_to",
        "current_database",
        "current_schema",
        "current_setting",
        "date_part",
        "date_trunc",
        "decode",
        "div",
        "encode",
        "exp",
        "extract",
        "floor",
        "format",
        "format_type",
        "gcd",
        "greatest",
        "initcap",
        "json_build_array",
        "json_build_object",
        "jsonb_build_array",
        "jsonb_build_object",
        "jsonb_object",
        "least",
        "left",
        "length",
        "ln",
        "log",
        "lower",
        "lpad",
        "ltrim",
        "make_date",
        "make_interval",
        "make_time",
        "make_timestamp",
        "make_timestamptz",
        "md5",
        "mod",
        "now",
        "num_nonnulls",
        "nullif",
        "octet_length",
        "overlay",
        "position",
        "power",
        "quote_ident",
        "quote_literal",
        "regexp_replace",
        "repeat",
        "replace",
        "reverse",
        "right",
        "round",
        "row_to_json",
        "rpad",
        "rtrim",
        "sha256",
        "sign",
        "split_part",
        "sqrt",
        "statement_timestamp",
        "strpos",
        "substr",
        "substring",
        "timezone",
        "to_char",
        "to_date",
        "to_json",
        "to_jsonb",
        "to_number",
        "to_timestamp",
        "transaction_timestamp",
        "translate",
        "trim",
        "trunc",
        "upper",
        "version",
    ]
)


def volatile_call(s: Subject, expression: Any) -> Any:
    """The first call of a function that may give each row another value."""
    for one in walk(expression):
        if node(one) != "FuncCall":
            continue
        name = function_name(one)
        known = s.file.catalog.volatile(name) if s.file.catalog else None
        if known if known is not None else name not in STEADY:
            return one
    return None
