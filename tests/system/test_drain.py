# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is still in the spare slot ends before the slot is overwritten."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.system.fleet import DRAINING, PLACING, Fleet


@contextmanager
def stream(fleet: Fleet) -> Iterator[http.client.HTTPResponse]:
    """A long answer with one line a second, through the virtual address."""
    connection = http.client.HTTPConnection(fleet.address.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", "/stream?seconds=600")
        yield connection.getresponse()
    finally:
        connection.close()


def version_of(line: bytes) -> str:
    """Version that sent a line of the stream."""
    return str(json.loads(line)["version"])


def lines_until_now(answer: http.client.HTTPResponse, began: float, further: int) -> list[bytes]:
    """The lines that have come since the stream began, and further ones, one a second."""
    wanted = time.monotonic() - began + further
    found = [answer.readline()]
    while json.loads(found[-1])["line"] < wanted:
        found.append(answer.readline())
    return found


def test_a_slot_is_overwritten_when_its_long_lived_connections_have_ended(fleet: Fleet) -> None:
    before = fleet.active()["version"]
    with stream(fleet) as answer:
        began = time.monotonic()
        assert version_of(answer.readline()) == before
        fleet.deploy(fleet.versions.fresh())
        version = fleet.versions.fresh()
        run = fleet.start("deploy", version=version, drain_deadline="80")
        run.wait_for(DRAINING)
        lines = lines_until_now(answer, began, further=4)
        assert {version_of(line) for line in lines} == {before}
        assert PLACING not in run.log.read_text(encoding="utf-8")
    done = run.finish()
    assert done.code == 0, done.reason()
    fleet.require_active(version)


def test_what_does_not_end_is_cut_at_the_deadline(nginx: Fleet) -> None:
    before = nginx.active()["version"]
    with stream(nginx) as answer:
        assert version_of(answer.readline()) == before
        nginx.deploy(nginx.versions.fresh())
        nginx.deploy(nginx.versions.fresh(), drain_deadline="2")
        rest = answer.read()
    assert b"\n" in rest
    assert version_of(rest.splitlines()[-1]) == before
