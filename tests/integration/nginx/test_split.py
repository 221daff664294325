# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The split: as many users in a slot as asked for, always the same ones, never moved back by a raise."""

from __future__ import annotations

import math
import random
import re
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.machine import get, wait_until

from .conftest import BLUE, SHOP, Host, with_sticky

PERCENTS = (1, 5, 10, 25, 50)
USERS = 60_000
CRITICAL = 10.828
BATCH = 500
SPLIT = replace(
    SHOP,
    app="split",
    port=8090,
    preview_port=8490,
    status_port=8491,
    servers={
        "blue": {"app1": "127.0.0.1:9181", "app2": "127.0.0.1:9182"},
        "green": {"app1": "127.0.0.1:9183", "app2": "127.0.0.1:9184"},
    },
)


def instances_in_nginx() -> str:
    """Instances that answer with their name, so that hundreds of thousands of requests take seconds."""
    server = """
server {{
    listen {address};
    keepalive_requests 1000000;
    location / {{ return 200 "{name:12}"; }}
}}
"""
    return "".join(server.format(address=SPLIT.address(name), name=name) for name in SPLIT.all_instances())


def ask_all(lines: Sequence[str]) -> list[str]:
    """Who answers each request, given the header line that tells them apart."""
    found: list[str] = []
    with socket.create_connection(("127.0.0.1", SPLIT.port), timeout=20) as connection:
        stream = connection.makefile("rb")
        for start in range(0, len(lines), BATCH):
            batch = lines[start : start + BATCH]
            connection.sendall("".join(f"GET / HTTP/1.1\r\nHost: s\r\n{line}\r\n\r\n" for line in batch).encode())
            for _line in batch:
                while stream.readline() != b"\r\n":
                    pass
                found.append(stream.read(12).decode().strip())
    return found


@pytest.fixture
def split(host: Host) -> Iterator[Host]:
    made = Host(SPLIT)
    made.install(instances_in_nginx())
    made.reset()
    yield made
    made.use(SPLIT)
    made.remove()


def green_of(users: Sequence[str]) -> set[str]:
    names = ask_all([f"Cookie: slipway={user}" for user in users])
    return {user for user, name in zip(users, names) if name.startswith("green")}


def test_percents_are_hit_and_raising_moves_nobody_back(split: Host) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    chosen = random.Random(seed)
    users = [f"{chosen.getrandbits(128):032x}" for _user in range(USERS)]
    before: set[str] = set()
    for percent in PERCENTS:
        assert split.switch(percents={"blue": 100 - percent, "green": percent}).verified
        green = green_of(users)
        expected = USERS * percent / 100
        chi_square = (len(green) - expected) ** 2 / (expected * (1 - percent / 100))
        print(f"{percent} %: {len(green) / USERS * 100:.2f} %, p = {math.erfc(math.sqrt(chi_square / 2)):.3f}")
        assert chi_square < CRITICAL, f"seed {seed}: {percent} % became {len(green)} of {USERS}"
        assert before <= green, f"seed {seed}: {len(before - green)} users moved back at {percent} %"
        before = green


def test_a_split_that_is_off_by_one_percent_is_seen(split: Host) -> None:
    """Negative control of the test above."""
    users = [f"{random.getrandbits(128):032x}" for _user in range(USERS)]
    split.switch(percents={"blue": 89, "green": 11})
    expected = USERS * 0.1
    assert (len(green_of(users)) - expected) ** 2 / (expected * 0.9) > CRITICAL


def test_servers_of_a_slot_share_users_who_keep_theirs(split: Host) -> None:
    users = [f"Cookie: slipway={random.getrandbits(128):032x}" for _user in range(4000)]
    first = ask_all(users)
    counted = Counter(first)
    assert set(counted) == {"blue-app1", "blue-app2"}
    assert 1800 < counted["blue-app1"] < 2200
    split.switch(servers={"blue-app1": "drain"})
    assert set(ask_all(users)) == {"blue-app2"}
    split.switch(servers={"blue-app1": "ready"}, force=True)
    assert ask_all(users) == first


