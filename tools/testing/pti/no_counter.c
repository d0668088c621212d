// SPDX-License-Identifier: GPL-2.0-only
/*
 * no_counter - run a program to which the kernel refuses all counters
 *
 *	no_counter PROGRAM [ARGUMENT...]
 *
 * perf_event_open() fails with EACCES, in 64- and 32-bit code, whoever runs it: for the
 * test of what bench_hw makes of a machine without.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PERF_EVENT_OPEN_32	336
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define LOAD(field)		\
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no)	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define RETURN(action)		BPF_STMT(BPF_RET | BPF_K, action)

int main(int argc, char **argv)
{
	struct sock_filter filter[] = {
		LOAD(arch),
		IS(AUDIT_ARCH_X86_64, 2, 0),
		LOAD(nr),
		IS(PERF_EVENT_OPEN_32, 2, 3),
		LOAD(nr),
		IS(SYS_perf_event_open, 0, 1),
		RETURN(SECCOMP_RET_ERRNO | EACCES),
		RETURN(SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = ARRAY_SIZE(filter),
		.filter = filter,
	};

	if (argc < 2) {
		fprintf(stderr, "usage: no_counter PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("no_counter: seccomp");
		return 2;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 2;
}
