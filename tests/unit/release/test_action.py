# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin: an artifact of the controller travels only when the host needs it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.release.plugins.action.release_place import MODULE, ActionModule
from ansible_collections.slipway.release.plugins.module_utils._release.revision import build, revision_id

WEB = {"name": "web", "kind": "http", "command": "python3 -m shop", "ports": {"blue": 8081, "green": 8082}}


class Plugin(ActionModule):
    """The plugin with a host that is only asked and told."""

    def __init__(self, arguments, *, host_has=False, check=False):
        shell = SimpleNamespace(tmpdir=None, join_path=lambda *parts: "/".join(parts))
        self._task = SimpleNamespace(args=arguments, check_mode=check, async_val=0, diff=False, delegate_to=None)
        self._connection = SimpleNamespace(_shell=shell)
        self.host_has = host_has
        self.asked = []
        self.sent = []
        self.removed = []
        self.executed = None

    def run(self, tmp=None, task_vars=None):
        self._supports_async = True
        return super().run(tmp, task_vars)

    def _make_tmp_path(self, remote_user=None):
        self._connection._shell.tmpdir = "/tmp/ansible-x"
        return "/tmp/ansible-x"

    def _remove_tmp_path(self, tmp_path, force=False):
        self.removed.append(tmp_path)

    def _low_level_execute_command(self, cmd, sudoable=True, **ignored):
        self.asked.append(cmd)
        return {"rc": 0 if self.host_has else 1}

    def _transfer_file(self, local_path, remote_path):
        self.sent.append((local_path, remote_path))

    def _fixup_perms2(self, remote_paths, remote_user=None, execute=True):
        pass

    def _execute_module(self, module_name=None, module_args=None, task_vars=None, **ignored):
        self.executed = (module_name, module_args)
        return {"changed": True}


@pytest.fixture
def arguments(tmp_path):
    archive = tmp_path / "shop.tar.gz"
    archive.write_bytes(b"bytes")
    document = build(app="shop", version="1.0", artifact_sha256=hashlib.sha256(b"bytes").hexdigest(), components=[WEB])
    return {"app": "shop", "slot": "blue", "revision": document, "artifact": str(archive)}


def test_a_host_without_the_artifact_is_sent_it(arguments):
    plugin = Plugin(arguments)
    assert plugin.run() == {"changed": True}
    assert plugin.sent == [(arguments["artifact"], "/tmp/ansible-x/artifact")]
    assert plugin.executed == (MODULE, {**arguments, "artifact": "/tmp/ansible-x/artifact"})
    assert plugin.removed == ["/tmp/ansible-x"]
    (asked,) = plugin.asked
    assert revision_id(arguments["revision"]) in asked and arguments["revision"]["artifact"]["sha256"] in asked


def test_a_host_with_the_artifact_is_sent_nothing(arguments):
    plugin = Plugin(arguments, host_has=True)
    plugin.run()
    assert plugin.sent == [] and plugin.executed[1]["artifact"] is None


@pytest.mark.parametrize(
    "change", [{"artifact": "https://example.invalid/a"}, {"artifact": None}, {"state": "stopped"}]
)
def test_what_does_not_concern_the_controller_goes_straight_to_the_module(arguments, change):
    plugin = Plugin({**arguments, **change})
    plugin.run()
    assert plugin.asked == plugin.sent == []
    assert plugin.executed[1] == {**arguments, **change}


def test_check_mode_sends_nothing(arguments):
    plugin = Plugin(arguments, check=True)
    plugin.run()
    assert plugin.asked == plugin.sent == [] and plugin.executed


@pytest.mark.parametrize("change", [{"artifact": "/no/such/file"}, {"revision": {"schema": 99}}])
def test_a_refusal_is_a_result_and_touches_no_host(arguments, change):
    plugin = Plugin({**arguments, **change})
    result = plugin.run()
    assert result["failed"] and "Remedy" in result["msg"]
    assert plugin.sent == [] and plugin.executed is None


def test_another_file_than_planned_is_refused(arguments):
    Path(arguments["artifact"]).write_bytes(b"other bytes")
    plugin = Plugin(arguments)
    assert "SHA-256" in plugin.run()["msg"]
    assert plugin.sent == []
