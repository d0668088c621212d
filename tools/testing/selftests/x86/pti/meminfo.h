/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * meminfo.h - whether memory that should be free again is
 *
 * Two samples of /proc/meminfo, with the same thing done many times in
 * between; no counter may grow with the number of times.
 */
#ifndef PTI_SELFTEST_MEMINFO_H
#define PTI_SELFTEST_MEMINFO_H

#include "common.h"

static const char * const mem_counters[] = {
	"MemFree:", "PageTables:", "SUnreclaim:", "KernelStack:",
	"VmallocUsed:",
};

struct mem_sample {
	long kb[ARRAY_SIZE(mem_counters)];
};

static inline long mem_counter(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? atol(at + strlen(name)) : 0;
}

/* Let what is freed late be free, then read. */
static inline struct mem_sample mem_take(void)
{
	static char text[8192];
	struct mem_sample s;
	unsigned int i;

	usleep(300000);
	if (pti_read_file("/proc/meminfo", text, sizeof(text)) < 0)
		ksft_exit_skip("no /proc/meminfo\n");
	for (i = 0; i < ARRAY_SIZE(mem_counters); i++)
		s.kb[i] = mem_counter(text, mem_counters[i]);
	return s;
}

/* Has nothing grown by half a page a round, or what the allocators keep? */
static inline bool mem_same(const char *name, const struct mem_sample *before,
			    unsigned long rounds)
{
	struct mem_sample after = mem_take();
	long slack = rounds * 2 > 1024 ? rounds * 2 : 1024;
	/*
	 * What vfree() gave back keeps its shadow until there is much of it, with two CPUs
	 * 64 MB: of large LDTs that is 8 MB.
	 */
	long shadow = pti_symbol("kasan_release_vmalloc") ? 8192 : 0;
	bool same = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mem_counters); i++) {
		long growth = after.kb[i] - before->kb[i];

		/* The first counts what is left, the others what is used. */
		if (!i)
			growth = -growth;
		if (growth <= slack + (i ? 0 : shadow))
			continue;
		ksft_print_msg("%s %s %ld kB in %lu rounds\n", name,
			       mem_counters[i], growth, rounds);
		same = false;
	}
	return same;
}

#endif /* PTI_SELFTEST_MEMINFO_H */
