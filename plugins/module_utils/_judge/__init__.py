# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a canary with the stable side, look by look, and says ``pass``, ``fail`` or ``insufficient``.

Two questions are asked of every metric. Is the canary worse than the *margin* that is tolerated? Is it better than the
*harm* that must not be missed? The first one answered makes ``fail``, the second one ``pass``, neither
``insufficient``. Both answers are e-processes, so they may be looked at as often as one likes. Pure; touches nothing.
"""
