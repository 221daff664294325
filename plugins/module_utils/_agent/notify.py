# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells systemd that the agent is ready and alive. Writes to the socket that systemd names, if it names one."""

from __future__ import annotations

import os
import socket


def notify(message: str) -> None:
    """Send one message, such as ``READY=1`` or ``WATCHDOG=1``; nothing happens outside a unit."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = f"\0{address[1:]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.sendto(message.encode("utf-8"), address)
