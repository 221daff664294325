# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the source of a metric. Touches nothing itself.

Adding a source means one more file, and one more line in ``SOURCES``, or in ``COUNTING`` when it counts every request,
so that the statistical judge can look at what it has counted. ``JUDGED`` is all that the judge can be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .._gate.options import Options
from .haproxy import HAProxyStatistics
from .http_json import HttpJson
from .looks import Looks, Sources
from .model import CountingSource, Source
from .nginx_log import NginxLog
from .prometheus import Prometheus
from .prometheus_series import PROMETHEUS, PrometheusSeries
from .requests import Requests
from .sides import Sides
from .sql import Sql

COUNTING: dict[str, Callable[[Options, Sides], CountingSource]] = {
    "haproxy": HAProxyStatistics.from_options,
    "nginx_log": NginxLog.from_options,
}
JUDGED: Sources = {
    **{kind: partial(Requests.from_options, kind=kind, build=build) for kind, build in COUNTING.items()},
    PROMETHEUS: PrometheusSeries.from_options,
}
SOURCES: dict[str, Callable[[Options, Sides], Source]] = {
    PROMETHEUS: Prometheus.from_options,
    **COUNTING,
    "http_json": HttpJson.from_options,
    "sql": Sql.from_options,
    "judge": lambda options, sides: Looks.from_options(options, sides, JUDGED),
}
