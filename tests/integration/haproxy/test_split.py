# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How exactly HAProxy splits, and that raising a percent never moves a user back.

Behind the application stand listeners of the same HAProxy that answer at once, so that many keys can be asked.
"""

from __future__ import annotations

import random
import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import Sticky

from .conftest import CONFIG, PORT, Host, with_servers

KEYS = 60_000
USERS = 10_000
CHI_SQUARE = 10.828  # one degree of freedom, alpha 0.001
STUBS = {"blue": 9181, "green": 9182}
STUB = Path("/etc/haproxy/slipway/zz-stub.cfg")
_SLOT = re.compile(rb"x-slot: (\w+)\r\n")


@pytest.fixture(scope="module")
def fast(installed: Host) -> Iterator[Host]:
    """HAProxy whose application answers from inside HAProxy."""
    STUB.write_text(
        "defaults stub\n    mode http\n    timeout client 60s\n    timeout server 60s\n    timeout connect 1s\n"
        + "".join(
            f"frontend stub-{slot} from stub\n    bind 127.0.0.1:{port}\n"
            f"    http-request return status 200 hdr X-Slot {slot}\n"
            for slot, port in STUBS.items()
        ),
        encoding="utf-8",
    )
    servers = {slot: {"app1": f"127.0.0.1:{port}"} for slot, port in STUBS.items()}
    host = Host(with_servers(CONFIG, **servers))
    host.install()
    host.reset()
    yield host
    STUB.unlink()
    installed.install()


def slots(keys: Sequence[str], header: str = "Cookie: slipway={}") -> list[str]:
    """The slot of each key, asked over a few connections with many requests in flight."""
    found: list[str] = []
    with socket.create_connection(("127.0.0.1", PORT), timeout=20) as connection:
        for start in range(0, len(keys), 100):
            part = keys[start : start + 100]
            lines = (f"GET / HTTP/1.1\r\nHost: shop\r\n{header.format(key)}\r\n\r\n" for key in part)
            connection.sendall("".join(lines).encode())
            received = b""
            while received.count(b"\r\n\r\n") < len(part):
                piece = connection.recv(65536)
                assert piece, "HAProxy closed the connection"
                received += piece
            found += [name.decode() for name in _SLOT.findall(received)]
    assert len(found) == len(keys)
    return found


@pytest.mark.parametrize("percent", [1, 5, 10, 25, 50])
def test_percents_are_hit(fast: Host, percent: int) -> None:
    fast.switch(percents={"blue": 100 - percent, "green": percent}, force=True)
    seed = random.SystemRandom().randrange(2**32)
    chosen = random.Random(seed)
    green = slots([f"{chosen.getrandbits(64):x}" for _round in range(KEYS)]).count("green")
    expected = KEYS * percent / 100
    statistic = (green - expected) ** 2 / expected + (green - expected) ** 2 / (KEYS - expected)
    print(f"seed {seed}: {green} of {KEYS} for {percent} %, chi-square {statistic:.2f}")
    assert statistic < CHI_SQUARE, f"seed {seed}: {green} of {KEYS} keys for {percent} %"
    assert abs(green * 100 / KEYS - percent) <= 0.6


@pytest.mark.parametrize("pattern", ["{}", "user-{}", "{:08d}", "00000000-0000-0000-0000-{:012d}"])
def test_similar_keys_are_split_as_well_as_random_ones(fast: Host, pattern: str) -> None:
    fast.switch(percents={"blue": 90, "green": 10}, force=True)
    keys = [pattern.format(number) for number in range(20_000)]
    assert abs(slots(keys).count("green") * 100 / len(keys) - 10) <= 1.0


def test_without_a_key_users_are_split_too(fast: Host) -> None:
    fast.switch(percents={"blue": 75, "green": 25}, force=True)
    green = slots(["x"] * 20_000, header="X-Nothing: {}").count("green")
    assert abs(green * 100 / 20_000 - 25) <= 1.5


def test_raising_a_percent_never_moves_a_user_back(fast: Host) -> None:
    users = [f"user-{number}" for number in range(USERS)]
    fast.switch(percents={"blue": 100, "green": 0}, force=True)
    before = slots(users)
    assert set(before) == {"blue"}
    for percent in (1, 5, 10, 25, 50, 75, 99, 100):
        fast.switch(percents={"blue": 100 - percent, "green": percent}, force=True)
        after = slots(users)
        back = [user for user, old, new in zip(users, before, after) if (old, new) == ("green", "blue")]
        assert not back
        before = after
    assert set(before) == {"green"}


@pytest.mark.parametrize("sticky", ["header", "address", "request"])
def test_other_keys(fast: Host, sticky: str) -> None:
    name = "X-User" if sticky == "header" else ""
    other = Host(replace(fast.config, sticky=Sticky(sticky, name)))
    other.install()
    other.switch(percents={"blue": 50, "green": 50}, force=True)
    same = set(slots(["same"] * 200, header="X-User: {}"))
    assert len(same) == (2 if sticky == "request" else 1)
    different = slots([str(number) for number in range(2000)], header="X-User: {}").count("green")
    assert (900 < different < 1100) if sticky != "address" else different in (0, 2000)
    missing = set(slots(["x"] * 200, header="X-Nothing: {}"))
    assert len(missing) == (1 if sticky == "address" else 2)
