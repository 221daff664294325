# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of release_place: sends an artifact of the controller to a host that does not have it yet.

Writes only into the cache of artifacts on the controller and into Ansible's temporary directory on the host.
"""

from __future__ import annotations

import shlex
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._release.artifact import resolve
from ansible_collections.slipway.release.plugins.module_utils._release.fetch import is_url
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.revision import read, revision_id
from ansible_collections.slipway.release.plugins.plugin_utils.audited import Audits, without_secrets

MODULE = "slipway.release.release_place"


class ActionModule(Audits):
    """Asks the host whether it has the artifact, sends it if not, and runs the module."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = self._with_query(dict(self._task.args), variables)
        remove: Any = self._remove_tmp_path
        try:
            arguments = self.completed(arguments, variables)
            if self._concerns_controller(arguments):
                arguments["artifact"] = self._transferred(arguments)
            result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
            return self.noted(without_secrets(result), variables)
        except SlipwayError as exc:
            return {"failed": True, "changed": False, **exc.as_result()}
        finally:
            remove(self._connection._shell.tmpdir)

    def _with_query(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The query of a URL, which may hold a signature, as an option of its own that is shown nowhere.

        A plan names the URL without it; then it is that of slipway_artifact.
        """
        artifact = arguments.get("artifact")
        if not artifact or not is_url(str(artifact)):
            return arguments
        address, _mark, query = str(artifact).partition("?")
        if not query and "slipway_artifact" in task_vars:
            known, _mark, query = str(self._templar.template(task_vars["slipway_artifact"])).partition("?")
            query = query if known == address else ""
        return {**arguments, "artifact": address, **({"artifact_query": query} if query else {})}

    def _concerns_controller(self, arguments: dict[str, Any]) -> bool:
        artifact = arguments.get("artifact")
        placing = arguments.get("state", "present") == "present" and isinstance(arguments.get("revision"), dict)
        return bool(artifact) and placing and not is_url(str(artifact)) and not self._task.check_mode

    def _transferred(self, arguments: dict[str, Any]) -> str | None:
        document = read(arguments["revision"])
        if self._host_has(document):
            return None
        resolved = resolve(str(arguments["artifact"]), document["artifact"]["sha256"])
        if self._connection._shell.tmpdir is None:
            self._make_tmp_path()
        remote: str = self._connection._shell.join_path(self._connection._shell.tmpdir, "artifact")
        self._transfer_file(resolved.location, remote)
        readable: Any = self._fixup_perms2
        readable((self._connection._shell.tmpdir, remote), execute=False)
        return remote

    def _host_has(self, document: dict[str, Any]) -> bool:
        layout = Layout(document["app"])
        revision = layout.revision(revision_id(document)) / "manifest.json"
        artifact = layout.artifacts / document["artifact"]["sha256"]
        command = f"test -e {shlex.quote(str(revision))} || test -e {shlex.quote(str(artifact))}"
        return bool(self._low_level_execute_command(command, sudoable=True)["rc"] == 0)
