/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The markers that guest/marker.c has the kernel hold in its registers, and the page
 * by which it and the probe of what is left behind (left.c) pace each other.
 *
 * Text and addresses reach the kernel by memory only: while the program is in user
 * mode no register of it holds one.  A marker in memory that the user page table maps
 * of the kernel was in a register of kernel mode.
 */
#ifndef PTI_MARKER_H
#define PTI_MARKER_H

#include <linux/types.h>

#define MARKER_TEXT		0x4d4d4d4d4d4d4d4dULL	/* "MMMMMMMM" */
#define MARKER_CHAR		'M'
#define MARKER_BUFFER		0x4d4d00000000ULL	/* addresses of 4 GiB from here */
#define MARKER_BITS		32

#define MARKER_PAGE_VA		0x20000000UL
#define MARKER_MAGIC		"pti marker page."	/* 16 bytes, no terminator */

struct marker_page {
	char magic[16];
	__u32 round;		/* grows with each return to user mode's own loop */
	/* since the program began, as the kernel counts them */
	__u32 nmi, mce;
	__u32 db;		/* in kernel mode only */
	__u32 enough;		/* the probe: count once more, and say so by "final" */
	__u32 final;
	__u32 seen;		/* the probe: has read the final counts */
};

#endif
