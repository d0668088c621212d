// SPDX-License-Identifier: GPL-2.0-only
/*
 * left_df - have IRETs of espfix fail, over and over, which is a #DF each
 *
 * Bits: 64
 *
 * Usage: left_df_64 SECONDS
 *
 * rt_sigreturn is given a stack selector of the LDT whose descriptor is not present. IRET
 * then fails on the espfix stack, with #NP or #SS and the selector for an error code. That
 * stack is mapped read-only, so that the frame of this exception cannot be pushed: #PF,
 * and #DF. Only the #DF's handler makes a #GP of it, and has no error code for that. So
 * what the signal says tells, one by one, which IRETs led to a #DF. First comes one with
 * a selector of the GDT, which fails on another stack: of that the error code must come.
 *
 * RSI and RDX have a mark in each #DF. It gets there by memory, and the signal that follows
 * replaces both: no register of user mode has it. But it is user mode's own for the #GP,
 * which saves it where any exception from user mode does, on the stack of RSP0.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <time.h>
#include <unistd.h>

#include "left_df.h"

#define PAGE		4096UL
#define TRAP_GP		13
#define LDT_ABSENT	7U		/* entry 0 of the LDT, RPL 3 */
#define GDT_USER_CS	0x33U		/* code: not for SS */
#define SS_SHIFT	48		/* in REG_CSGSFS */
#define USER_TICKS	300000UL
#define PAUSE_NSEC	1000000

static struct left_df_page *page;
static unsigned int selector;
static greg_t before[NGREG];
static volatile bool armed;
static volatile unsigned int trap, ss;
static volatile unsigned long error;

static void fatal(const char *what)
{
	perror(what);
	exit(1);
}

/* By bytes, so that no register has eight of them */
static void put_mark(greg_t *reg)
{
	volatile char *byte = (volatile char *)reg;
	unsigned int i;

	for (i = 0; i < sizeof(*reg); i++)
		byte[i] = LEFT_DF_CHAR;
}

/* Returns with what IRET cannot load */
static void on_usr1(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)sig;
	(void)info;
	memcpy(before, regs, sizeof(before));
	regs[REG_CSGSFS] &= ~(0xffffUL << SS_SHIFT);
	regs[REG_CSGSFS] |= (unsigned long)selector << SS_SHIFT;
	put_mark(&regs[REG_RSI]);
	put_mark(&regs[REG_RDX]);
	armed = true;
}

/* Goes on where the other signal came */
static void on_fault(int sig, siginfo_t *info, void *context)
{
	greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;

	(void)info;
	if (!armed) {
		signal(sig, SIG_DFL);
		return;
	}
	armed = false;
	trap = regs[REG_TRAPNO];
	error = regs[REG_ERR];
	ss = (unsigned long)regs[REG_CSGSFS] >> SS_SHIFT;
	memcpy(regs, before, sizeof(before));
}

static void handle(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	if (sigaction(sig, &sa, NULL))
		fatal("sigaction");
}

/* A return with this selector; whether it failed, as what error and trap say */
static bool fail_with(unsigned int sel)
{
	selector = sel;
	trap = 0;
	raise(SIGUSR1);
	return trap && !armed && ss == sel;
}

static void in_user_mode(void)
{
	unsigned long end = __builtin_ia32_rdtsc() + USER_TICKS;
	struct timespec t = { .tv_nsec = PAUSE_NSEC };

	while (__builtin_ia32_rdtsc() < end)
		;
	nanosleep(&t, NULL);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 60);
	struct user_desc absent = {
		.limit = 0xffff, .contents = MODIFY_LDT_CONTENTS_DATA, .seg_not_present = 1,
	};
	static char stack[16 * PAGE];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };

	page = mmap((void *)LEFT_DF_VA, PAGE, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
	if (page != (void *)LEFT_DF_VA)
		fatal("mmap");
	if (syscall(SYS_modify_ldt, 0x11, &absent, sizeof(absent)))
		fatal("modify_ldt");
	if (sigaltstack(&alt, NULL))
		fatal("sigaltstack");
	handle(SIGUSR1, on_usr1);
	handle(SIGSEGV, on_fault);
	handle(SIGBUS, on_fault);

	if (!fail_with(GDT_USER_CS) || trap != TRAP_GP || error != (GDT_USER_CS & ~3U)) {
		printf("left_df: SS %#x: it is %#x, trap %u, error code %#lx\n", GDT_USER_CS, ss,
		       trap, error);
		return 1;
	}
	memcpy(page->magic, LEFT_DF_MAGIC, sizeof(page->magic));
	while (time(NULL) < end) {
		if (fail_with(LDT_ABSENT) && trap == TRAP_GP && !error)
			page->taken++;
		else
			page->other++;
		in_user_mode();
	}
	return 0;
}
