# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components that are handed over: a worker that an application gives up, and a singleton, which runs on one host."""

from __future__ import annotations

import json

import yaml

from tests.system.fleet import APPLICATION, LAB_INVENTORY, Fleet


def test_a_worker_that_the_application_gives_up_is_retired_and_returns_with_a_rollback(nginx: Fleet) -> None:
    variables = yaml.safe_load((LAB_INVENTORY / "group_vars" / "all.yml").read_text(encoding="utf-8"))
    kept = [item for item in variables["slipway_components"] if item["name"] != "mailer"]
    before = nginx.active()
    assert nginx.consuming("mailer") == {host: [before["slot"]] for host in APPLICATION}
    nginx.deploy(nginx.versions.fresh(), "-e", json.dumps({"slipway_components": kept}))
    assert nginx.consuming("mailer") == {}
    for host in APPLICATION:
        assert started_by_a_boot(nginx, host, "mailer") == []
    done = nginx.run("rollback", rollback_to="previous")
    assert done.code == 0, done.reason()
    nginx.require_active(before["version"])
    assert nginx.consuming("mailer") == {host: [before["slot"]] for host in APPLICATION}


def test_a_singleton_runs_on_one_host_alone(fleet: Fleet) -> None:
    host, slot = one_singleton(fleet)
    assert slot == fleet.active()["slot"]
    fleet.deploy(fleet.versions.fresh())
    assert one_singleton(fleet) == (host, fleet.active()["slot"])
    for name in APPLICATION:
        assert started_by_a_boot(fleet, name, "clock") == ([fleet.active()["slot"]] if name == host else [])
    done = fleet.run("rollback", rollback_to="previous")
    assert done.code == 0, done.reason()
    assert one_singleton(fleet) == (host, slot)


def one_singleton(fleet: Fleet) -> tuple[str, str]:
    """Host and slot of the only process of the singleton."""
    found = [(host, slot) for host, slots in fleet.consuming("clock").items() for slot in slots]
    assert len(found) == 1, found
    return found[0]


def started_by_a_boot(fleet: Fleet, host: str, component: str) -> list[str]:
    """Slots in which a boot of the host would start the component."""
    pattern = f"slipway-{fleet.app}-{component}@*.service"
    links = fleet.inside(host, "find", "/etc/systemd/system", "-path", "*.wants/*", "-name", pattern).split()
    return [link.rpartition("@")[2].removesuffix(".service") for link in links]
