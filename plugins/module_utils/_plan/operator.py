# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs this: the user that AWX was started by, or the user of the controller. Reads the controller's user."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping
from typing import Any

BY_AWX = ("awx_user_name", "tower_user_name")


def operator(variables: Mapping[str, Any]) -> str:
    """``user@controller``.

    :param variables: Ansible's variables; AWX sets the user who launched the job.
    """
    user = next((str(variables[name]) for name in BY_AWX if variables.get(name)), "") or getpass.getuser()
    return f"{user}@{socket.gethostname()}"
