/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Page-table isolation: what the mapper tells the boot decision, and what that
 * tells the files in debugfs and sysfs.
 */
#ifndef _X86_MM_PTI_MODE_H
#define _X86_MM_PTI_MODE_H

/**
 * enum pti_mode - what the command line asks for
 * @PTI_AUTO: isolation where the CPU is affected; also if it says nothing
 * @PTI_ON: isolation on any CPU
 * @PTI_OFF: none
 */
enum pti_mode {
	PTI_AUTO,
	PTI_ON,
	PTI_OFF,
};

/**
 * enum pti_reason - what decided
 * @PTI_UNDECIDED: nothing has yet
 * @PTI_BY_AUTO: pti=auto, which leaves it to the CPU
 * @PTI_BY_ON: pti=on
 * @PTI_BY_OFF: pti=off
 * @PTI_BY_NOPTI: nopti
 * @PTI_BY_MITIGATIONS: mitigations=off
 * @PTI_BY_XEN: Xen PV
 * @PTI_BY_CPU: the CPU has the bug
 * @PTI_NOT_BY_CPU: the CPU has not
 * @PTI_NO_PAIR: the static roots do not lie as a pair does
 * @PTI_NO_MEMORY: page tables of the exposure could not be allocated
 * @PTI_NO_EXPOSURE: a row of the policy table does not fit what the kernel maps
 * @PTI_BY_SWITCH: who runs the system, after boot; never in pti_reason
 *
 * Each has a text in pti_reason_texts[], which is ABI.
 */
enum pti_reason {
	PTI_UNDECIDED,
	PTI_BY_AUTO,
	PTI_BY_ON,
	PTI_BY_OFF,
	PTI_BY_NOPTI,
	PTI_BY_MITIGATIONS,
	PTI_BY_XEN,
	PTI_BY_CPU,
	PTI_NOT_BY_CPU,
	PTI_NO_PAIR,
	PTI_NO_MEMORY,
	PTI_NO_EXPOSURE,
	PTI_BY_SWITCH,
};

/* What the command line asked for is of interest after boot to sysfs alone. */
#ifdef CONFIG_PTI_SYSFS
#define __pti_asked	__ro_after_init
#else
#define __pti_asked	__initdata
#endif

/* All of it is final after pti_report(). */
extern enum pti_mode pti_mode;
extern enum pti_reason pti_reason;
extern const char *const pti_reason_texts[];

void pti_give_up(enum pti_reason reason);
void pti_report(unsigned long bytes);

#endif /* _X86_MM_PTI_MODE_H */
