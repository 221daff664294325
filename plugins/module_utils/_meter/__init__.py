# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The traffic meter: an open-loop HTTP client that counts lost requests. Standard library only, no Ansible.

Touches the network: requests to the one address it is given. ``meter.run(options)`` is the way in.
"""
