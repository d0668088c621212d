// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the decision at boot, what depends on it that early,
 * and the line in the log that says what was decided and why.
 *
 * The decision is X86_FEATURE_PTI. It is taken at the start of
 * init_mem_mapping(): command line and CPU bugs are known by then, no lasting
 * kernel mapping has been made and FRED has not been set up.
 */
#define pr_fmt(fmt) "Kernel/User page tables isolation: " fmt

#include <linux/array_size.h>
#include <linux/cpu.h>
#include <linux/cpufeature.h>
#include <linux/init.h>
#include <linux/pgtable.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/string_choices.h>

#include <asm/hypervisor.h>
#include <asm/proto.h>
#include <asm/pti.h>
#include <asm/tlbflush.h>

#include "pti_exposure.h"
#include "pti_mode.h"
#include "pti_switch.h"

enum pti_mode pti_mode __pti_asked;

bool pti_heads __ro_after_init;

/* What the command line said about it, and in the end what decided. */
enum pti_reason pti_reason __ro_after_init = PTI_UNDECIDED;

/* In Documentation/ABI/testing/sysfs-devices-system-cpu-pti, too. */
const char *const pti_reason_texts[] __pti_bootconst = {
	[PTI_UNDECIDED]		= "not decided",
	[PTI_BY_AUTO]		= "pti=auto",
	[PTI_BY_ON]		= "pti=on",
	[PTI_BY_OFF]		= "pti=off",
	[PTI_BY_NOPTI]		= "nopti",
	[PTI_BY_MITIGATIONS]	= "mitigations=off",
	[PTI_BY_XEN]		= "Xen PV: the hypervisor isolates",
	[PTI_BY_CPU]		= "CPU affected by Meltdown",
	[PTI_NOT_BY_CPU]	= "CPU not affected by Meltdown",
	[PTI_NO_PAIR]		= "the kernel's root is not the first of a pair",
	[PTI_NO_MEMORY]		= "no memory for the exposure",
	[PTI_NO_EXPOSURE]	= "the exposure could not be built",
	[PTI_BY_SWITCH]		= "switched at run time",
};

/* A mode, as the command line has it. */
struct pti_word {
	const char	*name;
	enum pti_reason	reason;
	enum pti_mode	mode;
};

static int __init pti_param(char *arg)
{
	static const struct pti_word modes[] __initconst = {
		{ "auto",	PTI_BY_AUTO,	PTI_AUTO },
		{ "on",		PTI_BY_ON,	PTI_ON },
		{ "off",	PTI_BY_OFF,	PTI_OFF },
	};
	const char *text = arg ?: "";
	size_t len = strcspn(text, ",");
	const char *option = text[len] ? text + len + 1 : NULL;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strlen(modes[i].name) == len && !strncmp(text, modes[i].name, len) &&
		    pti_switch_param(option)) {
			pti_mode = modes[i].mode;
			pti_reason = modes[i].reason;
			return 0;
		}
	}

	pr_warn("pti=%s is unknown and ignored; use on, off or auto\n", text);
	return 0;
}
early_param("pti", pti_param);

/* With a value it may mean anything: who wants no isolation can say so clearly. */
static int __init nopti_param(char *arg)
{
	if (arg) {
		pr_warn("nopti=%s is unknown and ignored; nopti has no value\n", arg);
		return 0;
	}

	pti_switch_param(NULL);
	pti_mode = PTI_OFF;
	pti_reason = PTI_BY_NOPTI;
	return 0;
}
early_param("nopti", nopti_param);

static bool __init pti_wanted(void)
{
	if (hypervisor_is_type(X86_HYPER_XEN_PV)) {
		pti_reason = PTI_BY_XEN;
		return false;
	}
	if (pti_mode == PTI_OFF)
		return false;
	if (cpu_mitigations_off()) {
		pti_reason = PTI_BY_MITIGATIONS;
		return false;
	}
	if (pti_mode == PTI_ON)
		return true;

	if (boot_cpu_has_bug(X86_BUG_CPU_MELTDOWN)) {
		pti_reason = PTI_BY_CPU;
		return true;
	}
	pti_reason = PTI_NOT_BY_CPU;
	return false;
}

