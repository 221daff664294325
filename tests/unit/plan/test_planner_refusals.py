# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: a fleet in the wrong state is refused before it is touched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    SlipwayError,
    StateError,
)

from tests.unit.plan.made import (
    APPLICATIONS,
    MIB,
    PORTS,
    Live,
    armed,
    deploy,
    fleet_of,
    held_lease,
    live_lease,
    lost,
    proven,
    split,
)


def unread(live: Live) -> None:
    live["app1"]["release"] = {"error": "no python"}


def module_lost(live: Live) -> None:
    live["app1"] = {"failed": True, "msg": "sudo: a password is required"}


def never_set_up(live: Live) -> None:
    live["lb2"]["balancer"]["recorded"] = None


def balancer_down(live: Live) -> None:
    live["lb2"]["balancer"].update(error="nginx does not run", consistent=False)


def disagree(live: Live) -> None:
    live["lb2"]["balancer"]["recorded"].update(stable="green", percents={"blue": 0, "green": 100})


def not_100(live: Live) -> None:
    live["lb1"]["balancer"]["recorded"]["percents"] = {"blue": 90, "green": 20}


def inconsistent(live: Live) -> None:
    live["lb1"]["balancer"]["consistent"] = False


def unregistered(live: Live) -> None:
    del live["lb1"]["balancer"]["instances"]["green-app2"]


def left_over(live: Live) -> None:
    live["lb1"]["balancer"]["instances"]["green-app3"] = {"usable": True}


def foreign_process(live: Live) -> None:
    live["app2"]["release"]["ports"]["8082"] = "nginx (pid 812)"


def swapped(live: Live) -> None:
    for host in APPLICATIONS:
        live[host]["release"]["ports"]["8082"] = "slipway-shop-web@blue.service"


def swapped_by_instances(live: Live) -> None:
    live["app1"]["release"]["ports"] = {}
    live["app1"]["release"]["slots"]["blue"]["instances"]["web"]["port"] = PORTS["green"]


def no_memory(live: Live) -> None:
    live["app2"]["release"]["memory_available"] = 100 * MIB


def no_disk(live: Live) -> None:
    live["app2"]["release"]["free_bytes"] = 29 * MIB


def old_ledger(live: Live) -> None:
    live["db1"]["ledger"]["token"] = 3


def other_ledger(live: Live) -> None:
    live["app1"]["release"]["ledger"] = "u"
    live["lb2"]["balancer"]["ledger"] = "v"


def new_ledger(live: Live) -> None:
    live["app1"]["release"]["ledger"] = "u"
    live["db1"]["ledger"]["uuid"] = ""


