/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * breakpoint.h - hardware breakpoints through perf_event_open()
 */
#ifndef PTI_SELFTEST_BREAKPOINT_H
#define PTI_SELFTEST_BREAKPOINT_H

#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include "common.h"

/*
 * A breakpoint of this thread that counts and sends no signal: descriptor, or
 * -1 with errno.  Instructions want the kernel's word size as @len.
 */
static inline int breakpoint_open(unsigned long addr, int type, int len,
				  bool armed, bool in_kernel)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = type,
		.bp_addr = addr,
		.bp_len = len,
		.disabled = !armed,
		.exclude_kernel = !in_kernel,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* How often it was hit; it is closed. */
static inline __u64 breakpoint_close(int fd)
{
	__u64 count = 0;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		count = -1;
	close(fd);
	return count;
}

#endif /* PTI_SELFTEST_BREAKPOINT_H */
