/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The page in which guest/left_df.c says to the probe of what is left (left.c) how many
 * #DFs it has had, and the mark that two registers have in each.
 */
#ifndef PTI_LEFT_DF_H
#define PTI_LEFT_DF_H

#include <linux/types.h>

#define LEFT_DF_VA		0x21000000UL
#define LEFT_DF_MARK		0x4444444444444444ULL	/* "DDDDDDDD" */
#define LEFT_DF_CHAR		'D'
#define LEFT_DF_MAGIC		"pti #DF counter."	/* 16 bytes, no terminator */

struct left_df_page {
	char magic[16];
	__u32 taken;		/* IRETs whose fault became a #DF */
	__u32 other;		/* those whose fault did not */
};

#endif
