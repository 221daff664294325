# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stores that are files: what is set is read back, and nothing else in the file changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._flags import configmap, toml_file
from ansible_collections.slipway.release.plugins.module_utils._flags.base import Unmanaged
from ansible_collections.slipway.release.plugins.module_utils._flags.model import wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.set import Request, set_flag

from .stores import CONFIGMAP_KIND, ENV_KIND, FLAGD_KIND, JSON_KIND, KINDS, TOML_KIND, Kind, changed, full

tomllib = pytest.importorskip("tomllib")
BOOLEAN = (JSON_KIND, "search")
EACH = pytest.mark.parametrize("kind", KINDS, ids=[kind.kind for kind in KINDS])
SHARING = pytest.mark.parametrize("kind", KINDS[:2], ids=[kind.kind for kind in KINDS[:2]])


def loaded_env(text: str) -> dict[str, str]:
    words = [line.split("#")[0].replace("export ", "").strip() for line in text.splitlines()]
    return {word.partition("=")[0]: word.partition("=")[2].strip('"') for word in words if word}


READERS: dict[str, Callable[[str], Any]] = {
    "flagd": json.loads,
    "json": json.loads,
    "env": loaded_env,
    "toml": tomllib.loads,
    "configmap": lambda text: list(yaml.safe_load_all(text)),
}


@EACH
@pytest.mark.parametrize("name", ["search", "fresh", "lru_cache"])
@pytest.mark.parametrize("strategy", ["off", "full", "kill_switch"])
def test_what_is_set_is_read_back_and_setting_it_again_changes_nothing(
    kind: Kind, name: str, strategy: str, tmp_path: Path
) -> None:
    provider = kind.store(tmp_path)
    changed(provider, name, strategy)
    text = provider.path.read_bytes()  # type: ignore[attr-defined]
    found = provider.find(name)
    assert found is not None
    assert found.percentage == (100 if strategy == "full" else 0)
    assert found.killed is (strategy == "kill_switch" and provider.capabilities.marks and (kind, name) != BOOLEAN)
    assert not changed(provider, name, strategy).written
    assert provider.path.read_bytes() == text  # type: ignore[attr-defined]


@EACH
def test_the_one_flag_is_all_that_changes(kind: Kind, tmp_path: Path) -> None:
    provider = kind.store(tmp_path)
    path = tmp_path / kind.file
    read = READERS[kind.kind]
    for name, strategy in (("search", "off"), ("fresh", "full"), ("search", "full"), ("fresh", "off")):
        changed(provider, name, strategy)
    after = read(path.read_text(encoding="utf-8"))
    original = read(kind.text)
    assert set(provider.names()) >= {"search", "banner", "fresh"}
    if kind.kind in ("flagd", "json"):
        assert after["flags"].pop("fresh")
        after["flags"]["search"] = original["flags"]["search"]
    elif kind.kind == "env":
        assert after.pop("SHOP_FF_FRESH") == "0"
    elif kind.kind == "toml":
        assert sorted(after["feature_flags"]["disabled"]) == ["banner", "fresh", "verbose"]
        assert sorted(after["feature_flags"]["enabled"]) == ["lru_cache", "search"]
        after["feature_flags"] = original["feature_flags"]
    else:
        assert after[1]["data"].pop("SHOP_FF_FRESH") == "0"
    assert after == original


@pytest.mark.parametrize("kind", KINDS[2:], ids=[kind.kind for kind in KINDS[2:]])
def test_comments_and_foreign_lines_stay(kind: Kind, tmp_path: Path) -> None:
    provider = kind.store(tmp_path)
    for name in ("search", "banner", "fresh"):
        changed(provider, name, "off")
        changed(provider, name, "full")
    text = (tmp_path / kind.file).read_text(encoding="utf-8")
    for comment in [line[line.index("#") :].strip() for line in kind.text.splitlines() if "#" in line]:
        assert comment in text
    touched = ("search", "banner", "feature_flags", "lru_cache", "ENABLED", "since", "]")
    for line in kind.text.splitlines():
        if not any(word.lower() in line.lower() for word in touched):
            assert line in text.splitlines()


