# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this: the account of the controller's operating system, and in a job of AWX the user who launched that.

Reads the controller's accounts and this process's environment.
"""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping
from typing import Any

from .._ledger.who import Who

PREFIXES = ("awx", "tower")


def operator(variables: Mapping[str, Any]) -> str:
    """The operator, as the ledger records it.

    :param variables: Ansible's variables. AWX names the user who launched the job in them, which anybody can; so they
        count only in an environment that is one of its jobs, and never instead of the account.
    """
    account, host = _account(), socket.gethostname()
    launched_by = _launched_by(variables)
    return Who(launched_by or account, account, host, bool(launched_by)).line()


def _launched_by(variables: Mapping[str, Any]) -> str:
    """Who launched the job of AWX that this is; empty where it is none."""
    job = os.environ.get("JOB_ID", "")
    if not job or not os.environ.get("AWX_HOST"):
        return ""
    names = (
        str(variables.get(f"{prefix}_user_name") or "")
        for prefix in PREFIXES
        if str(variables.get(f"{prefix}_job_id", "")) == job
    )
    return next((name for name in names if name), "")


def _account() -> str:
    """The account that this process has; its environment could name any."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid{os.getuid()}"
