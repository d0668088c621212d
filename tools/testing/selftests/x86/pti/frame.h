/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * frame.h - frames for rt_sigreturn, made by hand
 *
 * rt_sigreturn loads every register from a frame on the user's stack and
 * leaves the kernel by IRET with whatever is in it.  No signal is needed: the
 * caller fills a frame, points the stack register at frame_sp() and makes the
 * system call.
 */
#ifndef PTI_SELFTEST_FRAME_H
#define PTI_SELFTEST_FRAME_H

#include "regs.h"

#define I386_RT_SIGRETURN	173

static alignas(64) struct {
#ifndef __x86_64__
	int sig;
	int info_ptr;
	int uc_ptr;
	char info[128];
#endif
	ucontext_t uc;
	char room[512];
} frame;

static inline unsigned long frame_sp(void)
{
	return (unsigned long)&frame;
}

static inline greg_t *frame_regs(void)
{
	return frame.uc.uc_mcontext.gregs;
}

/* Code and stack selectors have places of their own in each ABI. */
static inline void gregs_set_cs_ss(greg_t *gregs, unsigned int cs,
				   unsigned int ss)
{
#ifdef __x86_64__
	gregs[REG_CSGSFS] = cs | (unsigned long)ss << 48;
#else
	gregs[REG_CS] = cs;
	gregs[REG_SS] = ss;
#endif
}

static inline unsigned int gregs_cs(const greg_t *gregs)
{
#ifdef __x86_64__
	return gregs[REG_CSGSFS] & 0xffff;
#else
	return gregs[REG_CS];
#endif
}

static inline unsigned int gregs_ss(const greg_t *gregs)
{
#ifdef __x86_64__
	return (unsigned long)gregs[REG_CSGSFS] >> 48;
#else
	return gregs[REG_SS];
#endif
}

static inline unsigned int this_cs(void)
{
	unsigned int cs;

	asm("mov %%cs, %0" : "=r" (cs));
	return cs;
}

static inline unsigned int this_ss(void)
{
	unsigned int ss;

	asm volatile("mov %%ss, %0" : "=r" (ss));
	return ss;
}

/* Once, after the signal stack was set: the frame keeps it. */
static inline void frame_init(void)
{
	sigaltstack(NULL, &frame.uc.uc_stack);
#ifdef __x86_64__
	/* Take SS from the frame, right or wrong. */
	frame.uc.uc_flags = 0x2 /* SIGCONTEXT_SS */ | 0x4 /* STRICT_RESTORE */;
#endif
}

/* A frame that goes on at @ip with the registers that are in regs_in. */
static inline void frame_fill(const void *ip)
{
	greg_t *gregs = frame_regs();

	memcpy(gregs, regs_in, sizeof(regs_in));
	gregs[REG_IP] = (unsigned long)ip;
	gregs_set_cs_ss(gregs, this_cs(), this_ss());
#ifndef __x86_64__
	gregs[REG_UESP] = gregs[REG_ESP];
	asm("mov %%ds, %0" : "=r" (gregs[REG_DS]));
	asm("mov %%es, %0" : "=r" (gregs[REG_ES]));
	asm("mov %%fs, %0" : "=r" (gregs[REG_FS]));
	asm("mov %%gs, %0" : "=r" (gregs[REG_GS]));
#endif
}

/* Make regs_run(frame_site()) load the frame. */
static inline void frame_call(void)
{
#ifdef __x86_64__
	regs_in[REG_RAX] = SYS_rt_sigreturn;
	regs_in[REG_RSP] = frame_sp();
#else
	regs_in[REG_EAX] = I386_RT_SIGRETURN;
	regs_in[REG_ESP] = frame_sp();
	regs_in[REG_EBP] = frame_sp();	/* SYSENTER's stack pointer */
#endif
}

static inline const void *frame_site(void)
{
#ifdef __x86_64__
	return site_syscall;
#else
	return site_int80;
#endif
}

#endif /* PTI_SELFTEST_FRAME_H */