@EACH
def test_mode_owner_and_link_are_kept(kind: Kind, tmp_path: Path) -> None:
    path = tmp_path / kind.file
    provider = kind.store(tmp_path)
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / kind.file
    link.symlink_to(path)
    provider.path = link  # type: ignore[attr-defined]
    changed(provider, "search", "kill_switch")
    after = path.stat()
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert link.is_symlink()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted(["elsewhere", kind.file])


@EACH
def test_a_missing_file_is_refused_and_made_where_that_is_asked_for(kind: Kind, tmp_path: Path) -> None:
    named = {"configmap": "shop-flags"} if kind.kind == "configmap" else {}
    provider = kind.store(tmp_path, create=True, **named)
    provider.create = False  # type: ignore[attr-defined]
    with pytest.raises(StateError, match="no such file"):
        changed(provider, "fresh", "kill_switch")
    provider.create = True  # type: ignore[attr-defined]
    changed(provider, "fresh", "full")
    found = provider.find("fresh")
    assert found is not None
    assert found.on_for_all
    READERS[kind.kind]((tmp_path / kind.file).read_text(encoding="utf-8"))


@EACH
def test_dry_nothing_is_written_and_it_is_said_what_would_be(kind: Kind, tmp_path: Path) -> None:
    provider = kind.store(tmp_path)
    text = (tmp_path / kind.file).read_bytes()
    assert provider.change(full("fresh"), lambda _before: None, dry=True).written
    assert not provider.change(full("search"), lambda _before: None, dry=True).written or kind.kind == "flagd"
    assert (tmp_path / kind.file).read_bytes() == text


@SHARING
@pytest.mark.parametrize(
    ("strategy", "more"),
    [
        ("gradual", {"percentage": 25}),
        ("gradual", {"percentage": 0}),
        ("gradual", {"percentage": 100}),
        ("gradual", {"percentage": 25, "segments": ["beta", "staff"]}),
        ("gradual", {"percentage": 25, "sticky": "account"}),
        ("canary", {"segments": ["beta"]}),
        ("canary", {"segments": ["beta"], "percentage": 5}),
        ("canary", {"segments": ["beta"], "percentage": 0, "tenants": {"t1": True}}),
        ("gradual", {"percentage": 10, "tenants": {"t1": True, "t2": False, "t3": True}}),
        ("off", {"tenants": {"t1": True}}),
        ("full", {"tenants": {"t1": False}}),
    ],
)
def test_shares_segments_and_tenants_are_read_back(
    kind: Kind, strategy: str, more: dict[str, Any], tmp_path: Path
) -> None:
    provider = kind.store(tmp_path)
    asked = changed(provider, "fresh", strategy, **more).after
    assert provider.find("fresh") == asked
    assert not changed(provider, "fresh", strategy, **more).written


def test_a_flag_that_is_true_or_false_stays_one_for_those_who_test_it(tmp_path: Path) -> None:
    provider = JSON_KIND.store(tmp_path)
    for strategy, value in (("kill_switch", False), ("full", True), ("off", False)):
        changed(provider, "search", strategy)
        assert json.loads((tmp_path / JSON_KIND.file).read_bytes())["flags"]["search"] is value
    with pytest.raises(Unmanaged, match="only true or false"):
        changed(provider, "search", "gradual", percentage=10)


@pytest.mark.parametrize("kind", KINDS[2:], ids=[kind.kind for kind in KINDS[2:]])
def test_stores_of_on_and_off_refuse_shares(kind: Kind, tmp_path: Path) -> None:
    provider = kind.store(tmp_path)
    provider.refuse(full("a"))
    with pytest.raises(InputError, match="keeps on and off only"):
        provider.refuse(wanted("a", "gradual", percentage=5))
    with pytest.raises(InputError, match="keeps on and off only"):
        provider.refuse(wanted("a", "off", tenants={"t": True}))


