# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the audit log that a module which acts writes to."""

from __future__ import annotations


class ModuleDocFragment:
    """The option of an audited module."""

    DOCUMENTATION = r"""
options:
  audit:
    description:
      - Write what this module does into the audit log of the host that it acts on, an intent before the act and its
        outcome after it. Nothing in check mode.
      - The action group C(slipway.release.audited) names the modules that have it. The action of the same name fills in
        what is not given from the variables C(slipway_audit) and what is known of the deployment, and leaves the option
        out where C(slipway_audit) has C(enabled=false).
      - It also hides what the profiles in C(slipway_compliance) do.
    type: dict
    suboptions:
      stream:
        description: Name of the log.
        type: str
        required: true
      directory:
        description:
          - Directory of all logs of the host.
          - An account that may not write it keeps its log in C(.slipway/audit-log) of its home. Where it has no home
            that it may write, the act goes on with a warning.
        type: path
        default: /var/lib/slipway/audit
      context:
        description: Fields that all events have, as in O(slipway.release.audit_emit#module:events).
        type: dict
        default: {}
      mask:
        description: Paths of fields that are masked, as in O(slipway.release.audit_emit#module:redaction.mask).
        type: list
        elements: str
        default: []
      hash:
        description:
          - Paths of fields of which an HMAC is kept, as in O(slipway.release.audit_emit#module:redaction.hash).
        type: list
        elements: str
        default: []
      hash_key:
        description: Key of the HMAC, of 16 bytes or more.
        type: str
        default: ""
      patterns:
        description: Regular expressions; what matches in any text is masked.
        type: list
        elements: str
        default: []
      level:
        description: V(metadata) leaves C(details) out.
        type: str
        choices: [full, metadata]
        default: full
      values:
        description: Secrets, masked wherever they stand.
        type: list
        elements: str
        default: []
      required:
        description:
          - Whether an act whose intent cannot be written does not happen. Otherwise it goes on with a warning, as
            everything does that goes back.
        type: bool
        default: true
      anchor:
        description: The last checkpoint that was signed. The action of M(slipway.release.ledger) fills it in.
        type: dict
      public_keys:
        description: Keys that tombstones are checked with. The action of M(slipway.release.ledger) fills them in.
        type: list
        elements: str
        default: []
      origin:
        description: Name of the log in checkpoints. The action of M(slipway.release.ledger) fills it in.
        type: str
        default: ""
      heads:
        description:
          - Where other logs end, each with C(host), C(directory), C(stream), C(seq) and C(hash). The action of
            M(slipway.release.ledger) fills them in.
        type: list
        elements: dict
        default: []
"""
