#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Run a program for the probe of what is left (left.sh on the host), and another beside
# it that makes the CPU go all ways into the kernel, over and over. How that one ends is
# for other tests to say.
#
# Usage: left.sh SECONDS PROGRAM BESIDE, programs in /pti; the first gets the seconds.

(while sleep 0.1; do "/pti/$3" 1 1; done) >/dev/null 2>&1 &
exec "/pti/$2" "$1"
