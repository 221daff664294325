# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What flag_set and flag_info return and hide, run as Ansible runs them, transport aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.parameters import PASS_VARS
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._flags.model import wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.unleash import Unleash
from ansible_collections.slipway.release.plugins.modules import flag_info, flag_set

from tests.unit.running import module_output, module_result

from .conftest import Service
from .stores import CONFIGMAP_KIND, ENV_KIND, FLAGD_KIND, JSON_KIND, TOML_KIND, Kind

# Older versions of Ansible always return it.
ASKS_FOR_INVOCATION = "inject_invocation" in PASS_VARS
Evaluate = Callable[..., str]


def of(kind: Kind, directory: Path) -> dict[str, Any]:
    kind.store(directory)
    return {"kind": kind.kind, "path": str(directory / kind.file), **kind.options}


def test_it_sets_says_what_it_did_and_does_nothing_twice(tmp_path: Path) -> None:
    options = {"name": "fresh", "strategy": "gradual", "percentage": 10, "store": of(FLAGD_KIND, tmp_path)}
    first = module_result(flag_set, **options, _ansible_diff=True)
    assert (first["changed"], first["before"], first["users"]) == (True, None, "keep")
    assert first["diff"] == {"before": {}, "after": first["flag"]}
    assert (first["flag"]["strategy"], first["flag"]["percentage"]) == ("gradual", 10)
    assert (first["takes_effect"], first["verified"]["by"]) == ("at_once", first["store"])
    second = module_result(flag_set, **options)
    assert (second["changed"], second["before"]) == (False, first["flag"])
    assert module_result(flag_set, **{**options, "percentage": 5})["users"] == "lose"


def test_check_mode_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    options = {"name": "search", "strategy": "off", "store": of(JSON_KIND, tmp_path)}
    text = (tmp_path / JSON_KIND.file).read_bytes()
    result = module_result(flag_set, **options, _ansible_check_mode=True)
    assert (result["changed"], result["flag"]["strategy"], result["verified"]) == (True, "off", None)
    assert (tmp_path / JSON_KIND.file).read_bytes() == text


@pytest.mark.parametrize("kind", [FLAGD_KIND, JSON_KIND])
def test_a_killed_flag_stays_so_until_it_is_revived(kind: Kind, tmp_path: Path) -> None:
    where = of(kind, tmp_path)
    name = "search" if kind is FLAGD_KIND else "banner"
    assert module_result(flag_set, name=name, strategy="kill_switch", store=where)["changed"]
    for strategy in ("full", "off"):
        refused = module_result(flag_set, name=name, strategy=strategy, store=where)
        assert "was killed" in refused["msg"]
        assert "revive" in refused["error"]["remedy"]
    assert not module_result(flag_set, name=name, strategy="kill_switch", store=where)["changed"]
    assert module_result(flag_set, name=name, strategy="full", store=where, revive=True)["changed"]


def test_users_are_not_drawn_anew_while_some_have_the_feature(tmp_path: Path) -> None:
    options: dict[str, Any] = {"name": "fresh", "strategy": "gradual", "store": of(FLAGD_KIND, tmp_path)}
    module_result(flag_set, **options, percentage=10)
    refused = module_result(flag_set, **options, percentage=25, sticky="account")
    assert "they would be others" in refused["msg"]
    assert module_result(flag_set, **options, percentage=0)["changed"]
    assert module_result(flag_set, **options, percentage=25, sticky="account")["changed"]


def test_a_kill_switch_says_what_an_operator_must_still_do(tmp_path: Path) -> None:
    result = module_result(flag_set, name="serach", strategy="kill_switch", store=of(ENV_KIND, tmp_path))
    assert result["takes_effect"] == "on_restart"
    assert any("restart them" in str(text) for text in result["warnings"])
    assert any("see that its name is right" in str(text) for text in result["warnings"])
    known = module_result(flag_set, name="banner", strategy="kill_switch", store=of(JSON_KIND, tmp_path))
    assert "warnings" not in known
    boolean = module_result(flag_set, name="search", strategy="kill_switch", store=of(JSON_KIND, tmp_path))
    assert boolean["verified"]
    assert any("not remembered" in str(text) for text in boolean["warnings"])