REFUSALS: list[tuple[Callable[[Live], None], str, str, str]] = [
    (lambda live: lost(live, "app2"), "inventory", "app2 (application host)", "site.yml"),
    (lambda live: lost(live, "lb1"), "inventory", "lb1 (balancer)", "bring the hosts back"),
    (lambda live: lost(live, "db1"), "inventory", "db1 (ledger host)", "bring the hosts back"),
    (lambda live: live.pop("app1"), "--limit", "the play runs without app1", "run without --limit"),
    (lambda live: live.pop("db1"), "--limit", "the play runs without db1", "run without --limit"),
    (unread, "app1", "no python", "repair the host"),
    (module_lost, "app1", "a password is required", "repair the host"),
    (never_set_up, "lb2", "no recorded state", "site.yml"),
    (balancer_down, "lb2", "nginx does not run", "repair the host"),
    (disagree, "group balancers", "lb2: stable green", "resume the deployment"),
    (split, "group balancers", "blue 90 %, green 10 %", "resume the deployment"),
    (armed, "group balancers", "lease armed", "lease has run out"),
    (not_100, "lb1", "do not sum to 100", "lb_switch"),
    (inconsistent, "lb1", "state file", "site.yml"),
    (unregistered, "lb1", "green-app2", "site.yml"),
    (left_over, "lb1", "green-app3", "site.yml"),
    (foreign_process, "slipway_components, ports.green of web", "nginx (pid 812)", "choose another port"),
    (swapped, "slipway_components, ports.green of web", "belongs to slot blue", "swapped"),
    (swapped_by_instances, "slipway_components, ports.green of web", "belongs to slot blue", "swapped"),
    (no_memory, "app2", "100 MiB of memory are available, slot green may need 256 MiB", "memory_max"),
    (no_disk, "app2", "29 MiB of disk are free, placing the release needs 30 MiB", "slipway_keep_revisions"),
    (old_ledger, "ledger on db1", "issued token 3, hosts have seen 4", "slipway_adopt_ledger=true"),
    (other_ledger, "ledger on db1", "it is u, but lb2 obeys v", "slipway_adopt_ledger=true"),
    (new_ledger, "ledger on db1", "it is a new one, but app1 obeys u", "slipway_adopt_ledger=true"),
    (live_lease, "ledger on db1", "of ann@pc holds the lease for 44 more seconds", "end it with abort.yml"),
    (
        held_lease,
        "ledger on db1",
        "migrate.yml (contract of the database) of ann@pc holds the lease for 44 more seconds",
        "wait for its end; with its controller gone, see release_lease.yml",
    ),
]


@pytest.mark.parametrize(("change", "where", "what", "remedy"), REFUSALS)
def test_a_fleet_in_the_wrong_state_is_refused(
    change: Callable[[Live], None], where: str, what: str, remedy: str
) -> None:
    live = fleet_of("1.0", None)
    deploy("1.1", live, artifact_bytes=10 * MIB)
    change(live)
    with pytest.raises(SlipwayError) as refused:
        deploy("1.1", live, artifact_bytes=10 * MIB)
    assert refused.value.where == where
    assert what in refused.value.what
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("change", [old_ledger, other_ledger, new_ledger])
def test_a_lost_ledger_is_adopted_with_a_token_above_all_and_nothing_is_forced(change: Callable[[Live], None]) -> None:
    live = fleet_of("1.0", None)
    change(live)
    with pytest.raises(StateError):
        deploy("1.1", live, force=True, reason="forcing is something else")
    planned = deploy("1.1", live, adopt_ledger=True, reason="the ledger host was replaced")
    assert planned.token_above == 4
    assert (planned.plan["options"]["adopt_ledger"], planned.plan["options"]["force"]) == (True, False)


def test_a_foreign_process_on_the_port_of_the_other_slot_is_no_matter() -> None:
    live = fleet_of("1.0", None)
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["blue"]["instances"] = {}
        live[host]["release"]["ports"]["8081"] = "nginx (pid 812)"
    assert deploy("1.1", live).plan["slot"] == "green"


def test_memory_of_a_slot_that_is_replaced_is_not_counted_twice() -> None:
    live = fleet_of("1.0", "0.9")
    no_memory(live)
    assert deploy("1.1", live).plan["changes"]


def test_a_host_with_memory_for_one_instance_can_be_rolled() -> None:
    live = fleet_of("1.0", None)
    no_memory(live)
    assert deploy("1.1", live, rollout="rolling").plan["changes"]


def test_a_revision_that_shares_no_schema_version_with_the_active_one_is_refused() -> None:
    active = proven("1.0")
    active["document"]["schema_range"] = {"min": 3, "max": 4}
    live = fleet_of("1.0", None, history=(active,))
    assert deploy("1.1", live, schema_range={"min": 4, "max": 5}).plan["changes"]
    for bounds in ({"min": 5, "max": 6}, {"min": 1, "max": 2}):
        with pytest.raises(SlipwayError) as refused:
            deploy("1.1", live, schema_range=bounds)
        assert refused.value.where == "slipway_schema_range"


# -- a deployment that was left unfinished --------------------------------------------------------------------------
