# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample application: an http component, a worker, a singleton and a scheduled job.

Touches the port it is given, the directory named by SHOP_STATE, and the database named by DATABASE_URL.
"""
