// SPDX-License-Identifier: GPL-2.0-only
/*
 * huge - large pages of processes, transparent and of hugetlbfs, with data checked
 *
 * Below the top-level entries that both page tables of a process have, a leaf of 2 MiB
 * or 1 GiB is shared like any other.  What happens to them is that they are copied on
 * write, split, moved, protected, dropped and come back: after each step every page
 * has to hold what it should, for parent and child.
 *
 * Usage: huge [ROUNDS]		(default: 10)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	4096UL
#define LARGE	(2UL << 20)
#define GIGA	(1UL << 30)
#define COUNT	4		/* large pages at a time */

#ifndef MAP_HUGE_1GB
#define MAP_HUGE_1GB	(30 << 26)
#endif

static int number;

/* Each small page gets a number of its own at its start and its end. */
static void fill(char *at, unsigned long size, unsigned long seed)
{
	unsigned long i;

	for (i = 0; i < size; i += PAGE) {
		*(volatile unsigned long *)(at + i) = seed + i;
		*(volatile unsigned long *)(at + i + PAGE - 8) = ~(seed + i);
	}
}

static int holds(const char *at, unsigned long size, unsigned long seed)
{
	unsigned long i;

	for (i = 0; i < size; i += PAGE)
		if (*(volatile unsigned long *)(at + i) != seed + i ||
		    *(volatile unsigned long *)(at + i + PAGE - 8) != ~(seed + i))
			return 0;
	return 1;
}

static int empty(const char *at, unsigned long size)
{
	unsigned long i;

	for (i = 0; i < size; i += PAGE)
		if (*(volatile unsigned long *)(at + i))
			return 0;
	return 1;
}

/* Bytes of large pages that /proc/self/smaps counts under @key. */
static unsigned long mapped_large(const char *key)
{
	unsigned long kb, sum = 0;
	char line[256];
	FILE *f = fopen("/proc/self/smaps", "r");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)) &&
		    sscanf(line + strlen(key), ": %lu", &kb) == 1)
			sum += kb << 10;
	if (f)
		fclose(f);
	return sum;
}

/* A child sees what was there, changes it, and the parent does not see that. */
static int copied(char *at, unsigned long size, unsigned long seed)
{
	int status = 1;
	pid_t pid = fork();

	if (!pid) {
		if (!holds(at, size, seed))
			_exit(1);
		fill(at, size, seed * 3);
		_exit(!holds(at, size, seed * 3));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return 0;
	return holds(at, size, seed);
}

static void result(const char *what, const char *wrong, unsigned long rounds)
{
	number++;
	if (wrong)
		printf("not ok %d - %s: %s\n", number, what, wrong);
	else
		printf("ok %d - %s: %lu rounds\n", number, what, rounds);
}

static const char *transparent(unsigned long seed)
{
	unsigned long size = COUNT * LARGE;
	char *area = mmap(NULL, size + 2 * LARGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *at, *moved;
	const char *wrong = NULL;

	if (area == MAP_FAILED)
		return "no memory";
	at = (char *)(((unsigned long)area + LARGE - 1) & -LARGE);
	madvise(at, size, MADV_HUGEPAGE);
	fill(at, size, seed);
	if (mapped_large("AnonHugePages") < size)
		wrong = "no transparent large pages";
	else if (!holds(at, size, seed))
		wrong = "written, and not there";
	else if (!copied(at, size, seed))
		wrong = "after a fork";
	/* One small page of each is dropped: it is split. */
	else if (madvise(at + LARGE / 2, PAGE, MADV_DONTNEED) || !empty(at + LARGE / 2, PAGE) ||
		 !holds(at, LARGE / 2, seed))
		wrong = "after a split";
	else if (mprotect(at + LARGE, PAGE, PROT_READ) ||
		 !holds(at + LARGE, LARGE, seed + LARGE) ||
		 mprotect(at + LARGE, PAGE, PROT_READ | PROT_WRITE))
		wrong = "after mprotect";
	if (!wrong) {
		moved = mmap(NULL, 2 * LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		moved = (char *)(((unsigned long)moved + LARGE - 1) & -LARGE);
		if (mremap(at + 2 * LARGE, LARGE, LARGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved) != moved ||
		    !holds(moved, LARGE, seed + 2 * LARGE))
			wrong = "after a move";
		munmap(moved, LARGE);
	}
	if (!wrong && (madvise(at + 3 * LARGE, LARGE, MADV_DONTNEED) ||
		       !empty(at + 3 * LARGE, LARGE)))
		wrong = "dropped, and still there";
	munmap(area, size + 2 * LARGE);
	return wrong;
}

static const char *reserved(unsigned long size, int flags, unsigned long seed)
{
	const char *wrong = NULL;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | flags, -1, 0);

	if (at == MAP_FAILED)
		return "no pages reserved: nr_hugepages";
	/* A gigabyte is touched here and there only. */
	if (size > COUNT * LARGE) {
		fill(at, LARGE, seed);
		fill(at + size - LARGE, LARGE, ~seed);
		if (mapped_large("Private_Hugetlb") < size)
			wrong = "no large page";
		else if (!holds(at, LARGE, seed) || !holds(at + size - LARGE, LARGE, ~seed))
			wrong = "written, and not there";
	} else {
		fill(at, size, seed);
		if (mapped_large("Private_Hugetlb") < size)
			wrong = "no large pages";
		else if (!holds(at, size, seed) || !copied(at, size, seed))
			wrong = "after a fork";
		else if (mprotect(at, LARGE, PROT_READ) || !holds(at, size, seed) ||
			 mprotect(at, LARGE, PROT_READ | PROT_WRITE))
			wrong = "after mprotect";
		else if (madvise(at, LARGE, MADV_DONTNEED) || !empty(at, LARGE))
			wrong = "dropped, and still there";
	}
	munmap(at, size);
	return wrong;
}

int main(int argc, char **argv)
{
	unsigned long i, rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 10;
	const char *wrong = NULL;
	int bad = 0;

	for (i = 0; i < rounds && !wrong; i++)
		wrong = transparent(0x1234567800000001 * (i + 1));
	result("transparent", wrong, rounds);
	bad |= !!wrong;
	for (i = 0, wrong = NULL; i < rounds && !wrong; i++)
		wrong = reserved(COUNT * LARGE, 0, 0x8765432100000001 * (i + 1));
	result("hugetlb, 2 MiB", wrong, rounds);
	bad |= !!wrong;
	if (access("/sys/kernel/mm/hugepages/hugepages-1048576kB", F_OK)) {
		printf("ok 3 # SKIP hugetlb, 1 GiB: the CPU has no such pages\n");
		return bad;
	}
	for (i = 0, wrong = NULL; i < rounds && !wrong; i++)
		wrong = reserved(GIGA, MAP_HUGE_1GB, 0x1122334400000001 * (i + 1));
	result("hugetlb, 1 GiB", wrong, rounds);
	return bad | !!wrong;
}
