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
# Who launched a job of AWX that a schedule or another system has started.
UNATTENDED = "unattended"


def operator(variables: Mapping[str, Any]) -> str:
    """The operator, as the ledger records it.

    :param variables: Ansible's variables. AWX names the user who launched the job in them, which anybody can; so they
        count only in an environment that is one of its jobs, and never instead of the account.
    """
    account, host = _account(), socket.gethostname()
    job = _is_job(variables)
    return Who((_launched_by(variables) or UNATTENDED) if job else account, account, host, job).line()


def _is_job(variables: Mapping[str, Any]) -> bool:
    """Whether this is a job of AWX; its environment and its variables must agree on which."""
    job = os.environ.get("JOB_ID", "")
    told = {str(variables.get(f"{prefix}_job_id", "")) for prefix in PREFIXES}
    return bool(job and os.environ.get("AWX_HOST")) and job in told


def _launched_by(variables: Mapping[str, Any]) -> str:
    names = (str(variables.get(f"{prefix}_user_name") or "") for prefix in PREFIXES)
    return next((name for name in names if name), "")


def _account() -> str:
    """The account that this process has; its environment could name any."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid{os.getuid()}"
