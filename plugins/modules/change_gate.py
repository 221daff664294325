#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: change_gate
short_description: Judge whether a change may be made now, or at a given time
version_added: 0.1.0
description:
  - Judges a change by a policy of windows, approvals, segregation of duties and residency of data, and says pass, warn
    or block, with every reason and the next opening.
  - A freeze (a window that denies) beats every window that allows. Where any window that allows concerns the change,
    one of them must be open.
  - An approval is a JSON document about the digest of operation, region, artifact, commit, environment, inventory,
    migrations and change request. It counts when an SSH key of its signer has signed exactly these bytes for the
    namespace C(slipway-approval), or when the server of the policy says so. It counts for nothing else than that
    digest.
  - Who deploys is the account of the controller's operating system. Beside an account of C(awx_accounts), which only
    the policy names, it is the user who launched the job of AWX. No other option or variable changes it.
  - A rollback, an abort and a kill switch always pass, also where the policy itself is wrong or cannot be evaluated,
    as long as it is not given as O(policy). What would have stopped a deployment is in RV(reasons).
  - The playbooks ask the gate by themselves where C(slipway_change_policy) is set.
  - Runs on the controller. It connects to no host but the one that the task is delegated to, and only where O(audit) is
    given and there is something to tell.
options:
  app:
    description: Name of the application.
    type: str
    required: true
  operation:
    description: What is to be done. A V(failover) may lead into C(failover_regions). A V(migrate) changes the database
      alone. Of V(flags), which set feature flags alone, the windows, who deploys, and the change request are judged.
    type: str
    choices: [deploy, failover, migrate, flags, rollback, abort, kill_switch]
    default: deploy
  policy:
    description: The policy; that of C(slipway_change_policy) when omitted.
    type: dict
    suboptions:
      timezone:
        description: Name of the time zone of all windows, such as V(Europe/Berlin).
        type: str
        required: true
      enforcement:
        description: Whether what stands against a change blocks it, only warns, or is only said. With V(warn) a
          forgery, self-approval, an author who deploys where that is forbidden, and a region where data may not be
          still block.
        type: str
        choices: [none, warn, block]
        default: block
      windows:
        description: When a change may begin, and when not.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the window, for messages.
            type: str
            required: true
          kind:
            description: Whether the window allows changes or is a freeze.
            type: str
            choices: [allow, deny]
            required: true
          starts:
            description: Day, with or without a time, such as V(2026-12-18 17:00), from which on the window is once.
            type: str
          ends:
            description: Day, with or without a time, up to which it is. A day alone is part of the window.
            type: str
          days:
            description: The window is on these days of every week, V(mon) to V(sun).
            type: list
            elements: str
          rrule:
            description: The window is on the days that this rule of RFC 5545 selects, with C(FREQ) from C(DAILY) to
              C(YEARLY), C(INTERVAL), C(UNTIL), C(WKST), C(BYMONTH), C(BYMONTHDAY), C(BYDAY) and C(BYSETPOS).
            type: str
          starting:
            description: First day of the C(rrule), where that needs one.
            type: str
          last_days:
            description: The window is on so many days at the end of each month.
            type: int
          last_business_days:
            description: The window is on so many days at the end of each month that are neither at a weekend nor
              C(holidays). A freeze also holds on the days between and after these.
            type: int
          from:
            description: Time of day at which it begins, in quotes; the beginning of the day when omitted.
            type: str
          to:
            description: Time of day at which it ends; the end of the day when omitted, the next day where it is not
              later than C(from).
            type: str
          environments:
            description: Environments that the window concerns; all when empty.
            type: list
            elements: str
            default: []
          applications:
            description: Applications that the window concerns; all when empty.
            type: list
            elements: str
            default: []
      holidays:
        description: Days that are no business days, as YYYY-MM-DD.
        type: list
        elements: str
        default: []
      runway:
        description: How many seconds a deployment takes. It does not begin when a freeze begins before it would end.
        type: int
        default: 0
      change_request:
        description: What the change request must say.
        type: list
        elements: str
        choices: [id, justification, risk, author]
        default: []
      people:
        description: Person to all names under which accounts, signers and authors are known. Who is not here may be
          anybody, and neither approves nor is told from who approves.
        type: dict
        default: {}
      groups:
        description: Group to its persons.
        type: dict
        default: {}
      awx_accounts:
        description: Accounts of the controller that run nothing but jobs of AWX. Beside one of these, who launched the
          job deploys; beside any other account, the account does, because anybody can set what AWX sets. None may be in
          C(people).
        type: list
        elements: str
        default: []
      deployers:
        description: Groups whose members may deploy; everybody when empty.
        type: list
        elements: str
        default: []
      separate:
        description: Which two roles must not be one person.
        type: list
        elements: str
        choices: [author_approver, approver_deployer, author_deployer]
        default: [author_approver, approver_deployer]
      approvals:
        description: Whose approvals are needed, and how they are known.
        type: dict
        default: {}
        suboptions:
          groups:
            description: An approval by a member of each is needed; nobody's counts for two of them.
            type: list
            elements: str
            default: []
          ddl:
            description: Groups whose approval is needed too where O(migrations) is given.
            type: list
            elements: str
            default: []
          max_age:
            description: How many seconds an approval counts at most, also where it says more.
            type: int
            default: 604800
          allowed_signers:
            description: File of allowed signers on the controller, as ssh-keygen(1) describes it.
            type: str
            default: ""
          revoked_keys:
            description: File of revoked keys on the controller.
            type: str
            default: ""
          url:
            description: HTTPS address that the digest is posted to. It answers with an object whose C(documents) is a
              list of approvals and overrides, which its certificate vouches for. Only the host is ever shown.
            type: str
            default: ""
          headers:
            description: More headers for the C(url). Their values are shown nowhere.
            type: dict
            default: {}
      override:
        description: Who may open what is closed, in a document of the same kind, signed for C(slipway-override), with
          C(justification) and C(ticket).
        type: dict
        default: {}
        suboptions:
          groups:
            description: Groups whose members may; nobody when empty.
            type: list
            elements: str
            default: []
          covers:
            description: What an override is good for. It is never good for what blocks with V(warn) too.
            type: list
            elements: str
            choices: [windows, approvals, change_request, gates]
            default: [windows]
          max_age:
            description: How many seconds an override counts at most.
            type: int
            default: 86400
      residency:
        description: Where the application's data may be.
        type: dict
        default: {}
        suboptions:
          regions:
            description: Regions into which it may be deployed; all when empty.
            type: list
            elements: str
            default: []
          failover_regions:
            description: Where else a V(failover) may lead.
            type: list
            elements: str
            default: []
  environment:
    description: Name of the environment; that of C(slipway_environment) when omitted.
    type: str
  region:
    description: Region into which is deployed; that of C(slipway_inventory_region) when omitted.
    type: str
  artifact_sha256:
    description: SHA-256 of the artifact, or of what V(flags) set, for an override.
    type: str
    default: ""
  commit:
    description: Commit that the artifact was built from.
    type: str
    default: ""
  migrations:
    description: Digest of the migrations of the database that are due; empty where there are none.
    type: str
    default: ""
  ledger_host:
    description: Host that keeps the ledger, which is part of the inventory's digest; that of C(slipway_ledger_host)
      when omitted.
    type: str
  change:
    description: The change request; that of C(slipway_change) when omitted.
    type: dict
    suboptions:
      id:
        description: Its number.
        type: str
        default: ""
      justification:
        description: Why the change is made.
        type: str
        default: ""
      risk:
        description: What it may bring about.
        type: str
        default: ""
      author:
        description: Who has written what is deployed.
        type: str
        default: ""
  evidence:
    description: Directory on the controller with approvals and overrides, C(<name>.json) with C(<name>.json.sig)
      beside it, at most 200; that of C(slipway_change_evidence) when omitted.
    type: str
  compliance:
    description: Compliance profiles that make the policy stricter, by name or by the path of a file; those of
      C(slipway_compliance) when omitted.
    type: list
    elements: str
  gates:
    description: Name of what was checked before to its verdict; what a profile demands must be V(pass). That of
      C(slipway_change_gates) when omitted.
    type: dict
  at:
    description: Judge for this time instead, such as V(2026-12-01T08:00) in the zone of the policy, or with an offset.
      The result is a preview, which says so, and permits nothing.
    type: str
    default: ""
  begun:
    description: Whether the change was judged before and is under way, without having moved any traffic yet. Then the
      C(runway) is not asked for again.
    type: bool
    default: false
  fail:
    description: Whether the task fails when the verdict is V(block).
    type: bool
    default: true
  audit:
    description: The option O(slipway.release.ledger#module:audit) of M(slipway.release.ledger), which tells the audit
      log of the host that the task is delegated to what was decided of V(migrate) and V(flags), and of anything else
      that this task refuses.
    type: dict
attributes:
  check_mode:
    description: Can run in check mode and judge without changing anything.
    support: full
  diff_mode:
    description: Returns details on what has changed.
    support: none
    details: It changes nothing.
  idempotent:
    description: Running it again gives the same result, while the time is in the same windows.
    support: full
requirements:
  - ssh-keygen of OpenSSH 8.9 or newer on the controller, for approvals by SSH signatures
  - a time zone database on the controller, such as the package tzdata
author:
  - The slipway.release developers (@slipway)
"""

EXAMPLES = r"""
- name: Judge a deployment
  slipway.release.change_gate:
    app: shop
    environment: production
    artifact_sha256: 4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
    commit: 9fceb02
    change: {id: CR-17, justification: orders are lost, risk: low, author: dev@example.com}
    evidence: /srv/approvals/CR-17
    policy:
      timezone: Europe/Berlin
      runway: 1800
      windows:
        - {name: working hours, kind: allow, days: [mon, tue, wed, thu], from: "09:00", to: "16:00"}
        - {name: period close, kind: deny, last_days: 3}
      people:
        eva: [eva@example.com]
        otto: [otto@example.com, otto]
        ops: [deploy]
        dev: [dev@example.com]
      groups: {engineering_manager: [eva], operations_lead: [otto]}
      approvals:
        groups: [engineering_manager, operations_lead]
        allowed_signers: /etc/slipway/allowed_signers
  run_once: true

- name: See whether it would pass on the first of December
  slipway.release.change_gate:
    app: shop
    at: "2026-12-01T08:00"
    fail: false
  run_once: true
  register: preview
"""

RETURN = r"""
verdict:
  description: V(pass), V(warn) or V(block).
  type: str
  returned: always
  sample: block
allowed:
  description: Whether the change may be made, that is, the verdict is not V(block).
  type: bool
  returned: always
  sample: false
exempt:
  description: Why the operation passes whatever the policy says; empty for a deployment.
  type: str
  returned: always
  sample: ""
reasons:
  description: One sentence for each thing that stands against the change, also where it does not block.
  type: list
  elements: str
  returned: always
  sample: ["freeze period close holds until 2026-12-01 00:00+01:00"]
findings:
  description: The same with C(kind), and whether each is C(critical) and whether it is C(overridden).
  type: list
  elements: dict
  returned: always
  sample: []
next_open:
  description: When the windows next let a change begin; empty where they do not within two years.
  type: str
  returned: always
  sample: "2026-12-01 09:00+01:00"
windows:
  description: Windows that matter now, with C(effect) V(denies), V(ahead) for a freeze within the runway, or V(allows).
  type: list
  elements: dict
  returned: always
  sample:
    - name: period close
      effect: denies
      start: "2026-11-28 00:00+01:00"
      end: "2026-12-01 00:00+01:00"
missing:
  description: Groups whose approval is missing.
  type: list
  elements: str
  returned: always
  sample: [operations_lead]
approvals:
  description: Every document that was found, with C(refusal) where it does not count.
  type: list
  elements: dict
  returned: success
  sample:
    - source: eva.json
      kind: approval
      signer: eva@example.com
      person: eva
      group: engineering_manager
      given: "2026-11-24T09:00:00Z"
      expires: "2026-11-24T18:00:00Z"
override:
  description: The override that was used; empty where none was.
  type: dict
  returned: success
  sample: {}
condensed:
  description: What the audit log is told of the verdict, with C(approved_by) and what was C(overridden).
  type: dict
  returned: success
  sample: {verdict: pass, approved_by: [eva, otto]}
digest:
  description: What approvals are bound to.
  type: str
  returned: success
  sample: 3b1c0f2e9d4a5b6c7d8e9f00112233445566778899aabbccddeeff0011223344
to_sign:
  description: An approval and an override of this change, in which C(signer), C(group), C(given) and C(expires) are
    filled in before they are signed.
  type: dict
  returned: success
  sample: {}
compliance:
  description: What the compliance profiles ask for together; empty without any.
  type: dict
  returned: success
  sample: {}
enforcement:
  description: What holds after the profiles were applied.
  type: str
  returned: success
  sample: block
deployer:
  description: Who deploys.
  type: str
  returned: success
  sample: deploy@controller
at:
  description: The time that was judged, in the zone of the policy.
  type: str
  returned: success
  sample: "2026-11-29T11:00:00+01:00"
preview:
  description: Whether that was a time asked for instead of now.
  type: bool
  returned: success
  sample: false
msg:
  description: One sentence with all reasons, and with the remedy when it is blocked.
  type: str
  returned: always
  sample: "change gate: deploy of shop in production: block: freeze period close holds until 2026-12-01 00:00+01:00.
    Remedy: run at 2026-12-01 09:00+01:00 or later."
"""
