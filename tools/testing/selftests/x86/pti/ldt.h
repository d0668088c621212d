/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ldt.h - descriptors made by modify_ldt(), and loads through them
 */
#ifndef PTI_SELFTEST_LDT_H
#define PTI_SELFTEST_LDT_H

#include <asm/ldt.h>
#include "common.h"

#define LDT_SELECTOR(n)	((n) << 3 | 7)
#define LDT_DATA	0
#define LDT_CODE	2

#define LDT_READ	0
#define LDT_WRITE_OLD	1
#define LDT_READ_DFLT	2
#define LDT_WRITE	0x11

/* What the call returns is 32 bits wide: an errno is negative only as int. */
static inline int ldt_call(int func, void *ptr, unsigned long bytes)
{
	long ret = syscall(SYS_modify_ldt, func, ptr, bytes);

	return ret == -1 ? -errno : (int)ret;
}

/* A flat-enough segment at @base, the 64 KiB that are read through it. */
static inline struct user_desc ldt_desc(int nr, const void *base, int contents)
{
	struct user_desc desc = {
		.entry_number = nr,
		.base_addr = (unsigned int)(unsigned long)base,
		.limit = 0xffff,
		.seg_32bit = 1,
		.contents = contents,
	};

	return desc;
}

static inline int ldt_write(struct user_desc desc)
{
	return ldt_call(LDT_WRITE, &desc, sizeof(desc));
}

static inline void ldt_need(void)
{
	int zero;

	if (ldt_call(LDT_READ, &zero, 0) < 0)
		ksft_exit_skip("no modify_ldt()\n");
}

/*
 * A word at the base of segment @nr, by the segment register that libc does
 * not use.  The load reads the descriptor: in user mode, so by way of the
 * user page table.
 */
static inline unsigned int ldt_load(unsigned int nr)
{
	unsigned int sel = LDT_SELECTOR(nr), old, word;

#ifdef __x86_64__
	asm volatile("mov %%gs, %0\n\tmov %2, %%gs\n\tmovl %%gs:0, %1\n\t"
		     "mov %0, %%gs"
		     : "=&r" (old), "=&r" (word) : "r" (sel) : "memory");
#else
	asm volatile("mov %%fs, %0\n\tmov %2, %%fs\n\tmovl %%fs:0, %1\n\t"
		     "mov %0, %%fs"
		     : "=&r" (old), "=&r" (word) : "r" (sel) : "memory");
#endif
	return word;
}

#endif /* PTI_SELFTEST_LDT_H */
