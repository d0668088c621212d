// SPDX-License-Identifier: GPL-2.0-only
/*
 * opted_out - processes with and without isolation, of which one can tell from outside
 *
 * Bits: 64
 *
 * Usage: opted_out SECONDS. On each CPU two processes run user code, are interrupted and make
 * system calls, and two others do the same without isolation: they ask for that, and give it
 * back, over and over, from a page at OPTED_OUT_PAGE, and run nowhere else in between.
 * "audit.sh --opted-out" stops the machine at random instants, and demands that no CPU is in
 * user mode on the kernel page table but with RIP in that page.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What audit.sh has, too */
#define OPTED_OUT_PAGE	0xd0000000000UL

/* rbx: how many system calls while it is opted out. Returns what a request returned, if not 0. */
extern char opted_out_code[], opted_out_code_end[];
asm(".pushsection .rodata\n"
    "opted_out_code:\n"
    "	push	%rbx\n"
    "	mov	%rdi, %rbx\n"
    "	mov	$2, %edx\n"			/* PR_SPEC_ENABLE */
    "	call	1f\n"
    "	test	%eax, %eax\n"
    "	jnz	4f\n"
    "2:	mov	$110, %eax\n"			/* getppid */
    "	syscall\n"
    "	mov	$2000, %ecx\n"
    "3:	dec	%ecx\n"
    "	jnz	3b\n"
    "	dec	%rbx\n"
    "	jnz	2b\n"
    "	mov	$4, %edx\n"			/* PR_SPEC_DISABLE */
    "	call	1f\n"
    "4:	pop	%rbx\n"
    "	ret\n"
    "1:	mov	$157, %eax\n"			/* prctl */
    "	mov	$53, %edi\n"			/* PR_SET_SPECULATION_CTRL */
    "	mov	$3, %esi\n"			/* PR_SPEC_PAGE_TABLE_ISOLATION */
    "	xor	%r10d, %r10d\n"
    "	xor	%r8d, %r8d\n"
    "	syscall\n"
    "	ret\n"
    "opted_out_code_end:\n"
    ".popsection\n");

static void on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* One that is away at the moment is not insisted on. */
	if (sched_setaffinity(0, sizeof(set), &set) && errno != EINVAL)
		_exit(2);
}

static int run_opted_out(time_t end)
{
	void *page = mmap((void *)OPTED_OUT_PAGE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	long error, (*code)(unsigned long calls) = page;

	if (page == MAP_FAILED)
		return 2;
	memcpy(page, opted_out_code, opted_out_code_end - opted_out_code);
	while (time(NULL) < end) {
		error = code(1 + random() % 50);
		if ((int)error) {
			fprintf(stderr, "opted_out: a request fails: %s\n", strerror(-(int)error));
			return 1;
		}
	}
	return 0;
}

static int run_isolated(time_t end)
{
	volatile int i;

	while (time(NULL) < end) {
		getppid();
		for (i = 0; i < 2000; i++)
			;
	}
	return 0;
}

static void on_alarm(int sig)
{
}

int main(int argc, char **argv)
{
	int cpu, i, status, bad = 0, fd = open("/proc/sys/kernel/pti_opt_out", O_WRONLY);
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
	struct itimerval timer = { { 0, 3000 }, { 0, 1000 } };
	struct sigaction sa = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

	if (fd < 0 || write(fd, "1", 1) != 1) {
		perror("opted_out: kernel.pti_opt_out");
		return 2;
	}
	for (cpu = 0; cpu < cpus; cpu++) {
		for (i = 0; i < 4; i++) {
			if (fork())
				continue;
			on_cpu(cpu);
			srandom(cpu * 4 + i);
			sigaction(SIGALRM, &sa, NULL);
			/* Its handler is elsewhere: for those that are never opted out. */
			if (i == 3)
				setitimer(ITIMER_REAL, &timer, NULL);
			_exit(i < 2 ? run_opted_out(end) : run_isolated(end));
		}
	}
	while (wait(&status) > 0)
		bad |= status;
	printf("%s 1 - opted out and isolated processes beside each other\n", bad ? "not ok" : "ok");
	return bad ? 1 : 0;
}
