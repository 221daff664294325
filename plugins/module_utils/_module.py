# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's module for modules with secrets among their options: it logs and returns their names, and no values.

Writes to the system's log, as every module does. Ansible looks there, and in the invocation that it shows with -vvv,
for a secret as it was given: a list, a mapping or JSON text has it in another spelling, a URL has it in a part, and an
option of a misspelt name or a wrong type is not known to be secret.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ansible.module_utils import basic


class AnsibleModule(basic.AnsibleModule):
    """What a module with secrets among its options makes instead of Ansible's own."""

    def __init__(self, argument_spec: dict[str, Any], **settings: Any) -> None:
        made: Any = super().__init__
        made(argument_spec, **settings)

    def exit_json(self, **kwargs: Any) -> NoReturn:
        """Succeed."""
        super().exit_json(**{**kwargs, "invocation": self._invocation()})

    def fail_json(self, msg: str, **kwargs: Any) -> NoReturn:
        """Fail."""
        super().fail_json(msg, **{**kwargs, "invocation": self._invocation()})

    def _invocation(self) -> dict[str, list[str]]:
        return {"options": sorted(name for name, value in self.params.items() if value is not None)}

    def _log_invocation(self) -> None:
        """Called by Ansible."""
        log: Any = self.log
        log(f"Invoked with {', '.join(self._invocation()['options'])}")
