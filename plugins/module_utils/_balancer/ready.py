# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether instances are ready, asked from this host. Opens TCP connections to the instances; touches nothing else."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from .._common.address import shown
from .config import BalancerConfig

_MOST_AT_ONCE = 32


def unready(config: BalancerConfig, instances: Iterable[str]) -> dict[str, str]:
    """Ask each instance's readiness endpoint once, all at the same time.

    :returns: the instances that did not answer with 2xx, and what they did instead.
    """
    names = list(instances)
    if not names:
        return {}
    with ThreadPoolExecutor(max_workers=min(_MOST_AT_ONCE, len(names))) as pool:
        complaints = pool.map(lambda name: _complaint(config, name), names)
        return {name: complaint for name, complaint in zip(names, complaints) if complaint}


def _complaint(config: BalancerConfig, instance: str) -> str:
    host, _colon, port = config.address(instance).rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=config.health.timeout)
    try:
        connection.request("GET", config.health.path, headers={"Connection": "close"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as exc:
        return f"{type(exc).__name__}: {exc}"
    finally:
        connection.close()
    return "" if 200 <= status < 300 else f"{shown(config.health.path)} answers {status}"
