// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: where paths begin.
 *
 * Each gate is entered from user mode, and from the kernel.  A gate with a stack of its own
 * can interrupt the kernel anywhere, so all combinations of page table and GS base are
 * tried; the others only where C runs, but for what the walk finds itself: an IRET that
 * faults, a selector that cannot be loaded.
 */
#include <string.h>

#include "entry_check.h"

/* In a frame that kernel code left: no selector of an LDT */
#define KERNEL_SS	0x18

/* Exceptions with an error code (SDM 3A, "Protected-Mode Exceptions and Interrupts") */
static bool has_error_code(int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 ||
	       vector == 29 || vector == 30;
}

/* What an IRET or a load of a segment register can raise */
static bool is_segment_fault(int vector)
{
	return vector >= 11 && vector <= 14;
}

static __u32 table(bool user)
{
	return cur->pti && user ? CR3_IS_USER | (cur->pcid ? CR3_IS_USER_PCID : 0) : 0;
}

static struct state fresh(__u64 ip, bool user_table, enum gs gs)
{
	struct state st;
	int i;

	memset(&st, 0, sizeof(st));
	st.ip = ip;
	st.at = ip;
	for (i = 0; i < 16; i++)
		st.reg[i] = val(V_IN, i, 0);
	st.cr3 = val(V_CR3, table(user_table), 0);
	st.gs = gs;
	st.cr3_in = (st.cr3.id & CR3_IS_USER) != 0;
	st.gs_in = gs;
	st.in_entry = 1;
	flags_unknown(&st);
	return st;
}

/* Pushes what the CPU pushes */
static void frame(struct state *st, __u32 region, __s64 top, struct value rip, bool user,
		  int vector)
{
	const struct value words[] = {
		user ? val(V_IN, IN_SS, 0) : val(V_CONST, 0, KERNEL_SS),
		val(V_IN, IN_SP, 0), val(V_IN, IN_FLAGS, 0),
		val(V_CS, user, 0), rip,
	};
	__s64 at = top & ~15LL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++) {
		at -= 8;
		slot_write(st, region, at, 8, words[i]);
	}
	if (has_error_code(vector)) {
		at -= 8;
		slot_write(st, region, at, 8, val(V_NUMBER, 0, 0));
	}
	st->reg[IN_RSP] = val(V_PTR, region, at);
}

/* Of what the CPU itself goes to, the first instruction must be ENDBR64 (SDM 1, "IBT") */
static void lands(struct state *st)
{
	const cs_insn *in = fetch(st->ip);

	if (!cur->ibt)
		return;
	if (!in || in->id != X86_INS_ENDBR64)
		wrong(st, "fault", "begins without ENDBR64, #CP with IBT");
	else if (endbr_sealed(st->ip))
		wrong(st, "fault", "begins with an ENDBR64 that is sealed, #CP with IBT");
}

static void add(struct state *out, size_t max, size_t *n, struct state *st, const char *what,
		const char *from)
{
	char text[160];

	if (*n == max)
		cannot("more than %zu ways into the kernel", max);
	snprintf(text, sizeof(text), "%s, from %s", what, from);
	st->path = path_root(text);
	out[(*n)++] = *st;
}

static bool is_isolated(const char *name)
{
	return !strncmp(name, "isolated_", 9);
}

static void gate_roots(const struct gate *g, struct state *out, size_t max, size_t *n)
{
	static const char * const from[2][2] = {
		{ "the kernel (kernel CR3, user GS)", "the kernel (kernel CR3, kernel GS)" },
		{ "the kernel (user CR3, user GS)", "the kernel (user CR3, kernel GS)" },
	};
	struct state st = fresh(g->addr, true, GS_USER);
	enum tri irqs = g->trap ? MAYBE : NO;
	bool isolated = is_isolated(g->name);
	__u32 stack = g->ist ? (isolated ? R_TRAMPOLINE : R_IST) + g->ist : R_ENTRY;
	int t, gs;

	/* Isolated, the gates are others, switched off too; they stay if it was given up */
	if ((cur->pti || cur->off) && img.redo && g->ist && !isolated && g->ist <= 4)
		return;

	/* Of #DF from user mode C does not return, and its way back would be none */
	st.irqs = irqs;
	frame(&st, stack, 0, val(V_IN, IN_RIP, 0), true, g->vector);
	if (!isolated || g->vector != 8) {
		add(out, max, n, &st, g->name, "user mode");
		lands(&out[*n - 1]);
	}
	for (t = 0; t <= cur->pti; t++) {
		for (gs = 0; gs < 2; gs++) {
			if (!g->ist && (t || gs == GS_USER))
				continue;
			st = fresh(g->addr, t, gs);
			st.of_kernel = 1;
			st.irqs = irqs;
			frame(&st, g->ist ? stack : R_FOUND, 0, val(V_RIP, 0, 0), false,
			      g->vector);
			add(out, max, n, &st, g->name, from[t][gs]);
		}
	}
}

