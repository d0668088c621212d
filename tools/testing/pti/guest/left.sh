#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run a program for the probe of what is left (left.sh on the host), and two others beside
# it: one that takes #DFs until the first is over, and one that makes the CPU go all ways
# into the kernel, over and over. How that one ends is for other tests to say.
#
# Usage: left.sh SECONDS PROGRAM DOUBLE BESIDE, programs in /pti; the first two get the
# seconds.

"/pti/$3" "$1" &
(while sleep 0.1; do "/pti/$4" 1 1; done) >/dev/null 2>&1 &
exec "/pti/$2" "$1"
