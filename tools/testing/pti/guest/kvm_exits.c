// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm_exits - run virtual machines, and check what goes in and out of them
 *
 * A machine's exit comes back into the kernel by no entry of the kernel's: with CR3,
 * TSS, GS base and the MSRs of SYSCALL as the hardware keeps them.  Each thread here
 * has a machine of its own, which reads a number from a port, calculates, and hands
 * the result out by memory, by a port and by a write where no memory is.  In between
 * the thread does system calls and page faults, and a timer's signals interrupt all.
 *
 * Usage: kvm_exits [ROUNDS]	(default: 1000, of three exits, in each of two threads)
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define THREADS		2
#define MEMORY		0x4000
#define CODE		0x1000
#define RESULT		0x2000	/* where the machine leaves its result */
#define NOWHERE		0x8000	/* an address without memory */
#define PORT_IN		0x10
#define PORT_OUT	0x20
#define STR(x)		#x
#define XSTR(x)		STR(x)

extern const char machine_code[], machine_end[];

asm(".pushsection .rodata\n"
    ".code16\n"
    "machine_code:\n"
    "	xorl	%ecx, %ecx\n"
    "1:	inl	$" XSTR(PORT_IN) ", %eax\n"
    "	imull	$5, %eax, %eax\n"
    "	addl	%ecx, %eax\n"
    "	incl	%ecx\n"
    "	movl	%eax, " XSTR(RESULT) "\n"
    "	outl	%eax, $" XSTR(PORT_OUT) "\n"
    "	movl	%eax, " XSTR(NOWHERE) "\n"
    "	jmp	1b\n"
    "machine_end:\n"
    ".code64\n"
    ".popsection\n");

static unsigned int rounds = 1000;
static volatile unsigned long ticks;

struct machine {
	int cpu;
	unsigned int seed;
	unsigned long exits;
	struct kvm_run *run;
	char *memory;
	const char *wrong;
};

static void tick(int sig)
{
	ticks++;
}

/* Real mode, all segments at 0. */
static const char *make(struct machine *m)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	int kvm = open("/dev/kvm", O_RDWR), vm, size;
	struct kvm_sregs sregs;

	if (kvm < 0)
		return "no /dev/kvm";
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return "KVM_CREATE_VM";
	m->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	region.userspace_addr = (unsigned long)m->memory;
	if (m->memory == MAP_FAILED || ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		return "KVM_SET_USER_MEMORY_REGION";
	memcpy(m->memory + CODE, machine_code, machine_end - machine_code);
	m->cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (m->cpu < 0 || size < 0)
		return "KVM_CREATE_VCPU";
	m->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->cpu, 0);
	if (m->run == MAP_FAILED || ioctl(m->cpu, KVM_GET_SREGS, &sregs))
		return "KVM_GET_SREGS";
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(m->cpu, KVM_SET_SREGS, &sregs) || ioctl(m->cpu, KVM_SET_REGS, &regs))
		return "KVM_SET_REGS";
	return NULL;
}

/* Until the machine wants something; signals only interrupt. */
static int run(struct machine *m, unsigned int reason)
{
	while (ioctl(m->cpu, KVM_RUN, 0))
		if (errno != EINTR && errno != EAGAIN)
			return 0;
	m->exits++;
	return m->run->exit_reason == reason;
}

static const char *one_round(struct machine *m, unsigned int i)
{
	struct kvm_run *r = m->run;
	unsigned int in = rand_r(&m->seed), out = in * 5 + i, got;
	char *page;

	if (!run(m, KVM_EXIT_IO) || r->io.direction != KVM_EXIT_IO_IN ||
	    r->io.port != PORT_IN || r->io.size != 4)
		return "no read of the port";
	memcpy((char *)r + r->io.data_offset, &in, 4);

	/* The kernel, on its usual ways. */
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED || *(volatile char *)page)
		return "a fresh page is not empty";
	munmap(page, 4096);

	if (!run(m, KVM_EXIT_IO) || r->io.direction != KVM_EXIT_IO_OUT || r->io.port != PORT_OUT)
		return "no write to the port";
	memcpy(&got, (char *)r + r->io.data_offset, 4);
	if (got != out)
		return "wrong result at the port";
	memcpy(&got, m->memory + RESULT, 4);
	if (got != out)
		return "wrong result in memory";
	if (!run(m, KVM_EXIT_MMIO) || r->mmio.phys_addr != NOWHERE || !r->mmio.is_write)
		return "no write to where no memory is";
	memcpy(&got, r->mmio.data, 4);
	return got == out ? NULL : "wrong result where no memory is";
}

static void *thread(void *arg)
{
	struct machine *m = arg;
	unsigned int i;

	for (i = 0; i < rounds && !m->wrong; i++)
		m->wrong = one_round(m, i);
	return NULL;
}

int main(int argc, char **argv)
{
	struct itimerval timer = { { 0, 2000 }, { 0, 2000 } };
	struct machine machine[THREADS] = { };
	pthread_t threads[THREADS];
	int i, bad = 0;

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	/* What makes a machine is not begun again when a signal interrupts it. */
	for (i = 0; i < THREADS; i++)
		machine[i].wrong = make(&machine[i]);
	signal(SIGALRM, tick);
	setitimer(ITIMER_REAL, &timer, NULL);
	for (i = 0; i < THREADS; i++) {
		machine[i].seed = i + 1;
		pthread_create(&threads[i], NULL, thread, &machine[i]);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		bad |= machine[i].wrong || machine[i].exits != 3ul * rounds;
		printf("%sok %d - machine %d: %lu exits%s%s\n", machine[i].wrong ? "not " : "",
		       i + 1, i, machine[i].exits, machine[i].wrong ? ": " : "",
		       machine[i].wrong ?: "");
	}
	printf("# %lu signals meanwhile\n", ticks);
	return bad;
}