BROKEN = [
    (FLAGD_KIND, '{"flags": {}, "flags": {}}', "twice"),
    (FLAGD_KIND, '{"flags": []}', "no object"),
    (JSON_KIND, "{", "no sound JSON"),
    (TOML_KIND, '[feature_flags]\nenabled = ["a"]\nenabled = ["b"]\n', "twice"),
    (TOML_KIND, 'feature_flags = {enabled = ["a"]}\n', "not written as"),
    (TOML_KIND, 'feature_flags.enabled = ["a"]\n', "not written as"),
    (TOML_KIND, '[feature_flags]\nenabled = ["a"\n', "open at the end"),
    (TOML_KIND, 'x = "a\n', "no TOML"),
    (CONFIGMAP_KIND, "kind: Service\n", "no ConfigMap"),
    (CONFIGMAP_KIND, "kind: ConfigMap\ndata: {a: b}\n", "one key a line"),
    (CONFIGMAP_KIND, "kind: ConfigMap\ndata: {}\n---\nkind: ConfigMap\ndata: {}\n", "several"),
    (CONFIGMAP_KIND, 'kind: ConfigMap\ndata:\n  SHOP_FF_A: "1"\n  SHOP_FF_A: "0"\n', "twice"),
]


@pytest.mark.parametrize(("kind", "text", "said"), BROKEN)
def test_a_file_that_is_not_understood_is_refused_and_left_alone(
    kind: Kind, text: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / kind.file).write_text(text, encoding="utf-8")
    with pytest.raises(StateError, match=said):
        changed(kind.store(tmp_path), "a", "full")
    assert (tmp_path / kind.file).read_text(encoding="utf-8") == text


TARGETED = """{"flags": {"a": {"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
"targeting": {"if": [{"ends_with": [{"var": "email"}, "x"]}, "on"]}}}}
"""
STRANGE = [
    (FLAGD_KIND, '{"flags": {"a": {"state": "DISABLED", "variants": {"on": true, "off": false}}}}'),
    (FLAGD_KIND, TARGETED),
    (JSON_KIND, '{"flags": {"a": {"enabled": true, "rollout": {"strategy": "ring", "percentage": 5}}}}'),
    (ENV_KIND, "SHOP_FF_A=yes please\n"),
    (ENV_KIND, "SHOP_FF_A=1\nSHOP_FF_A=0\n"),
    (TOML_KIND, '[feature_flags]\nenabled = ["a"]\ndisabled = ["a"]\n'),
    (CONFIGMAP_KIND, "kind: ConfigMap\ndata:\n  SHOP_FF_A: on\n"),
    (CONFIGMAP_KIND, "kind: ConfigMap\ndata:\n  SHOP_FF_A: |\n    1\n"),
]


@pytest.mark.parametrize(("kind", "text"), STRANGE)
def test_a_flag_that_is_not_understood_is_ended_by_a_kill_switch_alone(kind: Kind, text: str, tmp_path: Path) -> None:
    (tmp_path / kind.file).write_text(text, encoding="utf-8")
    provider = kind.store(tmp_path)
    with pytest.raises(Unmanaged):
        changed(provider, "a", "full")
    assert (tmp_path / kind.file).read_text(encoding="utf-8") == text
    changed(provider, "a", "kill_switch")
    found = provider.find("a")
    assert found is not None
    assert found.off_for_all


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("export SHOP_FF_A=1 SHOP_FF_B=1 DB=x # c\n", "export SHOP_FF_A=0\nexport SHOP_FF_B=1 DB=x # c\n"),
        ('export SHOP_FF_A="yes please" # c\n', "export SHOP_FF_A=0 # c\n"),
        ("SHOP_FF_A=yes B=2", "SHOP_FF_A=0\nB=2\n"),
    ],
)
def test_a_kill_switch_keeps_the_export_and_other_variables_of_a_line(text: str, after: str, tmp_path: Path) -> None:
    (tmp_path / ENV_KIND.file).write_text(text, encoding="utf-8")
    provider = ENV_KIND.store(tmp_path)
    changed(provider, "a", "kill_switch")
    assert (tmp_path / ENV_KIND.file).read_text(encoding="utf-8") == after
    found = provider.find("a")
    assert found is not None
    assert found.off_for_all


EXPORTED = "export SHOP_FF_B=1"
MULTI = 'SHOP_NOTE="a\nSHOP_FF_A=1\n"\n'


