# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: real Debian machines on this computer, for the tests and the demonstration.

``python3 -m lab`` starts and stops systemd-nspawn machines on a private bridge. Standard library only; needs root.
Touches ``.cache/lab``, one bridge, network namespaces, control groups and one routing guard, all named after the lab.
"""
