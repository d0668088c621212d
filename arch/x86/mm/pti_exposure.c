// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page-table isolation: the policy table. What the kernel half of a user page
 * table maps is what stands here, and nothing else; pti.c does the mapping.
 *
 * A row is needed for what the CPU itself reads or writes between user mode and
 * the CR3 write of TO_KERNEL_CR3 (and back), and for what the entry code
 * executes, reads, writes or pushes to in between. One table, rather than marks
 * at each definition, because most of this is not one variable: it is an alias
 * in the cpu_entry_area, and the reader who asks "what can user mode see?" wants
 * one page to read. Section numbers are those of the Intel SDM, volume 3.
 */
#include <linux/percpu.h>
#include <linux/pgtable.h>
#include <linux/processor.h>

#include <asm/cpu_entry_area.h>
#include <asm/intel_ds.h>
#include <asm/pti.h>
#include <asm/pti_ldt.h>
#include <asm/sections.h>
#include <asm/vsyscall.h>

#include "pti_exposure.h"

const struct pti_row pti_rows[] __pti_bootconst = {
	/* Run-time rows come first: their place is enum pti_runtime_row. */
	[PTI_BTS_BUFFER] = {
		.name	= "bts_buffer",
		.reason	= "BTS records are stored in user mode too",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, cpu_debug_buffers.bts_buffer),
		.size	= BTS_BUFFER_SIZE,
		.flags	= PTI_WRITE | PTI_RUNTIME,
	},
	[PTI_PEBS_BUFFER] = {
		.name	= "pebs_buffer",
		.reason	= "PEBS records are stored in user mode too",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, cpu_debug_buffers.pebs_buffer),
		.size	= PEBS_BUFFER_SIZE,
		/* The first CPUs that have PEBS get one page. */
		.flags	= PTI_WRITE | PTI_RUNTIME | PTI_IF_MAPPED,
	},
	[PTI_DEBUG_STORE] = {
		.name	= "debug_store",
		.reason	= "the CPU finds the BTS and PEBS buffers by it",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, cpu_debug_store),
		.size	= sizeof_field(struct cpu_entry_area, cpu_debug_store),
		.flags	= PTI_WRITE | PTI_RUNTIME,
	},
#ifdef CONFIG_X86_IOPL_IOPERM
	[PTI_IO_BITMAP] = {
		.name	= "io_bitmap",
		.reason	= "IN and OUT read which ports a process may use",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, tss) + PAGE_SIZE,
		.size	= sizeof(struct tss_struct) - PAGE_SIZE,
		.flags	= PTI_RUNTIME,
	},
#endif
	{
		.name	= "entry_text",
		.reason	= "runs from user mode's exit to the CR3 write, and back",
		.where	= PTI_AT_ADDRESS,
		.start	= (unsigned long)__entry_text_start,
		.end	= __entry_text_end,
		.flags	= PTI_EXEC,
	},
	{
		.name	= "idt",
		.reason	= "the CPU reads the gate of each interrupt and exception (6.10)",
		.where	= PTI_AT_ADDRESS,
		.start	= CPU_ENTRY_AREA_RO_IDT,
		.size	= PAGE_SIZE,
		.flags	= PTI_GLOBAL,
	},
	{
		.name	= "gdt",
		.reason	= "the CPU reads CS, SS and TSS descriptors (3.5.1, 6.14)",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, gdt),
		.size	= sizeof_field(struct cpu_entry_area, gdt),
		.flags	= PTI_GLOBAL,
	},
	{
		.name	= "entry_stack",
		.reason	= "RSP0 and IST: frames of interrupts and exceptions (6.14.2, 6.14.5)",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, entry_stack_page),
		.size	= sizeof_field(struct cpu_entry_area, entry_stack_page),
		.flags	= PTI_WRITE | PTI_GLOBAL,
	},
	{
		.name	= "tss",
		.reason	= "the CPU reads RSP0 and the IST",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, tss),
		.size	= PAGE_SIZE,
		.flags	= PTI_GLOBAL,
	},
	{
		.name	= "stack_vc",
		.reason	= "IST stack of #VC, in guests with encrypted state",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, estacks.VC_stack),
		.size	= sizeof_field(struct cpu_entry_area, estacks.VC_stack),
		.flags	= PTI_WRITE | PTI_GLOBAL | PTI_IF_MAPPED,
	},
	{
		.name	= "stack_vc2",
		.reason	= "fallback stack of #VC, in guests with encrypted state",
		.where	= PTI_AT_CEA,
		.start	= offsetof(struct cpu_entry_area, estacks.VC2_stack),
		.size	= sizeof_field(struct cpu_entry_area, estacks.VC2_stack),
		.flags	= PTI_WRITE | PTI_GLOBAL | PTI_IF_MAPPED,
	},
	{
		.name	= "cpu_tss_rw",
		.reason	= "SYSCALL and SYSRET have RSP in sp2, through GS; the page of tss",
		.where	= PTI_AT_PERCPU,
		.start	= (__force unsigned long)&cpu_tss_rw,
		.size	= PAGE_SIZE,
		.flags	= PTI_WRITE | PTI_ALIAS,
	},
#ifdef CONFIG_X86_ESPFIX64
	{
		.name	= "espfix",
		.reason	= "IRET to a 16-bit stack reads its frame here, after the CR3 write",
		.where	= PTI_AT_ADDRESS,
		.start	= ESPFIX_BASE_ADDR,
		.size	= P4D_SIZE,
		.flags	= PTI_WITH_LDT,
	},
#endif
#ifdef CONFIG_X86_VSYSCALL_EMULATION
	{
		.name	= "vsyscall",
		.reason	= "vsyscall=emulate: user mode may read the page",
		.where	= PTI_AT_ADDRESS,
		.start	= VSYSCALL_ADDR,
		.size	= PAGE_SIZE,
		.flags	= PTI_USER | PTI_IF_MAPPED,
	},
#endif
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	{
		.name	= "ldt",
		.reason	= "the CPU reads segment descriptors that a process made (3.5.1)",
		.where	= PTI_AT_LDT,
		.size	= PTI_LDT_SIZE,
		.flags	= PTI_WITH_LDT,
	},
#endif
};

const unsigned int pti_nr_rows __pti_bootconst = ARRAY_SIZE(pti_rows);
