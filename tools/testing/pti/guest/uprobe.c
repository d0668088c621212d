// SPDX-License-Identifier: GPL-2.0-only
/*
 * uprobe - breakpoints of the kernel's in a program, by the thousand
 *
 * A uprobe is an int3 in user mode, an instruction that runs elsewhere, and a #DB
 * behind it; one on return is a second int3.  Threads call a probed function whose
 * results are checked, the probes are set and taken away meanwhile, and in the end
 * each call has to have been counted.
 *
 * Usage: uprobe [CALLS]	(default: 3000, of each of two threads)
 *
 * Bits: 64 32
 */
#include <link.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS	2

static unsigned long calls = 3000;

/* What a thread has to do, and what came of it. */
struct job {
	unsigned long seed;
	unsigned long long hits, returns;
	int type;
	int wrong;	/* results */
	int unprobed;	/* no probe could be set */
};

/* Several instructions that a uprobe has to run out of line. */
__attribute__((noipa)) static unsigned long probed(unsigned long a, unsigned long b)
{
	return (a ^ b) * 3 + b;
}

static void call(struct job *job)
{
	unsigned long i;

	for (i = 0; i < calls; i++)
		if (probed(i, job->seed) != (i ^ job->seed) * 3 + job->seed)
			job->wrong = 1;
}

/* Where in the file the function is. */
static unsigned long file_offset(unsigned long addr)
{
	extern const char __ehdr_start[];
	const ElfW(Ehdr) *e = (const void *)__ehdr_start;
	const ElfW(Phdr) *p = (const void *)(__ehdr_start + e->e_phoff);
	int i;

	for (i = 0; i < e->e_phnum; i++)
		if (p[i].p_type == PT_LOAD && addr >= p[i].p_vaddr &&
		    addr < p[i].p_vaddr + p[i].p_filesz)
			return addr - p[i].p_vaddr + p[i].p_offset;
	return 0;
}

/* A descriptor that counts, in this thread: what others inherit is not counted exactly. */
static int probe(int type, int on_return)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = type, .config = on_return,
	};

	attr.config1 = (unsigned long)"/proc/self/exe";
	attr.config2 = file_offset((unsigned long)probed);
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static unsigned long long count(int fd)
{
	unsigned long long n = 0;

	if (read(fd, &n, sizeof(n)) != sizeof(n))
		n = -1ULL;
	close(fd);
	return n;
}

static void *caller(void *arg)
{
	struct job *job = arg;
	int start = probe(job->type, 0), back = probe(job->type, 1);

	job->unprobed = start < 0 || back < 0;
	if (job->unprobed) {
		perror("perf_event_open");
		return NULL;
	}
	call(job);
	job->hits = count(start);
	job->returns = count(back);
	return NULL;
}

/* Set, hit by all threads, taken away: @round differs in what is calculated. */
static int one_round(int number, int type, unsigned long round)
{
	struct job job[THREADS] = {}, sum = {};
	pthread_t thread[THREADS];
	int i;

	for (i = 0; i < THREADS; i++) {
		job[i].seed = round + i;
		job[i].type = type;
		pthread_create(&thread[i], NULL, caller, &job[i]);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], NULL);
		sum.hits += job[i].hits;
		sum.returns += job[i].returns;
		sum.wrong |= job[i].wrong | job[i].unprobed;
	}
	i = sum.wrong || sum.hits != THREADS * calls || sum.returns != sum.hits;
	printf("%sok %d - %lu calls: %llu hits, %llu returns, results %s\n", i ? "not " : "",
	       number, THREADS * calls, sum.hits, sum.returns, sum.wrong ? "wrong" : "right");
	return i;
}

int main(int argc, char **argv)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	struct job job = { .seed = 7 };
	int type = 0, bad = 0, i;

	if (argc > 1)
		calls = strtoul(argv[1], NULL, 0);
	if (!f || fscanf(f, "%d", &type) != 1) {
		printf("not ok 1 - no uprobes in this kernel\n");
		return 1;
	}
	for (i = 1; i <= 3; i++)
		bad |= one_round(i, type, 0x5a5a0000 + i);
	call(&job);
	printf("%sok 4 - without a probe\n", job.wrong ? "not " : "");
	return bad || job.wrong;
}
