# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All instances hesitate for a moment under load: requests pile up in nginx, and none is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.load import Load
from tests.integration.machine import Instance, run, wait_until
from tests.integration.volume import UNDER_WAY, full_load, hesitate

from .conftest import MAIN_FILE, Host, allow_connections


@pytest.fixture
def few_connections(host: Host) -> Iterator[None]:
    """nginx with one worker, whatever the processors, that may have as many connections as the distribution allows."""
    before = MAIN_FILE.read_text(encoding="utf-8")
    MAIN_FILE.write_text(before.replace("worker_processes auto;", "worker_processes 1;"), encoding="utf-8")
    allow_connections(768)
    run("systemctl", "restart", "nginx")
    yield
    MAIN_FILE.write_text(before, encoding="utf-8")
    run("systemctl", "restart", "nginx")


def hesitation(host: Host, instances: dict[str, Instance]) -> Load:
    with full_load(host.config.port) as load:
        wait_until(lambda: host.balancer.connections("blue") >= UNDER_WAY, 30, "the load is under way")
        hesitate([instance.process for instance in instances.values() if instance.process])
    return load


def test_a_hesitation_loses_nothing(host: Host, instances: dict[str, Instance]) -> None:
    load = hesitation(host, instances)
    assert load.lost == 0, load.report["total"]


def test_with_the_connections_of_the_distribution_it_is_seen_to_lose(
    host: Host, instances: dict[str, Instance], few_connections: None
) -> None:
    """Negative control of the test above."""
    load = hesitation(host, instances)
    assert load.lost > 0, load.report["total"]