def test_the_quick_look_at_a_bucket_and_its_resolved_link_lead_to_the_same_instance(split: Host) -> None:
    """Without the names in the servers' directories, as an older version left them, only the link is left."""
    users = [f"Cookie: slipway={random.getrandbits(128):032x}" for _user in range(4000)]
    for change in ({"percents": {"blue": 30, "green": 70}}, {"servers": {"blue-app1": "drain"}}):
        split.switch(force=True, **change)
        quick = ask_all(users)
        for name in SPLIT.all_instances():
            (split.balancer.directory / "servers" / name / name).rmdir()
        assert ask_all(users) == quick
        assert split.switch().changed
        assert ask_all(users) == quick
    assert set(quick) == {"blue-app2", "green-app1", "green-app2"}


def test_no_link_is_resolved_while_every_instance_is_usable(split: Host, tmp_path: Path) -> None:
    users = [f"Cookie: slipway={random.getrandbits(128):032x}" for _user in range(400)]
    split.switch(percents={"blue": 50, "green": 50}, force=True)
    assert resolved_links(split, users, tmp_path / "log") == 0
    split.switch(servers={"blue-app1": "drain"})
    assert resolved_links(split, users, tmp_path / "log") > 50


def resolved_links(split: Host, users: Sequence[str], log: Path) -> int:
    """How many bucket links nginx read to route these requests."""
    with ExitStack() as stack:
        for pid in split.processes()[1:]:
            argv = ["strace", "-q", "-o", f"{log}.{pid}", "-e", "trace=readlink,newfstatat,stat", "-p", str(pid)]
            strace = stack.enter_context(subprocess.Popen(argv))
            stack.callback(strace.wait, 10)
            stack.callback(strace.terminate)
        wait_until(lambda: all(map(is_traced, split.processes()[1:])), 10, "strace is attached")
        ask_all(users)
    traced = "".join(path.read_text() for path in log.parent.glob(f"{log.name}.*"))
    assert traced.count("/run/slipway/balancer/split/open") == len(users)
    return len(re.findall(r"readlink\(\S+/b[0-9]{3}\"", traced))


def is_traced(pid: int) -> bool:
    return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()


def test_a_user_without_a_cookie_gets_one_that_leads_to_the_same_place(split: Host) -> None:
    split.switch(percents={"blue": 50, "green": 50}, force=True)
    for _user in range(50):
        _status, headers, name = get(port=SPLIT.port)
        cookie = headers["set-cookie"].split(";")[0]
        _status, headers, again = get(port=SPLIT.port, headers=[f"Cookie: {cookie}"])
        assert again == name
        assert "set-cookie" not in headers


@pytest.mark.parametrize(
    ("by", "name", "line", "sticks"),
    [
        ("header", "X-User", "X-User: {user}", True),
        ("address", "", "X-User: {user}", True),
        ("request", "", "X-User: {user}", False),
    ],
)
def test_other_keys(split: Host, by: str, name: str, line: str, sticks: bool) -> None:
    split.use(with_sticky(SPLIT, by, name))
    split.install(instances_in_nginx())
    split.switch(percents={"blue": 50, "green": 50}, force=True)
    lines = [line.format(user=user) for user in range(400)]
    first, again = ask_all(lines), ask_all(lines)
    assert (first == again) is sticks
    slots = {name.split("-")[0] for name in first}
    assert slots == ({"blue", "green"} if by != "address" else slots & {"blue", "green"})
    assert by != "address" or len(set(first)) == 1
    assert "set-cookie" not in get(port=SPLIT.port)[1]


def test_a_header_that_is_missing_is_spread(split: Host) -> None:
    split.use(with_sticky(SPLIT, "header", "X-User"))
    split.install(instances_in_nginx())
    split.switch(percents={"blue": 50, "green": 50}, force=True)
    assert len(set(ask_all(["X-Other: 1"] * 400))) == 4


def test_the_status_port_and_the_public_port_agree(split: Host) -> None:
    split.switch(percents=BLUE, force=True)
    assert {name.split("-")[0] for name in split.routes()} == {"blue"}
    assert {name.split("-")[0] for name in ask_all(["X-Other: 1"] * 400)} == {"blue"}