/* Pairs of roots, to switch isolation on later, although it is not wanted now. */
static bool __init pti_pairs_wanted(void)
{
	if (!pti_switch_keeps_pairs() || hypervisor_is_type(X86_HYPER_XEN_PV))
		return false;
	if (cpu_mitigations_off()) {
		pti_reason = PTI_BY_MITIGATIONS;
		return false;
	}
	return true;
}

/*
 * The early mappings of image and fixmap have global leaves. A global TLB entry
 * made by kernel mode stays usable in user mode, so none may remain that the user
 * page table does not hold itself. What early_ioremap() has mapped so far is for
 * its users to unmap, which drops it from the TLB, before there is user mode;
 * check_early_ioremap_leak() warns of what is left.
 */
static void __init pti_drop_early_global(void)
{
	unsigned int i;

	for (i = 0; i < PTRS_PER_PMD; i++)
		level2_kernel_pgt[i].pmd &= ~_PAGE_GLOBAL;
	for (i = 0; i < ARRAY_SIZE(level1_fixmap_pgt); i++)
		level1_fixmap_pgt[i].pte &= ~_PAGE_GLOBAL;

	__flush_tlb_all();
}

/**
 * pti_decide() - decide whether this kernel runs isolated
 *
 * Context: start of init_mem_mapping(), boot CPU.
 */
void __init pti_decide(void)
{
	bool isolate = pti_wanted();

	if (!isolate && !pti_pairs_wanted())
		return;

	pti_switch_decided(true, isolate);

	setup_force_cpu_cap(X86_FEATURE_PTI);
	pti_heads = true;

	/* FRED has entry points of its own, which do not switch CR3. */
	setup_clear_cpu_cap(X86_FEATURE_FRED);

	pti_drop_early_global();
}

/**
 * pti_give_up() - isolation was decided on but cannot be had
 * @reason: why not
 *
 * Kernel mappings have lost their global bit by now. tlb.c may use PCIDs only if
 * they have it, or if the hooks of pti_tlb.h see to what other ASIDs keep of them,
 * which they do under isolation alone. So there are no PCIDs then; CPUs that come
 * up later go by the feature bit. That roots stay pairs, FRED off, and the heads of NMI
 * and the like in use (pti_heads), does no harm.
 *
 * Context: boot, one CPU, before alternatives are applied, before anything runs in
 * user mode, and before a second ASID is in use.
 */
void __init pti_give_up(enum pti_reason reason)
{
	clear_bit(X86_FEATURE_PTI, (unsigned long *)cpu_caps_set);
	setup_clear_cpu_cap(X86_FEATURE_PTI);
	if (boot_cpu_has(X86_FEATURE_PCID)) {
		setup_clear_cpu_cap(X86_FEATURE_PCID);
		load_cr3(swapper_pg_dir);
		cr4_clear_bits(X86_CR4_PCIDE);
	}
	pti_switch_decided(false, false);
	/* System calls have isolated heads by now. */
	syscall_init();
	pti_reason = reason;
}

/**
 * pti_report() - tell the log what runs, and why
 * @bytes: kernel memory that user page tables show
 *
 * Context: boot, once nothing can change the decision any more.
 */
void __init pti_report(unsigned long bytes)
{
	if (!boot_cpu_has(X86_FEATURE_PTI)) {
		pr_info("disabled (%s)\n", pti_reason_texts[pti_reason]);
		return;
	}
	if (pti_switch_starts_off()) {
		pr_info("disabled (%s), can be switched on, %lu bytes exposed then\n",
			pti_reason_texts[pti_reason], bytes);
		return;
	}

	pr_info("enabled (%s), PCID %s, INVPCID %s, %lu bytes exposed\n",
		pti_reason_texts[pti_reason],
		str_yes_no(boot_cpu_has(X86_FEATURE_PCID)),
		str_yes_no(boot_cpu_has(X86_FEATURE_INVPCID)), bytes);
}