def test_an_evaluator_is_asked_and_believed(tmp_path: Path, evaluator: Evaluate) -> None:
    where = of(FLAGD_KIND, tmp_path)
    url = evaluator(tmp_path / FLAGD_KIND.file)
    for more in (
        {"strategy": "full", "tenants": {"t1": False}},
        {"strategy": "canary", "segments": ["beta"]},
        {"strategy": "gradual", "percentage": 50, "tenants": {"t1": True}},
        {"strategy": "off"},
        {"strategy": "kill_switch"},
    ):
        result = module_result(flag_set, name="fresh", store=where, evaluator={"url": url}, **more)
        assert result["verified"]["by"] == url, result
    old = evaluator(tmp_path / FLAGD_KIND.file, frozen=FLAGD_KIND.text)
    failed = module_result(flag_set, name="search", strategy="off", store=where, evaluator={"url": old}, verify=1)
    assert "after 1 s the evaluator gives True where it must give False" in failed["msg"]


@pytest.mark.parametrize(
    "more",
    [
        {"strategy": "gradual", "percentage": 10, "tenants": {"acme": True, "t2": False}, "sticky": "tenant"},
        {"strategy": "canary", "segments": ["beta"], "sticky": "segment"},
    ],
)
def test_an_evaluator_is_asked_about_tenants_and_segments_that_users_are_drawn_by(
    more: dict[str, Any], tmp_path: Path, evaluator: Evaluate
) -> None:
    where = of(FLAGD_KIND, tmp_path)
    asked = {"url": evaluator(tmp_path / FLAGD_KIND.file)}
    assert module_result(flag_set, name="fresh", store=where, evaluator=asked, verify=0, **more)["verified"]


def test_what_a_killed_flag_was_is_not_guessed(tmp_path: Path) -> None:
    result = module_result(flag_set, name="banner", strategy="kill_switch", store=of(FLAGD_KIND, tmp_path))
    assert "no boolean flag" in result["msg"]
    where = {"kind": "env", "path": str(tmp_path / "flags.env"), "prefix": "SHOP"}
    (tmp_path / "flags.env").write_text("SHOP_FF_A=yes\n", encoding="utf-8")
    result = module_result(flag_set, name="a", strategy="kill_switch", store=where)
    assert (result["before"], result["users"]) == (None, "lose")
    assert not any("its name is right" in str(text) for text in result["warnings"])
    assert any("is not understood" in str(text) for text in result["warnings"])


def test_of_a_manifest_it_is_said_that_it_must_be_applied(tmp_path: Path) -> None:
    result = module_result(flag_set, name="search", strategy="kill_switch", store=of(CONFIGMAP_KIND, tmp_path))
    assert any("apply the manifest" in str(text) for text in result["warnings"])


def test_flags_that_cannot_be_listed_are_reported_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(_self: Unleash) -> list[str]:
        raise SystemFailure("the body is longer than 1048576 bytes", where="http://x", remedy="")

    monkeypatch.setattr(Unleash, "names", too_much)
    monkeypatch.setattr(Unleash, "find", lambda _self, name: wanted(name, "full"))
    where = {"kind": "unleash", "url": "http://x", "environment": "e", "token": "an admin token"}
    given = {"store": where, "schema": SCHEMA, "flags": [], "names": [], "environment": "production"}
    result = flag_info.run(given)
    assert (sorted(result["flags"]), result["report"]["unknown"]) == (["banner", "headline", "hipaa", "search"], [])
    assert "cannot be listed" in result["warnings"][0]
    with pytest.raises(SystemFailure):
        flag_info.run({**given, "schema": []})


def test_a_service_that_does_not_do_as_told_is_found_out(service: Service) -> None:
    service.flags["fresh"] = {"enabled": True}
    service.ignores = True
    where = {"kind": "rest", "url": service.url}
    failed = module_result(flag_set, name="fresh", strategy="kill_switch", store=where, verify=1)
    assert "after 1 s the store has full with 100 %" in failed["msg"]