/* Where paths begin beside the gates: without one of these, less would be checked */
void roots_need(void)
{
	static const struct { const char *name, *with; bool entry; } need[] = {
		{ "entry_SYSCALL_64", NULL, true },
		{ "entry_SYSCALL_compat", "do_fast_syscall_32", true },
		{ "entry_SYSENTER_compat", "do_fast_syscall_32", true },
		{ "asm_load_gs_index", NULL, true },
		{ "ret_from_fork_asm", NULL, false },
	};
	const struct symbol *s;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(need); i++) {
		if (need[i].with && !symbol_find(&img.syms, need[i].with))
			continue;
		s = symbol_find(&img.syms, need[i].name);
		if (!s || !s->size)
			cannot("%s: no function %s, where paths begin", img.file, need[i].name);
		if (need[i].entry && (s->addr < img.text_start || s->addr >= img.text_end))
			cannot("%s: %s, where paths begin, is not in its entry text", img.file,
			       need[i].name);
	}
}

/*
 * What the MSRs of system calls can hold.  An isolated kernel has heads of its own there,
 * but for what ignores 32-bit SYSCALL.
 */
static bool is_head(const char *name)
{
	if (!cur->pti || !img.redo || !strcmp(name, "entry_SYSCALL32_ignore"))
		return !strncmp(name, "entry_SYSCALL", 13) || !strncmp(name, "entry_SYSENTER", 14);
	return !strncmp(name, "isolated_SYSCALL", 16) || !strncmp(name, "isolated_SYSENTER", 17);
}

size_t roots_first(struct state *out, size_t max)
{
	const struct symbol *s;
	struct state st;
	size_t i, n = 0;

	for (i = 0; i < img.ngates; i++)
		gate_roots(&img.gate[i], out, max, &n);

	/* SYSCALL leaves RSP alone, SYSENTER takes it from its MSR; no frame */
	for (i = 0; i < img.syms.n; i++) {
		s = &img.syms.v[i];
		if (!s->size || s->addr < img.text_start || s->addr >= img.text_end ||
		    !is_head(s->name))
			continue;
		st = fresh(s->addr, true, GS_USER);
		st.via = strstr(s->name, "compat") ? VIA_SYSCALL32 : VIA_SYSCALL;
		if (strstr(s->name, "_SYSENTER")) {
			st.via = VIA_SYSENTER;
			st.reg[IN_RSP] = val(V_PTR, R_ENTRY, 0);
		}
		add(out, max, &n, &st, s->name, "user mode");
		lands(&out[n - 1]);
	}

	/* A process that is opted out has the kernel page table in user mode, too */
	s = symbol_find(&img.syms, "opted_out_SYSCALL_64");
	if (s && cur->pti) {
		st = fresh(s->addr, false, GS_USER);
		st.via = VIA_SYSCALL;
		add(out, max, &n, &st, s->name, "user mode, opted out");
		lands(&out[n - 1]);
	}

	/* A child goes to user mode from here, on a stack that the kernel made */
	s = symbol_find(&img.syms, "ret_from_fork_asm");
	st = fresh(s->addr, false, GS_KERNEL);
	st.in_entry = 0;
	for (i = 0; i < 16; i++)
		st.reg[i] = val(V_JUNK, 0, 0);
	st.reg[IN_RSP] = val(V_PTR, R_THREAD, -REGS_SIZE);
	user_regs(&st, R_THREAD, -REGS_SIZE);
	add(out, max, &n, &st, s->name, "the scheduler");

	/* Runs with the user's GS base, and may fault then */
	s = symbol_find(&img.syms, "asm_load_gs_index");
	st = fresh(s->addr, false, GS_KERNEL);
	st.in_entry = 0;
	st.reg[IN_RSP] = val(V_PTR, R_THREAD, -1024);
	slot_write(&st, R_THREAD, -1024, 8, val(V_CALLER, 0, 0));
	add(out, max, &n, &st, s->name, "C");
	return n;
}

size_t roots_fault(const struct fault_site *f, struct state *out, size_t max)
{
	bool user_table = f->st.cr3.id & CR3_IS_USER;
	struct state st;
	size_t i, n = 0;
	char from[96];

	for (i = 0; i < img.ngates; i++) {
		const struct gate *g = &img.gate[i];

		if (g->ist || !is_segment_fault(g->vector))
			continue;
		snprintf(from, sizeof(from), "a fault at %s", place(f->ip));
		st = fresh(g->addr, user_table, f->st.gs);
		/* The handler of a selector that faults gives the kernel its GS base back */
		if (f->resume)
			st.gs_in = GS_KERNEL;
		frame(&st, f->st.reg[IN_RSP].id, f->st.reg[IN_RSP].n, val(V_CONST, 0, f->ip),
		      false, g->vector);
		add(out, max, &n, &st, g->name, from);
		if (f->resume)
			continue;
		/* Early K8s push half of RIP if the IRET went to 32-bit code */
		st = fresh(g->addr, user_table, f->st.gs);
		frame(&st, f->st.reg[IN_RSP].id, f->st.reg[IN_RSP].n,
		      val(V_CONST, 0, f->ip & 0xffffffff), false, g->vector);
		snprintf(from, sizeof(from), "a fault at %s, RIP cut to 32 bits", place(f->ip));
		add(out, max, &n, &st, g->name, from);
	}
	if (f->resume) {
		st = f->st;
		st.ip = f->resume;
		st.gs = GS_KERNEL;
		add(out, max, &n, &st, place(f->resume), "the exception table");
	}
	return n;
}
