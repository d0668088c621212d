// SPDX-License-Identifier: GPL-2.0-only
/*
 * mm_cost - how much memory a process takes
 *
 * Bits: 64
 *
 * Pages that /proc/meminfo no longer has free for each of many children that do
 * nothing.  Top-level page tables are not in its PageTables.  What the allocator
 * holds in reserve is shared among so many that it does not show in the first
 * decimal place.
 *
 * With the argument "ldt" each child has an LDT, as its parent has.
 *
 * Prints "MM_COST tenths-of-a-page", or "MM_COST_LDT tenths-of-a-page".
 * growth.sh compares kernels.
 */
#include <asm/ldt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN	2000
#define WARM_UP		100
#define PAGE_KB		4

static long free_pages(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[128];
	long kb = -1;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemFree: %ld", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return kb / PAGE_KB;
}

static void fork_children(int n)
{
	pid_t pid;

	while (n--) {
		pid = fork();
		if (!pid) {
			pause();
			_exit(0);
		}
		if (pid < 0) {
			perror("mm_cost: fork");
			kill(0, SIGKILL);
		}
	}
}

static void make_ldt(void)
{
	const struct user_desc desc = {
		.limit = 0xffff,
		.contents = MODIFY_LDT_CONTENTS_DATA,
	};

	if (syscall(SYS_modify_ldt, 0x11, &desc, sizeof(desc))) {
		perror("mm_cost: modify_ldt");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	long before, after;

	if (argc > 1 && strcmp(argv[1], "ldt")) {
		fprintf(stderr, "Usage: mm_cost [ldt]\n");
		return 2;
	}
	if (argc > 1)
		make_ldt();
	setpgid(0, 0);
	fork_children(WARM_UP);
	before = free_pages();
	fork_children(CHILDREN);
	after = free_pages();
	if (before < 0 || after < 0 || before <= after) {
		fprintf(stderr, "mm_cost: /proc/meminfo: %ld, then %ld pages free\n",
			before, after);
		return 1;
	}
	printf("MM_COST%s %ld\n", argc > 1 ? "_LDT" : "",
	       ((before - after) * 10 + CHILDREN / 2) / CHILDREN);
	fflush(stdout);

	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (wait(NULL) > 0)
		;
	return 0;
}