@pytest.mark.parametrize(
    ("text", "after"),
    [
        (f"{EXPORTED}\n", f"{EXPORTED}\nexport SHOP_FF_A=0\n"),
        ("export DB=x\n", "export DB=x\nexport SHOP_FF_A=0\n"),
        (f"DB=x\n{EXPORTED}\n", f"DB=x\n{EXPORTED}\nexport SHOP_FF_A=0\n"),
        ("export DB=x\nSHOP_FF_B=1\n", "export DB=x\nSHOP_FF_B=1\nSHOP_FF_A=0\n"),
        (MULTI, f"{MULTI}SHOP_FF_A=0\n"),
        ("MOTD='it\nSHOP_FF_A=1\n", "MOTD='it\nSHOP_FF_A=0\n"),
    ],
)
def test_a_new_variable_is_exported_like_the_others_and_set_where_it_counts(
    text: str, after: str, tmp_path: Path
) -> None:
    (tmp_path / ENV_KIND.file).write_text(text, encoding="utf-8")
    provider = ENV_KIND.store(tmp_path)
    changed(provider, "a", "kill_switch")
    assert (tmp_path / ENV_KIND.file).read_text(encoding="utf-8") == after


@pytest.mark.parametrize(
    ("kind", "text", "after"),
    [
        (ENV_KIND, b"# caf\xe9\nSHOP_FF_A=1\n", b"# caf\xe9\nSHOP_FF_A=0\n"),
        (
            CONFIGMAP_KIND,
            b'kind: ConfigMap\ndata:\n  SHOP_FF_A: "1"\n  x: "2"\n  SHOP_FF_A: "1"\n',
            b'kind: ConfigMap\ndata:\n  SHOP_FF_A: "0"\n  x: "2"\n  SHOP_FF_A: "0"\n',
        ),
        (
            CONFIGMAP_KIND,
            b"kind: ConfigMap\nmetadata: {}\n",
            b'kind: ConfigMap\ndata:\n  SHOP_FF_A: "0"\nmetadata: {}\n',
        ),
        (CONFIGMAP_KIND, b"kind: ConfigMap", b'kind: ConfigMap\ndata:\n  SHOP_FF_A: "0"\n'),
        (
            CONFIGMAP_KIND,
            b"kind: ConfigMap\ndata:\n  motd: |\n    Hello",
            b'kind: ConfigMap\ndata:\n  SHOP_FF_A: "0"\n  motd: |\n    Hello',
        ),
        (
            CONFIGMAP_KIND,
            'kind: ConfigMap\r\ndata:\n  SHOP_FF_A: "1"\n  x: "a\u2028b\u0085c"\n'.encode(),
            'kind: ConfigMap\r\ndata:\n  SHOP_FF_A: "0"\n  x: "a\u2028b\u0085c"\n'.encode(),
        ),
        (
            CONFIGMAP_KIND,
            b'kind: ConfigMap\nbase: &x {a: "1"}\ndata:\n  SHOP_FF_A: "1"\n  <<: *x\n',
            b'kind: ConfigMap\nbase: &x {a: "1"}\ndata:\n  SHOP_FF_A: "0"\n  <<: *x\n',
        ),
        (
            JSON_KIND,
            b'{\r\n  "flags": {\r\n    "a": true\r\n  }\r\n}\r\n',
            b'{\r\n  "flags": {\r\n    "a": false\r\n  }\r\n}\r\n',
        ),
        (
            JSON_KIND,
            '{"x": "\\ud800 \u00e9", "flags": {"a": true}}'.encode(),
            b'{"x": "\\ud800 \\u00e9", "flags": {"a": false}}',
        ),
        (
            TOML_KIND,
            b'[feature_flags]\r\nenabled = [\r\n  "a",\r\n]\r\n',
            b'[feature_flags]\r\nenabled = [\r\n]\r\ndisabled = ["a"]\r\n',
        ),
    ],
)
@pytest.mark.parametrize("readers", [True, False])
def test_a_kill_switch_changes_the_flag_and_no_byte_beside_it(
    kind: Kind, text: bytes, after: bytes, readers: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not readers:
        for module in (configmap, toml_file):
            monkeypatch.setattr(module, "reader", lambda _name: None)
    (tmp_path / kind.file).write_bytes(text)
    provider = kind.store(tmp_path)
    changed(provider, "a", "kill_switch")
    assert (tmp_path / kind.file).read_bytes() == after
    found = provider.find("a")
    assert found is not None
    assert found.off_for_all


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (CONFIGMAP_KIND, 'kind: ConfigMap\ndata:\n  SHOP_FF_A: &on "1"\n  x: *on\n', "anchor"),
        (TOML_KIND, "[feature_flags]\nenabled = [1]\n", "no array of strings"),
        (TOML_KIND, '[feature_flags]\ndisabled = "all"\n', "no array of strings"),
        (JSON_KIND, '{"x": 1e400, "flags": {"a": true}}', "no number"),
        (JSON_KIND, '{"x": NaN, "flags": {"a": true}}', "no number"),
    ],
)
def test_what_cannot_be_edited_safely_is_left_alone(
    kind: Kind, text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (configmap, toml_file):
        monkeypatch.setattr(module, "reader", lambda _name: None)
    (tmp_path / kind.file).write_text(text, encoding="utf-8")
    with pytest.raises(StateError, match=said):
        changed(kind.store(tmp_path), "a", "kill_switch")
    assert (tmp_path / kind.file).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    "variants",
    [{"on": True, "no": False, "off": False}, {"on": True}, {"on": "a", "off": "b"}],
)
def test_a_kill_switch_serves_what_is_off_among_variants_of_others(variants: dict[str, Any], tmp_path: Path) -> None:
    flag = {"state": "ENABLED", "variants": variants, "defaultVariant": "on"}
    (tmp_path / FLAGD_KIND.file).write_text(json.dumps({"flags": {"a": flag}}), encoding="utf-8")
    provider = FLAGD_KIND.store(tmp_path)
    changed(provider, "a", "kill_switch")
    made = json.loads((tmp_path / FLAGD_KIND.file).read_text(encoding="utf-8"))["flags"]["a"]
    assert made["defaultVariant"] == "off"
    assert made["variants"].items() >= variants.items()
    found = provider.find("a")
    assert found is not None
    assert found.killed


