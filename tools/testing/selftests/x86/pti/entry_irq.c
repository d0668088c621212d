// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry_irq - interrupts while user code keeps a marker in every register
 *
 * One thread compares all its registers, the stack pointer included, with
 * what they were, again and again, while timer interrupts and, with a second
 * CPU, function-call interrupts arrive at instructions that nobody chose.
 *
 * What it catches: interrupt entries and exits that lose a register or the
 * flags, and vectors whose stubs or stacks are absent from the user page
 * table (that is a triple fault, and the run has no end).
 */
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include "regs.h"
#include "threads.h"

#define TIME_LIMIT	15000	/* ms for each of the two */

static int spin_cpu;

/* A counter of /proc/interrupts on the CPU that spins. */
static unsigned long irq_count(const char *name)
{
	unsigned long count = 0;
	char line[4096];
	FILE *f;

	f = fopen("/proc/interrupts", "r");
	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, name);
		int cpu;

		if (!at)
			continue;
		at += strlen(name);
		for (cpu = 0; cpu <= spin_cpu; cpu++)
			count = strtoul(at, &at, 10);
	}
	fclose(f);
	return count;
}

static unsigned long wanted, arrived;

/* The last act of a helper. */
static void finish(const char *counter, unsigned long first)
{
	arrived = irq_count(counter) - first;
	__atomic_store_n(&regs_stop, 1, __ATOMIC_RELEASE);
}

/* Let the interrupts come for as long as it takes. */
static void wait_for_timer(void *unused)
{
	unsigned long end = pti_msec() + TIME_LIMIT;
	unsigned long first = irq_count("LOC:");

	do {
		usleep(20000);
	} while (irq_count("LOC:") - first < wanted && pti_msec() < end);
	finish("LOC:", first);
}

/* A membarrier interrupts every CPU that runs this process. */
static void send_ipis(void *unused)
{
	unsigned long end = pti_msec() + TIME_LIMIT;
	unsigned long first = irq_count("CAL:");
	unsigned long i = 0;

	pti_pin(!spin_cpu);
	/* Those that find the other thread not running interrupt nobody. */
	do {
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED,
			    0, 0))
			break;
	} while (++i % 256 ||
		 (irq_count("CAL:") - first < wanted && pti_msec() < end));
	finish("CAL:", first);
}

static void spin(const char *name, void (*helper)(void *))
{
	struct pti_thread thread;
	bool same;

	regs_stop = 0;
	regs_spins = 0;
	arrived = 0;
	wanted = pti_rounds(100000);
	regs_markers();
	regs_in[REG_EFL] &= ~FLAG_DF;
	pti_thread_start(&thread, helper, NULL);
	regs_run(site_spin);
	/* The loop ends on a difference too: then the registers show it. */
	same = regs_same(name, regs_out, REG_BIT(REG_EFL)) &&
	       regs_stop && regs_gs_same(name);
	regs_stop = 1;
	pti_thread_wait(&thread);
	ksft_test_result(same && arrived, "%s: %lu in %lu rounds\n", name,
			 arrived, regs_spins);
}

/*
 * The tick alone is slow.  A sampling clock of this thread adds an interrupt
 * each 50 us while it runs.
 */
static int fast_timer(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 50000,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

int main(int argc, char **argv)
{
	int fd;

	pti_start(argc, argv);
	ksft_set_plan(2);
	spin_cpu = 0;
	pti_pin(spin_cpu);
	regs_gs_set();

	fd = fast_timer();
	spin("timer interrupts", wait_for_timer);
	if (fd >= 0)
		close(fd);

	if (pti_cpus() < 2)
		ksft_test_result_skip("function-call interrupts: one CPU\n");
	else if (syscall(SYS_membarrier,
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		ksft_test_result_skip("function-call interrupts: no membarrier()\n");
	else
		spin("function-call interrupts", send_ipis);
	ksft_finished();
}
