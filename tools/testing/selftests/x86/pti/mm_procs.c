// SPDX-License-Identifier: GPL-2.0-only
/*
 * mm_procs - many processes, the same addresses, different contents
 *
 * More processes than the kernel has ASIDs take turns on each CPU.  All have
 * data and code at the same addresses and check after each turn that they see
 * their own.  Some change their mappings between turns or move to other CPUs.
 *
 * What it catches: a user PCID that belongs to another process, an ASID given
 * away without the flush of its user half, a flush that is owed to the
 * user PCID and forgotten when the process comes back on another CPU.  (An
 * emulator whose TLB forgets all on each CR3 write can not show these; it
 * shows wrong page tables.)
 */
#include <sys/wait.h>
#include "threads.h"

#define PROCESSES	14	/* a CPU; the kernel has 6 ASIDs */
#define PAGES		16
#define DATA		((void *)0x20000000)
#define CODE		((void *)0x30000000)
#define TIME_LIMIT	20000	/* ms */

/* mov $id, %eax; ret */
static void write_code(unsigned char *page, unsigned int id)
{
	page[0] = 0xb8;
	memcpy(page + 1, &id, sizeof(id));
	page[5] = 0xc3;
}

static void *map_at(void *where, size_t bytes, int prot)
{
	void *p = mmap(where, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS |
		       MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

static unsigned long value(unsigned int id, unsigned int page,
			   unsigned long round)
{
	return ((unsigned long)id << 20 | page << 12) ^ round;
}

static void fill(unsigned int id, unsigned long round)
{
	unsigned int p;

	for (p = 0; p < PAGES; p++)
		*(unsigned long *)((char *)DATA + p * PTI_PAGE) =
			value(id, p, round);
}

static bool check(unsigned int id, unsigned long round)
{
	unsigned int (*code)(void) = CODE;
	unsigned int p;

	for (p = 0; p < PAGES; p++) {
		unsigned long got = *(unsigned long *)((char *)DATA +
						       p * PTI_PAGE);

		if (got == value(id, p, round))
			continue;
		ksft_print_msg("process %u page %u reads %lx\n", id, p, got);
		return false;
	}
	if (code() == id)
		return true;
	ksft_print_msg("process %u runs the code of another\n", id);
	return false;
}

/* What a process does between its turns, and always the same data after it. */
enum habit { STAY, REPLACE, DROP, MOVE, HABITS };

static void process(unsigned int id, int cpu, unsigned long n)
{
	enum habit habit = id % HABITS;
	int cpus = pti_cpus();
	unsigned long i, round = 0;
	unsigned long end = pti_msec() + TIME_LIMIT;

	pti_pin(cpu);
	map_at(DATA, PAGES * PTI_PAGE, PROT_READ | PROT_WRITE);
	write_code(map_at(CODE, PTI_PAGE, PROT_READ | PROT_WRITE), id);
	if (mprotect(CODE, PTI_PAGE, PROT_READ | PROT_EXEC))
		_exit(1);
	fill(id, round);
	for (i = 0; i < n && pti_msec() < end; i++) {
		if (!check(id, round))
			_exit(2);
		if (i % 4 == 0 && habit == REPLACE) {
			map_at(DATA, PAGES * PTI_PAGE, PROT_READ | PROT_WRITE);
			fill(id, ++round);
		}
		if (i % 4 == 0 && habit == DROP) {
			madvise(DATA, PAGES * PTI_PAGE, MADV_DONTNEED);
			fill(id, ++round);
		}
		if (i % 8 == 0 && habit == MOVE)
			pti_pin((cpu + i / 8) % cpus);
		sched_yield();
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	unsigned long n;
	int i, status, bad = 0, ended = 0, processes;

	pti_start(argc, argv);
	ksft_set_plan(1);
	n = pti_rounds(3000 / pti_cpus() + 1000);
	processes = PROCESSES * pti_cpus();
	fflush(stdout);
	for (i = 0; i < processes; i++)
		if (!fork())
			process(i + 1, i % pti_cpus(), n);
	for (; wait(&status) > 0; ended++)
		bad += !!status;
	ksft_test_result(!bad && ended == processes,
			 "turns: %d processes, %lu each at most\n", processes, n);
	ksft_finished();
}
