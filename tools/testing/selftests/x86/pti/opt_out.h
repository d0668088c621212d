/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * opt_out.h - asking for isolation, or for doing without, and how it stands
 *
 * What the prctl says, what /proc says, and where LSTAR leads on the CPU that asks: as
 * root, by the msr driver.
 */
#ifndef PTI_SELFTEST_OPT_OUT_H
#define PTI_SELFTEST_OPT_OUT_H

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include "common.h"

#ifndef PR_SPEC_PAGE_TABLE_ISOLATION
#define PR_SPEC_PAGE_TABLE_ISOLATION	3
#define PR_SPEC_ENABLE_EXEC		0x20UL
#define PR_SPEC_INHERIT			0x40UL
#endif

#define OPT_SYSCTL	"/proc/sys/kernel/pti_opt_out"
#define OPT_LSTAR	0xc0000082

/* Returns 0 or an errno. */
static inline int opt_set(unsigned long ctrl)
{
	return prctl(PR_SET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, ctrl, 0, 0) ? errno : 0;
}

static inline long opt_get(void)
{
	return prctl(PR_GET_SPECULATION_CTRL, PR_SPEC_PAGE_TABLE_ISOLATION, 0, 0, 0);
}

static inline bool opt_is_out(void)
{
	return opt_get() & PR_SPEC_ENABLE;
}

/* Returns 0 or an errno. */
static inline int opt_sysctl(const char *text)
{
	int fd = open(OPT_SYSCTL, O_WRONLY), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* The line in a status file, without its name. */
static inline bool opt_status(const char *path, char *text, size_t size)
{
	static const char name[] = "\nx86_PTI:\t";
	char buf[8192], *at;

	if (pti_read_file(path, buf, sizeof(buf)) < 0)
		return false;
	at = strstr(buf, name);
	if (!at)
		return false;
	at += strlen(name);
	at[strcspn(at, "\n")] = 0;
	snprintf(text, size, "%s", at);
	return true;
}

/* Where system calls of this CPU enter; 0 if that cannot be told. The caller is pinned. */
static inline unsigned long opt_head(void)
{
	unsigned long head = 0;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/dev/cpu/%d/msr", sched_getcpu());
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (pread(fd, &head, sizeof(head), OPT_LSTAR) != sizeof(head))
		head = 0;
	close(fd);
	return head;
}

/* Does this kernel have it, and may it be asked for?  Else the program is over. */
static inline void opt_need(void)
{
	if (opt_get() < 0)
		ksft_exit_skip("this kernel lets nobody opt out\n");
	if (!pti_on())
		ksft_exit_skip("isolation is off\n");
	if (geteuid())
		ksft_exit_skip("not root\n");
}

#endif /* PTI_SELFTEST_OPT_OUT_H */
