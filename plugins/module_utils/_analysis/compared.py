# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a judge compares, as an operator writes it in ``compare``. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._common.errors import InputError
from .._gate.options import Options
from .._judge.base import Metric
from .._judge.declare import read_metric

KINDS = ("errors", "quantile", "limit", "series")
SERIES = "series"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._%-]{0,62}")


@dataclass(frozen=True)
class Compared:
    """One thing that is compared.

    :param kind: what the metric is.
    :param asked: what its source is told of it; nobody has read that yet.
    :param where: how messages name it.
    """

    metric: Metric
    kind: str
    asked: Options
    where: str


def read_compare(options: Options) -> list[Compared]:
    """Read ``compare``."""
    contents = enumerate(options.mappings("compare"))
    return [_compared(content, f"{options.where}.compare[{index}]") for index, content in contents]


def _compared(content: Mapping[str, Any], where: str) -> Compared:
    kind = content.get("kind")
    if kind not in KINDS:
        raise InputError(f"kind {kind!r} is none", where=f"{where}.kind", remedy=f"use {', '.join(KINDS)}")
    if not isinstance(content.get("name"), str) or not NAME.fullmatch(content["name"]):
        remedy = "use at most 63 letters, digits, blanks and . _ % -, such as p99"
        raise InputError(f"{content.get('name')!r} is no name", where=f"{where}.name", remedy=remedy)
    told = ("query",) if kind == SERIES else ()
    try:
        metric = read_metric({field: value for field, value in content.items() if field not in told})
    except InputError as exc:
        raise InputError(exc.what, where=where, remedy=exc.remedy) from exc
    return Compared(metric, kind, Options({field: content.get(field) for field in told}, where), where)
