# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All instances hesitate for a moment under load: requests pile up in HAProxy, and none is lost."""

from __future__ import annotations

from tests.integration.machine import Instance, wait_until
from tests.integration.volume import UNDER_WAY, full_load, hesitate

from .conftest import PORT, Host


def test_a_hesitation_loses_nothing(host: Host, instances: dict[str, Instance]) -> None:
    with full_load(PORT) as load:
        wait_until(lambda: host.balancer.connections("blue") >= UNDER_WAY, 30, "the load is under way")
        hesitate([instance.process for instance in instances.values() if instance.process])
    assert load.lost == 0, load.report["total"]
