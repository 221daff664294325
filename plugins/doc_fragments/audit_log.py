# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the audit logs that a module reads and proves."""

from __future__ import annotations


class ModuleDocFragment:
    """The options of a module that proves the logs of a host."""

    DOCUMENTATION = r"""
options:
  directory:
    description: Directory of the streams, on the host.
    type: path
    default: /var/lib/slipway/audit
  accounts:
    description:
      - Whether logs that accounts of the host keep in C(.slipway/audit-log) of their homes are read too, each as the
        account itself reads it. What acts there as somebody else than root has its log there.
    type: bool
    default: false
  origin:
    description: What checkpoints call the log. The action fills in C(<inventory_hostname>/<stream>).
    type: str
    default: ""
  checkpoints:
    description: Signed checkpoints, beside those that are kept on the controller.
    type: list
    elements: str
    default: []
  public_keys:
    description:
      - Keys whose checkpoints and tombstones count, as C(name+id+base64), beside those that are kept on the controller.
    type: list
    elements: str
    default: []
  checkpoint_directory:
    description: Directory of checkpoints, on the controller; C(~/.slipway/audit) when empty.
    type: str
    default: ""
  absent:
    description: Whether it fails the task that the host has no such log.
    type: str
    choices: [fail, pass]
    default: fail
"""

    HEADS = r"""
options:
  ledgers:
    description:
      - What was read of the logs of the ledger hosts, which the controller has signed. They say where the logs of this
        host ended, which proves these up to there.
    type: list
    elements: dict
    default: []
  heads:
    description:
      - Records that are known to be right, each with C(host), C(directory), C(stream), C(seq) and C(hash). The action
        takes them from O(ledgers).
      - With O(accounts=true), a log that one of them names and that is gone fails the task.
    type: list
    elements: dict
    default: []
"""
