#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A command for run.sh --attach: compare what user mode can reach at random instants, while
# isolation is switched off and on (guest/switch.sh), 50 times at least in which it is on.

exec "$(dirname "$0")/audit.sh" --beside 50
