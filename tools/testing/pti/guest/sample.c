// SPDX-License-Identifier: GPL-2.0-only
/*
 * sample - sample every CPU with perf, over and over
 *
 * Bits: 64
 *
 * Usage: sample_64 SECONDS
 *
 * Each second the events are opened anew on the CPUs that are online, with a
 * buffer that the kernel writes call chains to, so that they come and go while
 * other programs run and CPUs leave.  No emulator here counts cycles, so a timer
 * takes the samples.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_CPUS	64
#define BUFFER		(9UL * 4096)	/* a page of counters, and 2^3 of samples */

struct cpu_event {
	int fd;
	struct perf_event_mmap_page *buffer;
};

static void open_event(struct cpu_event *e, int cpu)
{
	struct perf_event_attr attr = {
		.type		= PERF_TYPE_SOFTWARE,
		.size		= sizeof(attr),
		.config		= PERF_COUNT_SW_CPU_CLOCK,
		.freq		= 1,
		.sample_freq	= 499,
		.sample_type	= PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN,
	};

	/* A CPU may be away. */
	e->fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	if (e->fd < 0)
		return;
	e->buffer = mmap(NULL, BUFFER, PROT_READ, MAP_SHARED, e->fd, 0);
	if (e->buffer == MAP_FAILED) {
		close(e->fd);
		e->fd = -1;
	}
}

static unsigned long close_event(struct cpu_event *e)
{
	unsigned long bytes;

	if (e->fd < 0)
		return 0;
	bytes = e->buffer->data_head;
	munmap(e->buffer, BUFFER);
	close(e->fd);
	return bytes;
}

int main(int argc, char **argv)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int seconds = argc > 1 ? atoi(argv[1]) : 1;
	struct cpu_event events[MAX_CPUS];
	unsigned long bytes = 0;
	int s, cpu;

	if (cpus > MAX_CPUS)
		cpus = MAX_CPUS;
	for (s = 0; s < seconds; s++) {
		for (cpu = 0; cpu < cpus; cpu++)
			open_event(&events[cpu], cpu);
		sleep(1);
		for (cpu = 0; cpu < cpus; cpu++)
			bytes += close_event(&events[cpu]);
	}

	printf("%sok 1 - %lu bytes of samples in %d s\n", bytes ? "" : "not ", bytes, seconds);
	return !bytes;
}
