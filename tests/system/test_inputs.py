# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad inputs end to end: one message that names the variable and the remedy, nothing changed, no lease."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.system.fleet import LAB_INVENTORY, LEDGER, OTHER, PORTS, Fleet, differences, inventory_without


def refused(fleet: Fleet, *flags: str, words: tuple[str, ...], **variables: str) -> None:
    """A run that must end with these words and leave no trace."""
    before, ledger = fleet.snapshot(), fleet.ledger()
    done = fleet.run("deploy", *flags, **{"version": fleet.versions.fresh(), **variables})
    assert done.code != 0
    for word in words:
        assert word in done.reason(), f"{done.log}: {done.reason()}"
    assert differences(before, fleet.snapshot()) == []
    assert fleet.ledger() == ledger
    assert ledger["lease"] is None


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"rollout": "yolo"}, ("slipway_rollout", "set slipway_rollout to one of blue_green")),
        ({"version": "1.0/beta"}, ("slipway_version", "'1.0/beta' is malformed", "use up to 64 letters")),
        ({"version": "7.7.7"}, ("slipway_artifact", "does not exist on the controller", "build the artifact first")),
        ({"artifact_sha256": "0" * 64}, ("slipway_artifact_sha256", "0" * 64)),
    ],
    ids=["unknown rollout", "malformed version", "missing artifact", "checksum mismatch"],
)
def test_a_bad_variable_is_refused(nginx: Fleet, variables: Mapping[str, str], words: tuple[str, ...]) -> None:
    refused(nginx, words=words, **variables)


def test_an_inventory_without_balancers_is_refused(nginx: Fleet, tmp_path: Path) -> None:
    flags = inventory_without(tmp_path, "balancers")
    refused(nginx, *flags, words=("group balancers", "there are no balancer hosts", "add hosts to the group"))


def test_a_host_that_cannot_be_reached_is_named(nginx: Fleet) -> None:
    nginx.link("app3", "down")
    before, lost = nginx.ledger(), "app3"
    done = nginx.run("deploy", version=nginx.versions.fresh())
    assert done.code != 0
    for word in ("cannot be reached: app3 (application host)", "inventory", "bring the hosts back"):
        assert word in done.reason(), done.reason()
    nginx.link(lost, "up")
    assert nginx.ledger() == before


def test_a_port_that_a_foreign_process_has_is_refused(nginx: Fleet) -> None:
    slot = OTHER[nginx.active()["slot"]]
    port = PORTS["nginx"][slot]
    nginx.inside("app2", "systemctl", "stop", f"slipway-{nginx.app}-web@{slot}.service")
    foreign = ["python3", "-m", "http.server", str(port)]
    nginx.inside("app2", "systemd-run", "--quiet", "--unit=foreign", *foreign)
    try:
        nginx.inside("app2", "bash", "-c", f"until ss -ltn | grep -q :{port}; do sleep 0.1; done")
        words = (
            f"port {port} is in use on app2 by python3",
            "slipway_components",
            f"ports.{slot} of web",
            "stop that program",
        )
        refused(nginx, words=words)
    finally:
        nginx.inside("app2", "systemctl", "stop", "foreign.service")
        nginx.deploy(nginx.versions.fresh())


def test_swapped_slots_are_refused(nginx: Fleet) -> None:
    ports = PORTS["nginx"]
    components = yaml.safe_load((LAB_INVENTORY / "group_vars" / "all.yml").read_text(encoding="utf-8"))
    web = {**components["slipway_components"][0], "ports": {"blue": ports["green"], "green": ports["blue"]}}
    given = json.dumps({"slipway_components": [web, *components["slipway_components"][1:]]})
    refused(nginx, "-e", given, words=("slipway_components", "ports.", "the slot names are swapped"))


def test_a_list_as_text_is_refused_with_the_form_that_is_one(nginx: Fleet) -> None:
    words = ("slipway_server_names", "is text, not a list", "'{\"slipway_server_names\": [...]}'")
    refused(nginx, words=words, server_names="shop.example")


def test_a_wrong_field_of_a_smoke_check_is_refused_before_anything_is_placed(nginx: Fleet) -> None:
    given = json.dumps({"slipway_smoke_checks": [{"path": "/plain", "statsu": [200]}]})
    refused(nginx, "-e", given, words=("slipway_smoke_checks[0].statsu", "health_gate"))


@pytest.mark.parametrize("playbook", ["deploy", "rollback", "site"])
@pytest.mark.parametrize("limit", ["lb1", "application", "all:!app3"])
def test_a_limited_run_is_refused(nginx: Fleet, playbook: str, limit: str) -> None:
    before, ledger = nginx.snapshot(), nginx.ledger()
    done = nginx.run(playbook, "--limit", limit, version=nginx.versions.fresh())
    assert done.code != 0
    assert "run without --limit" in done.reason(), done.reason()
    assert differences(before, nginx.snapshot()) == []
    assert nginx.ledger() == ledger


LEDGER_DIRECTORY = "/var/lib/slipway/ledger"


def test_another_ledger_is_refused_until_it_is_adopted(nginx: Fleet) -> None:
    nginx.deploy(nginx.versions.fresh())
    book = nginx.ledger()
    nginx.inside(LEDGER, "mv", f"{LEDGER_DIRECTORY}/{nginx.app}", f"{LEDGER_DIRECTORY}/.lost")
    try:
        words = ("it is a new one, but app1 obeys", "slipway_adopt_ledger=true")
        refused(nginx, words=words)
        refused(nginx, words=words, force="true", reason="forcing is something else")
    except BaseException:
        nginx.inside(LEDGER, "mv", f"{LEDGER_DIRECTORY}/.lost", f"{LEDGER_DIRECTORY}/{nginx.app}")
        raise
    nginx.deploy(nginx.versions.fresh(), adopt_ledger="true", reason="the disk of the ledger host was lost")
    adopted = nginx.ledger()
    assert adopted["uuid"] != book["uuid"]
    assert adopted["token"] > book["token"]
    nginx.deploy(nginx.versions.fresh())
    nginx.inside(LEDGER, "rm", "-r", f"{LEDGER_DIRECTORY}/.lost")
