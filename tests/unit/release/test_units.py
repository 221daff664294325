# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unit files: their exact text, what belongs to whom, and that no declaration can add a directive."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._release import units
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.revision import UNIT_FORMAT, build

LAYOUT = Layout("shop")
WEB = {"name": "web", "kind": "http", "command": "bin/serve --name 100% 'a b'", "ports": {"blue": 8081, "green": 8082}}
MAILER = {"name": "mailer", "kind": "worker", "command": "python3 -m shop.mailer", "environment": {"A": "1"}}
REPORT = {"name": "report", "kind": "scheduled", "command": "/usr/bin/true", "schedule": "daily", "memory_max": "1G"}


def rendered(slot="blue", components=(WEB, MAILER, REPORT), **document):
    return units.render(
        build(app="shop", version="1.0", artifact_sha256="a" * 64, components=components, **document), slot, LAYOUT
    )


def lines(text):
    return [line for line in text.splitlines() if "=" in line]


def test_the_text_is_the_one_that_the_unit_format_stands_for():
    """A failure here means: raise UNIT_FORMAT in revision.py, then renew the pair below."""
    everything = rendered(secrets={"db": "x"}, secrets_key="k", shared_directories=["uploads"])
    assert (UNIT_FORMAT, digest(everything)[:16]) == (1, "0d7f18cd3d1e36ff")


def test_every_component_has_its_units():
    assert sorted(rendered()) == [
        "slipway-shop-mailer@blue.service",
        "slipway-shop-report@blue.service",
        "slipway-shop-report@blue.timer",
        "slipway-shop-web@blue.service",
    ]


def test_a_program_of_the_release_is_named_by_its_path_and_percent_signs_stay():
    found = lines(rendered("green")["slipway-shop-web@green.service"])
    assert "ExecStart=/opt/slipway/shop/slots/green/release/bin/serve --name 100%% 'a b'" in found
    assert "Environment=SLOT=green PORT=8082" in found
    assert "EnvironmentFile=/opt/slipway/shop/slots/green/environment" in found


def test_kinds_differ_where_they_must():
    found = rendered()
    worker, job = found["slipway-shop-mailer@blue.service"], found["slipway-shop-report@blue.service"]
    assert "Restart=on-failure" in worker and "WantedBy=multi-user.target" in worker
    assert "EnvironmentFile=/opt/slipway/shop/slots/blue/environment.mailer" in worker
    assert "Type=oneshot" in job and "Restart" not in job and "[Install]" not in job and "MemoryMax=1G" in job
    assert "OnCalendar=daily" in found["slipway-shop-report@blue.timer"]


def test_the_version_is_not_part_of_a_unit():
    documents = [
        build(app="shop", version=version, artifact_sha256="a" * 64, components=[WEB]) for version in ("1", "2")
    ]
    assert units.render(documents[0], "blue", LAYOUT) == units.render(documents[1], "blue", LAYOUT)


def test_only_a_privileged_port_gives_a_capability():
    low = rendered(components=[{**WEB, "ports": {"blue": 443, "green": 1443}}])["slipway-shop-web@blue.service"]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in low
    assert "CapabilityBoundingSet=" in lines(rendered()["slipway-shop-web@blue.service"])


@pytest.fixture
def layout(tmp_path):
    layout = Layout("shop", tmp_path / "opt", tmp_path / "var", tmp_path / "units")
    layout.units.mkdir()
    return layout


def test_units_of_an_application_with_a_longer_name_are_not_taken_for_ours(layout):
    longer = Layout("shop-web", layout.releases, layout.states, layout.units)
    document = build(app="shop-web", version="1", artifact_sha256="a" * 64, components=[{**WEB, "name": "api"}])
    for name, text in units.render(document, "blue", longer).items():
        units.write(longer, name, text)
    assert units.installed(layout, "blue") == {}
    assert list(units.installed(longer, "blue")) == ["slipway-shop-web-api@blue.service"]
    with pytest.raises(StateError, match="does not belong"):
        units.refuse_foreign(layout, ["slipway-shop-web-api@blue.service"], units.installed(layout, "blue"))


def test_enabling_is_a_link_that_a_boot_follows(layout):
    units.enable(layout, "slipway-shop-web@blue.service")
    units.enable(layout, "slipway-shop-report@blue.timer")
    assert (layout.units / "multi-user.target.wants" / "slipway-shop-web@blue.service").is_symlink()
    assert (layout.units / "timers.target.wants" / "slipway-shop-report@blue.timer").is_symlink()
    units.enable(layout, "slipway-shop-web@blue.service")
    units.disable(layout, "slipway-shop-web@blue.service")
    units.disable(layout, "slipway-shop-web@blue.service")
    assert not units.enabled(layout, "slipway-shop-web@blue.service")
    assert units.enabled(layout, "slipway-shop-report@blue.timer")
