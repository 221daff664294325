# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files HAProxy starts from, and what its answers mean."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer import haproxy
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import HAProxy
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_files import (
    Route,
    map_text,
    parse_map,
    parse_servers,
    servers_text,
    structure_variable,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_socket import (
    parse_admin_states,
    parse_processes,
    parse_shown_map,
    parse_used_connections,
    split_answers,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure

CONFIG = BalancerConfig(
    app="web-shop",
    kind="haproxy",
    servers={
        "blue": {"app1": "10.0.0.1:8081", "app2": "10.0.0.2:8081"},
        "green": {"app1": "10.0.0.1:8082", "app2": "[fd00::2]:8082"},
    },
)


def state(**values: object) -> State:
    content = {**State.initial("web-shop").to_dict(), **values}
    return State.from_dict(content)


@pytest.mark.parametrize("blue", [0, 1, 10, 99, 100])
@pytest.mark.parametrize("stable", ["blue", "green"])
def test_a_route_is_read_back_as_it_was_written(blue: int, stable: str) -> None:
    route = Route(7, stable, {"blue": blue, "green": 100 - blue})
    assert Route.read(parse_map(map_text(route.entries()).decode())) == route


@pytest.mark.parametrize("stable", ["blue", "green"])
def test_an_open_override_names_the_other_slot_in_the_same_entry(stable: str) -> None:
    route = Route(7, stable, {"blue": 100, "green": 0}, override=True)
    assert route.entries()["state"] == f"7:1000:{stable}:{'green' if stable == 'blue' else 'blue'}"
    assert Route.read(parse_map(map_text(route.entries()).decode())) == route


def test_generation_percents_and_stable_slot_stand_in_one_entry() -> None:
    assert Route(7, "green", {"blue": 25, "green": 75}).entries()["state"] == "7:250:green"


@pytest.mark.parametrize("value", [None, "", "x", "7:250", "7:250:red", "7::blue", "7:250:blue ", "7:250:blue:red"])
@pytest.mark.parametrize(("stable", "slot"), [("green", "green"), ("blue", "blue"), ("red", "blue"), (None, "blue")])
def test_anything_else_means_the_stable_slot(value: str | None, stable: str | None, slot: str) -> None:
    entries = {"state": value, "stable": stable}
    found = Route.read({key: text for key, text in entries.items() if text is not None})
    assert found == Route(0, slot, whole(slot))


def test_only_servers_that_are_out_stand_in_the_server_state_file_with_their_ports() -> None:
    text = servers_text(CONFIG, ["green-app2", "blue-app1"]).decode()
    rows = [line.split() for line in text.splitlines()[2:]]
    assert [(row[1], row[3], row[6], row[18]) for row in rows] == [
        ("slipway-web-shop-blue", "blue-app1", "8", "8081"),
        ("slipway-web-shop-green", "green-app2", "8", "8082"),
    ]
    assert {len(row) for row in rows} == {20}, "fewer columns and HAProxy ignores the whole file"
    assert parse_servers(text) == {"blue-app1", "green-app2"}
    assert parse_servers("") == parse_servers("garbage\n") == set()


def test_the_name_of_the_structure_variable_is_one_haproxy_takes() -> None:
    assert structure_variable("web-shop") == "SLIPWAY_STRUCTURE_WEB_SHOP"


def test_an_empty_line_ends_an_answer() -> None:
    assert split_answers("\n\nentry not found.\n\na\nb\n\n") == ["", "", "entry not found.", "a\nb"]


def test_processes() -> None:
    text = (
        "#<PID>          <type>          <reloads>       <uptime>        <version>      \n"
        "17712           master          9 [failed: 1]   0d00h03m53s     2.6.12-1+deb12u4\n"
        "# workers\n20948           worker          0               0d00h02m04s     2.6.12-1+deb12u4\n"
        "# old workers\n20000           worker          1               0d00h02m32s     2.6.12-1+deb12u4\n"
        "19000           worker          2               0d00h02m32s     2.6.12-1+deb12u4\n# programs\n"
    )
    found = parse_processes(text)
    assert (found.workers, found.old_workers, found.reloads, found.failed) == ((20948,), (20000, 19000), 9, 1)
    with pytest.raises(ValueError, match="no master"):
        parse_processes("Permission denied")


def test_shown_map() -> None:
    assert parse_shown_map("0x55 state 1:1000:blue\n0x56 stable blue\n0x57 broken") == {
        "state": "1:1000:blue",
        "stable": "blue",
    }


def test_admin_states() -> None:
    text = (
        "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n"
        "3 slipway-shop-blue 1 blue-app1 127.0.0.1 2 8 1 1 0 15 3 3 6 0 0 0 - 19081 -\n"
        "3 slipway-shop-blue 2 blue-app2 127.0.0.1 2 4 1 1 0 15 3 3 6 0 0 0 - 19082 -"
    )
    assert parse_admin_states(text) == {"blue-app1": 8, "blue-app2": 4}
    assert parse_admin_states("Can't find backend.") == {}


@pytest.mark.parametrize("extra", ["", "new_column "])
def test_used_connections_are_found_by_the_name_of_their_column(extra: str) -> None:
    number = "9 " if extra else ""
    text = (
        f"# bkname/svname bkid/svid addr port - {extra}purge_delay used_cur used_max need_est\n"
        f"slipway-shop-blue/blue-app1 3/1 127.0.0.1 19081 - {number}5000 4 11 1"
    )
    assert parse_used_connections(text) == {"blue-app1": 4}
    assert parse_used_connections("No such backend.") == parse_used_connections("") == {}


@pytest.fixture
def balancer(tmp_path: Path) -> HAProxy:
    return HAProxy(CONFIG, tmp_path / "state", tmp_path / "run")


def test_without_a_record_a_start_is_closed_and_on_blue(balancer: HAProxy) -> None:
    balancer.prepare()
    assert balancer.recorded() is None
    assert Route.read(parse_map(balancer.slots_map.read_text())) == Route(0, "blue", whole("blue"))
    assert balancer.gate_map.read_text() == "gate closed\n"


def test_without_a_record_the_last_route_is_kept(balancer: HAProxy) -> None:
    balancer.prepare()
    balancer.slots_map.write_bytes(map_text(Route(5, "green", whole("green")).entries()))
    balancer.prepare()
    assert Route.read(parse_map(balancer.slots_map.read_text())).generation == 5


def test_a_start_makes_the_files_of_the_record(balancer: HAProxy) -> None:
    balancer.prepare()
    wanted = state(generation=3, stable="green", percents={"blue": 10, "green": 90}, servers={"blue-app1": "drain"})
    with pytest.raises(SystemFailure, match="does not answer"):
        balancer.apply(wanted)
    for path in (balancer.slots_map, balancer.servers_file, balancer.gate_map):
        path.write_text("damaged")
    balancer.open_file.touch()
    balancer.prepare()
    assert balancer.recorded() == wanted
    assert Route.read(parse_map(balancer.slots_map.read_text())) == Route.of(wanted)
    assert parse_servers(balancer.servers_file.read_text()) == {"blue-app1"}
    assert balancer.gate_map.read_text() == "gate open\n"


def test_no_order_of_writes_leaves_a_slot_with_traffic_and_without_servers(
    balancer: HAProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HAProxy may be started between any two writes."""
    green_out = {"green-app1": "drain", "green-app2": "drain"}
    blue_out = {"blue-app1": "drain", "blue-app2": "drain"}
    seen: list[tuple[dict[str, int], set[str]]] = []

    def look() -> None:
        text = balancer.slots_map.read_text() if balancer.slots_map.exists() else ""
        out = parse_servers(balancer.servers_file.read_text()) if balancer.servers_file.exists() else set()
        seen.append((Route.read(parse_map(text)).percents, out))

    write = haproxy.write_when_other

    def write_and_look(path: Path, data: bytes) -> None:
        write(path, data)
        look()

    monkeypatch.setattr(haproxy, "write_when_other", write_and_look)
    for generation, (slot, out) in enumerate((("blue", green_out), ("green", blue_out), ("blue", green_out))):
        with pytest.raises(SystemFailure, match="does not answer"):
            balancer.apply(state(generation=generation, stable=slot, percents=whole(slot), servers=out))
    assert len(seen) == 9
    for percents, gone in seen:
        for slot in ("blue", "green"):
            assert percents[slot] == 0 or not gone.issuperset(CONFIG.instances(slot))


def test_half_written_files_of_a_killed_run_are_removed(balancer: HAProxy) -> None:
    balancer.prepare()
    leftovers = [balancer.directory / ".slots.map.x1", balancer.directory / ".token.x2"]
    for path in leftovers:
        path.touch()
    with pytest.raises(SystemFailure, match="does not answer"):
        balancer.apply(state(generation=1))
    assert not [path for path in leftovers if path.exists()]