@pytest.mark.parametrize("name", ["team:checkout", "_beta", "checkout-", "x~y"])
def test_a_kill_switch_takes_any_name_that_the_store_has(name: str, tmp_path: Path) -> None:
    (tmp_path / JSON_KIND.file).write_text(json.dumps({"flags": {name: {"enabled": True}}}), encoding="utf-8")
    provider = JSON_KIND.store(tmp_path)
    assert set_flag(provider, Request(wanted(name, "kill_switch")))["changed"]
    with pytest.raises(InputError, match="there is no flag"):
        set_flag(provider, Request(wanted(f"{name}~", "kill_switch")))
    with pytest.raises(InputError, match="no name of a flag"):
        wanted(name, "off")


EDITS = r"""
import os, sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from tests.unit.flags.stores import KINDS, changed
kind = next(kind for kind in KINDS if kind.kind == sys.argv[1])
provider = kind.store(Path(sys.argv[2]))
wait, go = os.pipe()
children = []
for number in range(16):
    children.append(os.fork())
    if children[-1] == 0:
        os.close(go)
        os.read(wait, 1)
        for strategy in ("off", "full") * 3:
            changed(provider, f"flag_{number}", strategy)
        os._exit(0)
os.close(go)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@EACH
def test_concurrent_edits_of_other_flags_all_survive(kind: Kind, tmp_path: Path) -> None:
    kind.store(tmp_path)
    names = [f"flag_{number}" for number in range(16)]
    command = [sys.executable, "-c", EDITS, kind.kind, str(tmp_path), *sys.path]
    assert subprocess.run(command, timeout=120, check=False).returncode == 0
    provider = kind.store(tmp_path)
    assert [name for name in names if not (found := provider.find(name)) or not found.on_for_all] == []
    assert {"search", "banner"} <= set(provider.names())
    assert sorted(path.name for path in tmp_path.iterdir()) == [kind.file]