def test_nothing_that_is_written_holds_a_secret(service: Service) -> None:
    service.status = 401
    where = {
        "kind": "rest",
        "url": service.url,
        "secret_headers": {"Authorization": "Bearer s3cr3t-token"},
    }
    shown = {"_ansible_verbosity": 4, **({"_ansible_inject_invocation": True} if ASKS_FOR_INVOCATION else {})}
    text = module_output(flag_set, name="fresh", strategy="off", store=where, **shown)
    if '"invocation"' in text:
        assert '"invocation": {"options": ["app"' in text
    assert service.requests[0][2]["Authorization"] == "Bearer s3cr3t-token"
    assert "status 401" in text
    assert "s3cr3t" not in text


@pytest.mark.parametrize(
    ("where", "place"),
    [
        ({"kind": "flagd"}, "store.path"),
        ({"kind": "flagd", "path": "flags.json"}, "store.path"),
        ({"kind": "flagd", "path": "/x", "prefix": "SHOP"}, "store.prefix"),
        ({"kind": "env", "path": "/x"}, "store.prefix"),
        ({"kind": "env", "path": "/x", "prefix": "shop"}, "store.prefix"),
        ({"kind": "rest"}, "store.url"),
        ({"kind": "rest", "url": "ftp://x"}, "store.url"),
        ({"kind": "rest", "url": "http://x?key=a"}, "store.url"),
        ({"kind": "rest", "url": "http://x", "api_path": "x"}, "store.api_path"),
        ({"kind": "unleash", "url": "http://x", "environment": "e"}, "store.token"),
        ({"kind": "unleash", "url": "http://x", "token": "an admin token"}, "store.environment"),
        ({"kind": "configmap", "path": "/x", "prefix": "SHOP", "create": True}, "store.configmap"),
    ],
)
def test_a_store_that_cannot_be_is_refused_where_it_stands(where: dict[str, Any], place: str) -> None:
    assert module_result(flag_set, name="fresh", strategy="off", store=where)["error"]["where"] == place


SCHEMA = [
    {"name": "search", "defaults": {"production": True, "development": False}},
    {"name": "banner", "deprecated": True, "replaced_by": "headline"},
    {"name": "headline", "defaults": {"production": False, "staging": True}},
    {"name": "hipaa"},
]


def test_the_schema_of_a_release_is_compared_with_the_store(tmp_path: Path) -> None:
    where = of(TOML_KIND, tmp_path)
    result = module_result(flag_info, store=where, schema=SCHEMA, environment="production")
    assert result["report"] == {
        "new": ["headline", "hipaa"],
        "deprecated": [{"name": "banner", "replaced_by": "headline"}],
        "unknown": ["lru_cache", "verbose"],
        "differs": [],
    }
    assert [(flag["name"], flag["strategy"]) for flag in result["due"]] == [("headline", "off")]
    assert sorted(result["flags"]) == ["banner", "search"]
    staging = module_result(flag_info, store=where, schema=SCHEMA, environment="staging")
    assert [(flag["name"], flag["strategy"]) for flag in staging["due"]] == [("headline", "full")]
    development = module_result(flag_info, store=where, schema=SCHEMA, environment="development")
    assert (development["report"]["differs"], development["due"]) == (["search"], [])


def test_what_is_asked_for_holds_and_must_be_known(tmp_path: Path) -> None:
    where = of(TOML_KIND, tmp_path)
    asked = [{"name": "search", "strategy": "off"}, {"name": "headline", "strategy": "full"}]
    result = module_result(flag_info, store=where, schema=SCHEMA, flags=asked)
    assert [(flag["name"], flag["strategy"]) for flag in result["due"]] == [("search", "off"), ("headline", "full")]
    wrong = module_result(flag_info, store=where, schema=SCHEMA, flags=[{"name": "serach", "strategy": "off"}])
    assert wrong["error"]["where"] == "flags[0].name"
    assert "did you mean search" in wrong["msg"]
    killed = module_result(flag_info, store=where, schema=SCHEMA, flags=[{"name": "x", "strategy": "kill_switch"}])
    assert killed["due"][0]["name"] == "x"


def test_without_a_schema_all_flags_are_reported(tmp_path: Path) -> None:
    result = module_result(flag_info, store=of(FLAGD_KIND, tmp_path))
    assert result["flags"]["banner"] is None
    assert result["flags"]["search"]["strategy"] == "full"
    assert result["report"] == {"new": [], "deprecated": [], "unknown": [], "differs": []}
    assert json.dumps(result["due"]) == "[]"
