/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page by which the audit's guest program and the outside walker pace each
 * other.
 *
 * The program maps it at a fixed address of each of its processes and says in it
 * what it is doing.  The walker finds it through the page table of the CPU that
 * it has stopped, and counts in it the stops that it made in this phase, so that
 * a phase lasts exactly until it has been looked at often enough.  The walker
 * judges nothing by it.
 */
#ifndef PTI_BEACON_H
#define PTI_BEACON_H

#include <linux/types.h>

#define BEACON_VA	0x20000000UL
#define BEACON_NAME	40
#define BEACON_MAGIC	"pti audit beacon"	/* 16 bytes, no terminator */

struct beacon {
	char magic[16];
	__u32 phase;		/* 1, 2, … */
	__u32 wanted;		/* stops in user mode that this phase needs */
	__u32 seen;		/* stops so far: the walker adds */
	__u32 last;		/* not 0: this phase is the last one */
	char name[BEACON_NAME];
};

#endif
