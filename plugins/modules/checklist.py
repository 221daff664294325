#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: checklist
short_description: Go through the checklist before or after a deployment
version_added: 0.1.0
description:
  - Looks at a release and at what others have said about it, and says of each item whether it passes, warns, fails or
    was skipped, with place and remedy.
  - The items before a deployment are C(config_lint), C(placeholder_audit), C(debug_off), C(secrets), C(security_scan),
    C(unit_tests), C(staging_smoke), C(flags_known), C(backup), C(health) and C(change_request).
  - Those after it, with O(phase=after), are C(running), C(smoke_tests), C(metrics), C(health), C(log_errors),
    C(flags_set), C(migrations_done), C(audit_log), C(backup), C(alerts), C(acceptance) and C(incident_report). They
    look at O(live) and what else was read, or at nothing but the evidence in O(document). Nothing is undone.
  - What it has found is kept on the controller, C(<evidence_directory>/<app>/checklist-<time>.json). RV(gates) is what
    module M(slipway.release.change_gate) takes.
  - A secret that lies in the release is told by its kind and its place alone.
  - Runs on the controller and connects to no host.
options:
  app:
    description: Name of the application.
    type: str
    required: true
  checklist:
    description: What is looked at; what an operator writes into C(slipway_checklist), whose documentation has every
      option.
    type: dict
    required: true
  phase:
    description: Whether it is the checklist before or after a deployment.
    type: str
    choices: [before, after]
    default: before
  version:
    description: After a deployment, the version that must be active; whichever is when empty.
    type: str
    default: ""
  document:
    description: After a deployment, its evidence on the controller, which module M(slipway.release.ledger) keeps. Not
      read where O(live) is given.
    type: str
    default: ""
  live:
    description: After a deployment, host to what M(slipway.release.host_info) has returned there.
    type: dict
    default: {}
  regions:
    description: Region to its hosts, in an application with regions.
    type: dict
    default: {}
  audits:
    description: After a deployment, host to what M(slipway.release.audit_verify) has returned there.
    type: dict
    default: {}
  logs:
    description: After a deployment, host to what M(slipway.release.log_info) has returned there.
    type: dict
    default: {}
  stores:
    description: After a deployment, host to what M(slipway.release.flag_info) has returned there.
    type: dict
    default: {}
  database:
    description: After a deployment, the C(schemas) that M(slipway.release.pg_migrate_info) has returned, or an
      C(error).
    type: dict
    default: {}
  artifact:
    description: Path or URL of the release. A path is looked at where the checklist names no C(release).
    type: str
    default: ""
  artifact_sha256:
    description: Digest of the artifact, which the evidence of staging must name.
    type: str
    default: ""
  config:
    description: Environment of the components, in which debugging must be off.
    type: dict
    default: {}
  flags:
    description: Feature flags that are asked for.
    type: list
    elements: dict
    default: []
  flags_schema:
    description: Feature flags that the release knows.
    type: list
    elements: dict
    default: []
  change:
    description: The change request.
    type: dict
    default: {}
  compliance:
    description: Compliance profiles whose gates must not be skipped, by name or by the path of a file.
    type: list
    elements: str
    default: []
  evidence_directory:
    description: Directory on the controller; that in the user's home when empty.
    type: str
    default: ""
  fail:
    description: Whether the task fails when the verdict is V(block) or V(fail).
    type: bool
    default: true
attributes:
  check_mode:
    description: Looks at everything, and keeps nothing.
    support: full
  diff_mode:
    description: Returns details on what has changed.
    support: none
    details: It changes nothing.
  idempotent:
    description: Running it again gives the same result, while what it looks at is the same.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.change_gate
  - module: slipway.release.host_info
  - module: slipway.release.log_info
"""

EXAMPLES = r"""
- name: Go through the checklist
  slipway.release.checklist:
    app: shop
    artifact: build/shop-1.4.2.tar.gz
    artifact_sha256: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
    checklist:
      security: [build/trivy.json]
      tests: [build/junit.xml]
      coverage: build/coverage.xml
      staging: build/staging.json
      required: [security_scan, unit_tests, staging_smoke]
  register: checked

- name: Go through the checklist after a deployment
  slipway.release.checklist:
    app: shop
    phase: after
    document: "{{ finished.document_file }}"
    checklist:
      health: ["https://shop.test/health/ready"]
      after: {p95_below: 500}
"""

RETURN = r"""
verdict:
  description: V(pass), V(warn), or what a failure comes to where O(checklist) has C(enforcement) V(block), V(block)
    before a deployment and V(fail) after it.
  type: str
  returned: success
  sample: block
entries:
  description: Each item with its C(verdict) (V(pass), V(warn), V(fail) or V(skipped)), the C(reason) why it was
    skipped, its C(findings) with C(place), C(what) and C(remedy), how many were C(left_off), and the reasons for what
    was C(allowed).
  type: list
  elements: dict
  returned: success
  sample:
    - name: debug_off
      verdict: fail
      reason: ""
      findings:
        - {place: "settings.yml:3", what: debugging is on, remedy: turn it off where users are served, fails: true}
      left_off: 0
      allowed: []
gates:
  description: Item to its verdict, without those that were skipped.
  type: dict
  returned: success
  sample: {config_lint: pass, debug_off: fail}
phase:
  description: V(before) or V(after).
  type: str
  returned: success
  sample: before
deployments:
  description: After a deployment, region to the deployment that was looked at there; the name of the region is empty in
    an application without regions.
  type: dict
  returned: success
  sample: {"": 20261121T073000Z-4be1c2}
measured:
  description: Item to figures of what it has looked at, such as the C(size_bytes) of the newest backup.
  type: dict
  returned: success
  sample: {backup: {size_bytes: 73400320}}
enforcement:
  description: Whether what fails blocks.
  type: str
  returned: success
  sample: block
artifact_sha256:
  description: Digest of the artifact.
  type: str
  returned: success
  sample: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
at:
  description: When it was gone through.
  type: str
  returned: success
  sample: "2026-11-21T07:30:00+00:00"
schema:
  description: Version of this form.
  type: int
  returned: success
  sample: 1
document_file:
  description: Where it is kept; empty in check mode.
  type: str
  returned: success
  sample: /home/ci/.slipway/evidence/shop/checklist-20261121T073000000000Z.json
"""
