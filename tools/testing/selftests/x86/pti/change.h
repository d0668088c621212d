/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * change.h - what takes a translation away, and attempts to use it afterwards
 *
 * A program calls change_start() once; then reads() and writes() say whether an
 * access is allowed.
 */
#ifndef PTI_SELFTEST_CHANGE_H
#define PTI_SELFTEST_CHANGE_H

#include <setjmp.h>
#include "common.h"

#define MANY		48	/* pages: too many to flush singly */

enum change { REPLACE, UNMAP, NONE, READONLY, MOVE, DROP, CHANGES };

static const char * const change_names[] = {
	[REPLACE] = "replaced", [UNMAP] = "unmapped", [NONE] = "protected",
	[READONLY] = "read-only", [MOVE] = "moved", [DROP] = "dropped",
};

static __thread sigjmp_buf change_back;
static __thread bool change_expected;

static inline void change_sigsegv(int sig, siginfo_t *si, void *ctx)
{
	if (!change_expected)
		ksft_exit_fail_msg("unexpected fault at %p\n", si->si_addr);
	change_expected = false;
	siglongjmp(change_back, 1);
}

static inline void change_start(void)
{
	pti_handle(SIGSEGV, change_sigsegv, 0);
}

/* One access, exactly here: the handler must find what was set before it. */
static inline unsigned long get(const void *p)
{
	unsigned long value;

	asm volatile("mov %1, %0" : "=r" (value) :
		     "m" (*(const unsigned long *)p) : "memory");
	return value;
}

static inline void put(void *p, unsigned long value)
{
	asm volatile("mov %1, %0" : "=m" (*(unsigned long *)p) :
		     "r" (value) : "memory");
}

static inline bool reads(const void *p)
{
	change_expected = true;
	if (sigsetjmp(change_back, 1))
		return false;
	get(p);
	change_expected = false;
	return true;
}

static inline bool writes(void *p, unsigned long value)
{
	change_expected = true;
	if (sigsetjmp(change_back, 1))
		return false;
	put(p, value);
	change_expected = false;
	return true;
}

/* The kernel's part of it. */
static inline void change_apply(enum change change, char *region, size_t size,
				char *target)
{
	void *p = region;

	switch (change) {
	case REPLACE:
		p = mmap(region, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			 MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case UNMAP:
		if (munmap(region, size))
			p = MAP_FAILED;
		break;
	case NONE:
		if (mprotect(region, size, PROT_NONE))
			p = MAP_FAILED;
		break;
	case READONLY:
		if (mprotect(region, size, PROT_READ))
			p = MAP_FAILED;
		break;
	case MOVE:
		p = mremap(region, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			   target);
		break;
	default:
		if (madvise(region, size, MADV_DONTNEED))
			p = MAP_FAILED;
	}
	if (p == MAP_FAILED)
		ksft_exit_fail_perror(change_names[change]);
}

#endif /* PTI_SELFTEST_CHANGE_H */
