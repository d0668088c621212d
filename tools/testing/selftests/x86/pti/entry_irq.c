// SPDX-License-Identifier: GPL-2.0-only
/*
 * entry_irq - interrupts while user code keeps a marker in every register
 *
 * One thread compares all its registers, the stack pointer included, with
 * what they were, again and again, while timer interrupts and, with a second
 * CPU, function-call interrupts arrive at instructions that nobody chose.  A
 * serial port interrupts where user code asks it to.
 *
 * Function-call interrupts go slowly between two CPUs of an emulator: a hundredth of
 * the rounds in a quarter of a minute is enough.  If a time is given, all have to
 * come in half of it.
 *
 * What it catches: interrupt entries and exits that lose a register or the
 * flags, and vectors whose stubs or stacks are absent from the user page
 * table (that is a triple fault, and the run has no end).
 */
#include <fcntl.h>
#include <linux/membarrier.h>
#include <linux/perf_event.h>
#include <linux/serial.h>
#include <linux/serial_reg.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include "regs.h"
#include "threads.h"

#define TIMER_LIMIT	40000	/* ms */
#define IPI_LIMIT	15000

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
		char *at = strchr(line, ':');
		int cpu;

		if (!at || !strstr(line, name))
			continue;
		at++;
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
	unsigned long end = pti_msec() + TIMER_LIMIT;
	unsigned long first = irq_count("LOC:");

	do {
		usleep(20000);
	} while (irq_count("LOC:") - first < wanted && pti_msec() < end);
	finish("LOC:", first);
}

/* A membarrier interrupts every CPU that runs this process. */
static void send_ipis(void *unused)
{
	unsigned long end = pti_msec() + (pti_seconds ? 500 * pti_seconds : IPI_LIMIT);
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

/* As many as @least are enough: it is not for the program to say how fast they come. */
static void spin(const char *name, void (*helper)(void *), unsigned long least)
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
	ksft_test_result(same && arrived && arrived >= least, "%s: %lu in %lu rounds\n", name,
			 arrived, regs_spins);
}

/* The one CPU that is interrupted. */
static int cpu_of_irq(int irq)
{
	char name[64];
	int cpu = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/irq/%d/effective_affinity_list", irq);
	f = fopen(name, "r");
	if (f) {
		if (fscanf(f, "%d", &cpu) != 1)
			cpu = 0;
		fclose(f);
	}
	return cpu;
}

/*
 * Where the registers of a serial port are that the kernel has open, or 0; this
 * thread runs where it interrupts.
 */
static unsigned int open_port(const char *name)
{
	struct serial_struct serial = { };
	int fd = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || ioctl(fd, TIOCGSERIAL, &serial) || !serial.type ||
	    !serial.irq || !serial.port || ioperm(serial.port, 8, 1))
		return 0;
	spin_cpu = cpu_of_irq(serial.irq);
	pti_pin(spin_cpu);
	return serial.port;
}

/*
 * A port that has nothing to send interrupts as soon as it is told to say so:
 * at the OUT, or behind it.  The kernel finds nothing to do.
 */
static void test_device(void)
{
	unsigned int port = open_port("/dev/ttyS1");
	unsigned long first, n, rounds = pti_rounds(100000);
	unsigned char ier;
	bool same = true;

	if (!port) {
		ksft_test_result_skip("device interrupts: no second serial port\n");
		return;
	}
	ier = inb(port + UART_IER) & ~UART_IER_THRI;
	first = irq_count("ttyS1");
	for (n = 0; n < rounds && same; n++) {
		outb(ier, port + UART_IER);
		regs_markers();
		regs_in[REG_DX] = port + UART_IER;
		regs_in[REG_AX] = ier | UART_IER_THRI;
		regs_run(site_out);
		same = regs_same("device interrupts", regs_out, 0);
	}
	outb(ier, port + UART_IER);
	n = irq_count("ttyS1") - first;
	ksft_test_result(same && n == rounds, "device interrupts: %lu in %lu rounds\n", n,
			 rounds);
	spin_cpu = 0;
	pti_pin(spin_cpu);
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
	unsigned long rounds;
	int fd;

	pti_start(argc, argv);
	rounds = pti_rounds(100000);
	ksft_set_plan(3);
	spin_cpu = 0;
	pti_pin(spin_cpu);
	regs_gs_set();

	fd = fast_timer();
	spin("timer interrupts", wait_for_timer, rounds / 100);
	if (fd >= 0)
		close(fd);

	test_device();
	if (pti_cpus() < 2)
		ksft_test_result_skip("function-call interrupts: one CPU\n");
	else if (syscall(SYS_membarrier,
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0))
		ksft_test_result_skip("function-call interrupts: no membarrier()\n");
	else
		spin("function-call interrupts", send_ipis,
		     pti_seconds ? rounds : rounds / 100);
	ksft_finished();
}
