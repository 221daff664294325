# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which every module that migrates reaches the database. Touches nothing."""

from __future__ import annotations


class ModuleDocFragment:
    """Read by Ansible's documentation."""

    DOCUMENTATION = r"""
requirements:
  - psycopg2 on the host that runs the task
options:
  dsn:
    description:
      - Connection string of libpq, as C(key=value) or as a URL. What it leaves out comes from libpq's environment, its
        service file and its password file. Never part of any output.
      - It must reach the server itself and not PgBouncer in transaction mode, through which no lock holds.
    type: str
    default: ""
  role:
    description:
      - Role to act as (C(SET ROLE)), which the user of the connection must be a member of, and which owns what is made.
      - The user of the connection when empty.
    type: str
    default: ""
  connect_timeout:
    description: Seconds that connecting may take.
    type: int
    default: 10
  session_pooler:
    description:
      - Accept a pooler between here and the server that gives a session one backend until its end. One in transaction
        mode is refused nevertheless.
    type: bool
    default: false
"""
