// SPDX-License-Identifier: GPL-2.0-only
/*
 * tsc-khz - print the frequency of this machine's time stamp counter in kHz
 *
 * QEMU's TCG passes the counter of the host through to the guest.  A guest that
 * has to measure it, on a host that is busy, can be wrong by a factor of thirty,
 * and then believes that its CPUs stall.  The runner tells it instead.
 */
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define SPAN_NS		20000000LL

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/*
 * A pair of readings that belong together: of several attempts, the one that
 * the least time passed between.
 */
static void read_both(unsigned long long *tsc, long long *ns)
{
	unsigned long long before, least = ~0ULL, took;
	long long at;
	int i;

	for (i = 0; i < 20; i++) {
		before = __rdtsc();
		at = now_ns();
		took = __rdtsc() - before;
		if (took >= least)
			continue;
		least = took;
		*tsc = before + took / 2;
		*ns = at;
	}
}

int main(void)
{
	const struct timespec span = { .tv_nsec = SPAN_NS };
	unsigned long long tsc0, tsc1;
	long long ns0, ns1;

	read_both(&tsc0, &ns0);
	nanosleep(&span, NULL);
	read_both(&tsc1, &ns1);
	printf("%llu\n", (tsc1 - tsc0) * 1000000ULL / (unsigned long long)(ns1 - ns0));
	return 0;
}
