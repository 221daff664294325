# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store that is a service: its documents, changes in between, and what it refuses."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._flags.base import Provider, Unmanaged
from ansible_collections.slipway.release.plugins.module_utils._flags.factory import store
from ansible_collections.slipway.release.plugins.module_utils._flags.http import Service as Http
from ansible_collections.slipway.release.plugins.module_utils._flags.model import wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.set import Request, set_flag

from .conftest import Service
from .stores import changed


def rest(service: Service) -> Provider:
    return store({"kind": "rest", "url": service.url})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_body_is_sent_once(method: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        asked = Http(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10)
        answer = pool.submit(asked.ask, method, "/x", {"a": 1})
        connection, _address = listener.accept()
        with connection:
            time.sleep(0.1)
            got = connection.recv(65536)
            connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert answer.result() == (204, None)
    assert got.startswith(f"{method} /x HTTP/1.1\r\n".encode())
    assert got.endswith(b'\r\n\r\n{"a": 1}')
    assert got.count(b"Content-Length: 8") == 1


def test_the_documents_have_the_form_of_the_service(service: Service) -> None:
    changed(rest(service), "fresh", "gradual", percentage=25, segments=["beta", "canary"])
    assert service.flags["fresh"] == {
        "enabled": True,
        "kill_switch": False,
        "rollout": {"strategy": "gradual", "percentage": 25, "user_segments": ["beta", "canary"]},
    }
    assert service.requests[-1][:2] == ("PUT", "/feature-flags/fresh")
    changed(rest(service), "fresh", "full")
    assert service.flags["fresh"]["rollout"] == {"strategy": "full", "percentage": 100, "user_segments": ["all"]}
    changed(rest(service), "fresh", "kill_switch")
    assert service.flags["fresh"] == {
        "enabled": False,
        "kill_switch": True,
        "rollout": {"strategy": "kill_switch", "percentage": 0, "user_segments": ["all"]},
    }


def test_what_others_have_in_a_document_stays(service: Service) -> None:
    service.flags["fresh"] = {"enabled": False, "owner": "shop", "rollout": {"note": "x"}}
    changed(rest(service), "fresh", "full")
    assert service.flags["fresh"]["owner"] == "shop"
    assert service.flags["fresh"]["rollout"]["note"] == "x"


@pytest.mark.parametrize(
    ("document", "share", "killed"),
    [
        ({"enabled": False}, 0, False),
        ({"enabled": True}, 100, False),
        ({"enabled": True, "kill_switch": True, "rollout": {"strategy": "full", "percentage": 100.0}}, 0, True),
        ({"enabled": False, "rollout": {"strategy": "gradual", "percentage": 25.0}}, 0, False),
        (
            {"enabled": True, "rollout": {"strategy": "gradual", "percentage": 25.0, "user_segments": ["all"]}},
            25,
            False,
        ),
    ],
)
def test_documents_of_others_are_understood(
    document: dict[str, Any], share: int, killed: bool, service: Service
) -> None:
    service.flags["fresh"] = document
    found = rest(service).find("fresh")
    assert found is not None
    assert (found.percentage, found.killed) == (share, killed)


def test_a_document_of_another_form_is_ended_by_a_kill_switch_alone(service: Service) -> None:
    service.flags["fresh"] = {"enabled": True, "rollout": {"strategy": "ring", "percentage": 12.5}}
    with pytest.raises(Unmanaged):
        changed(rest(service), "fresh", "full")
    changed(rest(service), "fresh", "kill_switch")
    assert service.flags["fresh"]["kill_switch"] is True


def test_what_somebody_else_has_written_in_between_is_not_lost(service: Service) -> None:
    service.flags["fresh"] = {"enabled": True}
    left = [1, 2]

    def in_between(name: str) -> None:
        if left:
            service.flags[name] = {**service.flags[name], "owner": f"shop {left.pop()}"}
            service.versions[name] = service.versions.get(name, 0) + 1

    service.before_put = in_between
    changed(rest(service), "fresh", "off")
    assert service.flags["fresh"]["owner"] == "shop 1"
    assert service.flags["fresh"]["enabled"] is False


def test_a_kill_switch_neither_waits_for_others_nor_for_an_answer_that_reads(service: Service) -> None:
    service.flags["fresh"] = {"enabled": True}
    versions = service.versions

    def always(name: str) -> None:
        versions[name] = versions.get(name, 0) + 1

    service.before_put = always
    with pytest.raises(SlipwayError, match="somebody else"):
        changed(rest(service), "fresh", "off")
    changed(rest(service), "fresh", "kill_switch")
    assert service.flags["fresh"]["kill_switch"] is True
    service.flags["fresh"] = {"enabled": True}
    service.status = 503
    changed(rest(service), "fresh", "kill_switch")
    assert service.flags["fresh"]["kill_switch"] is True


@pytest.mark.parametrize("body", [b"<html>log in</html>", None])
def test_a_kill_switch_does_without_a_document_that_can_be_read(body: bytes | None, service: Service) -> None:
    service.flags["fresh"] = {"enabled": True}
    service.garbled = body
    service.deaf = body is None
    result = set_flag(
        store({"kind": "rest", "url": service.url, "timeout": 1}), Request(wanted("fresh", "kill_switch"), verify=3)
    )
    assert service.flags["fresh"]["kill_switch"] is True
    assert (result["before"], result["users"]) == (None, "lose")
    assert any("not understood" in said for said in result["warnings"])


def test_a_kill_switch_gives_the_tag_to_a_service_that_demands_one(service: Service) -> None:
    service.flags["fresh"] = {"enabled": True}
    service.demands_tag = True
    changed(rest(service), "fresh", "kill_switch")
    assert service.flags["fresh"]["kill_switch"] is True


def test_a_service_that_fails_for_a_moment_is_read_once_more(service: Service) -> None:
    service.flags["fresh"] = {"enabled": True}
    service.fails_after_put = 1
    assert set_flag(rest(service), Request(wanted("fresh", "off"), verify=10))["verified"]
    service.requests.clear()
    service.fails_after_put = 1000
    with pytest.raises(SystemFailure, match="flag fresh was set, and after 0 s answered with status 502"):
        set_flag(rest(service), Request(wanted("fresh", "full"), verify=0))


@pytest.mark.parametrize("document", [{"enabled": True, "kill_switch": 1}, {"enabled": 0}])
def test_a_number_is_neither_true_nor_false(document: dict[str, Any], service: Service) -> None:
    service.flags["fresh"] = document
    with pytest.raises(Unmanaged, match="neither true nor false"):
        rest(service).find("fresh")
