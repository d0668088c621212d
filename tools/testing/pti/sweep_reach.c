// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which of the kernel's text is swept: .entry.text, all assembler code of .noinstr.text that
 * is no function, and whatever these call or jump to, in the image or in what may be patched
 * into it, but for what is left out by name and with a reason.  So a helper that is new is
 * swept, or its instructions are in the report as not reached.
 */
#include <fnmatch.h>
#include <linux/elf.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"

/* Where code is gone to, and no further: the C handlers, and what C calls in turn */
static const struct {
	const char *name, *reason;
} left_out[] = {
	{ "exc_*", "a handler in C" },
	{ "noist_exc_*", "a handler in C" },
	{ "sysvec_*", "a handler in C" },
	{ "*_interrupt", "a handler in C" },
	{ "do_*", "a system call in C" },
	{ "fred_entry_from_*", "FRED's handlers in C" },
	{ "ret_from_fork", "C on the stack of a new task" },
	{ "handle_interrupted_saferet", "C, on a copy of the registers" },
	{ "memcpy", "what fixup_bad_iret() calls, in C" },
	{ "__x86_*thunk*", "a thunk, which any C code goes by" },
	{ "*_return_thunk", "a thunk, which any C code goes by" },
	/* handle_interrupted_saferet(): it would never come back to where it was */
	{ "srso_untrain_ret", "what interrupts its safe return goes on behind that" },
};

static unsigned int left[ARRAY_SIZE(left_out)];

/* Reached by what is in no instruction: a task's first return is to a stack that C writes */
static const char * const roots[] = { "ret_from_fork_asm" };

bool in_text(const struct sweep *s, __u64 addr)
{
	int i;

	for (i = 0; i < s->text.n_ranges; i++)
		if (addr >= s->text.range[i].from && addr < s->text.range[i].to)
			return true;
	return false;
}

static int add_range(struct text *t, __u64 from, __u64 to)
{
	if (t->n_ranges == MAX_RANGES) {
		fprintf(stderr, "sweep: more than %d functions of entry code\n", MAX_RANGES);
		return -1;
	}
	t->range[t->n_ranges].from = from;
	t->range[t->n_ranges++].to = to;
	return 0;
}

static int add_function(struct sweep *s, const struct symbol *sym)
{
	if (!sym->size) {
		fprintf(stderr, "sweep: the entry code goes to %s, which has no size\n",
			sym->name);
		return -1;
	}
	return add_range(&s->text, sym->addr, sym->addr + sym->size);
}

static bool is_left_out(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(left_out); i++) {
		if (fnmatch(left_out[i].name, name, 0))
			continue;
		left[i]++;
		return true;
	}
	return false;
}

/* Where these instructions go to */
static int add_targets(struct sweep *s, const struct text *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		const char *insn = t->insn[i].text, *operand = strstr(insn, " 0x");
		__u64 target = operand ? strtoull(operand, NULL, 16) : 0;
		const struct symbol *sym;

		if ((*insn != 'j' && strncmp(insn, "call", 4)) || !target || in_text(s, target))
			continue;
		sym = symbol_at(&s->syms, target);
		if (!sym) {
			fprintf(stderr, "sweep: the entry code goes to %#llx\n", target);
			return -1;
		}
		if (!is_left_out(sym->name) && add_function(s, sym))
			return -1;
	}
	return 0;
}

/* By what stands there, and by what may */
static int follow(struct sweep *s, const struct range *range)
{
	size_t n = range->to - range->from;
	const void *code = image_at(&s->syms, range->from, n);
	struct text text = { };
	int r = -1;

	if (!code)
		fprintf(stderr, "sweep: the kernel's image has no code at %s\n",
			where(s, range->from));
	else if (!text_add(&text, code, n, range->from) &&
		 !alternatives_of(s, range, &text))
		r = add_targets(s, &text);
	free(text.insn);
	return r;
}

/**
 * text_find() - where the swept text is
 * @s:	the sweep; the symbols are known
 *
 * Return: 0, or -1 after a complaint.
 */
int text_find(struct sweep *s)
{
	__u64 from = symbol_addr(s, "__entry_text_start"), verw = symbol_addr(s, "x86_verw_sel");
	__u64 noinstr = symbol_addr(s, "__noinstr_text_start");
	__u64 noinstr_end = symbol_addr(s, "__noinstr_text_end");
	const struct symbol *sym;
	int i, r;

	/* .entry.text begins with a word that VERW reads */
	if (verw == from) {
		sym = symbol_at(&s->syms, from);
		if (sym && ++sym < s->syms.v + s->syms.n)
			from = sym->addr;
	}
	r = add_range(&s->text, from, symbol_addr(s, "__entry_text_end"));
	for (i = 0; i < (int)ARRAY_SIZE(roots); i++) {
		sym = symbol_find(&s->syms, roots[i]);
		if (!r && sym)
			r = add_function(s, sym);
	}
	/* What is no function is not C */
	for (sym = s->syms.v; !r && sym < s->syms.v + s->syms.n; sym++)
		if (sym->type == STT_NOTYPE && sym->size && sym->addr >= noinstr &&
		    sym->addr < noinstr_end && !in_text(s, sym->addr))
			r = add_function(s, sym);
	for (i = 0; !r && i < s->text.n_ranges; i++)
		r = follow(s, &s->text.range[i]);
	return r;
}

/** text_report() - name what is not swept though the entry code goes there, and why */
void text_report(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(left_out); i++)
		if (left[i])
			printf("not swept: %s, where %u instructions go: %s\n",
			       left_out[i].name, left[i], left_out[i].reason);
}
