// SPDX-License-Identifier: GPL-2.0-only
/*
 * A break that the sweep itself plants in the guest's kernel, to be seen to find it: an
 * instruction in memory becomes another.  sweep.mutants lists such breaks.
 */
#include <regex.h>
#include <string.h>

#include "sweep.h"

#define NOP	0x90

/* Of a function, or from a label to the next */
static struct range range_of(const struct sweep *s, const struct symbol *sym)
{
	const struct symbol *next = sym;
	struct range range = { sym->addr, sym->addr + sym->size };

	while (!sym->size && next < s->syms.v + s->syms.n && next->addr == sym->addr)
		next++;
	if (!sym->size && next < s->syms.v + s->syms.n)
		range.to = next->addr;
	return range;
}

/* The first instruction that reads like this, and how long it is; 0 if there is none */
static size_t find_insn(const struct text *t, const char *like, __u64 *addr)
{
	size_t i, n = 0;
	regex_t regex;

	if (regcomp(&regex, like, REG_EXTENDED | REG_NOSUB))
		return 0;
	for (i = 0; !n && i + 1 < t->n; i++) {
		if (regexec(&regex, t->insn[i].text, 0, NULL, 0))
			continue;
		*addr = t->insn[i].addr;
		n = t->insn[i + 1].addr - *addr;
	}
	regfree(&regex);
	return n;
}

/**
 * plant() - change an instruction in guest memory
 * @s:		the sweep; the guest is in the kernel
 * @what:	"SYMBOL|INSTRUCTION|BYTES": the first instruction of the symbol that the regular
 *		expression is about, and what stands there instead, in hexadecimal digits.
 *		The rest of the instruction is NOPs; more bytes than it has go over what follows
 *
 * Return: 0, or -1 after a complaint.
 */
int plant(struct sweep *s, const char *what)
{
	char name[64], like[96], hex[2 * MAX_PLANTED + 1];
	__u8 code[MAX_PLANTED], there[MAX_PLANTED];
	const struct symbol *sym;
	struct text text = { };
	struct range range;
	size_t n, size;
	__u64 addr;

	if (sscanf(what, "%63[^|]|%95[^|]|%128[0-9a-f]", name, like, hex) != 3) {
		fprintf(stderr, "sweep: --plant wants SYMBOL|INSTRUCTION|BYTES, not %s\n", what);
		return -1;
	}
	sym = symbol_find(&s->syms, name);
	if (!sym) {
		fprintf(stderr, "sweep: the kernel has no symbol %s to plant a break in\n", name);
		return -1;
	}
	range = range_of(s, sym);
	if (text_read_range(s, &text, &range))
		return -1;
	size = find_insn(&text, like, &addr);
	if (!size || size > sizeof(code)) {
		fprintf(stderr, "sweep: %s has no instruction like \"%s\"\n", name, like);
		return -1;
	}
	memset(code, NOP, sizeof(code));
	n = remote_from_hex(hex, code, sizeof(code));
	if (n < size)
		n = size;
	if (mem_write(s, addr, code, n) || mem_read(s, addr, there, n) || memcmp(code, there, n)) {
		fprintf(stderr, "sweep: cannot write to %s\n", where(s, addr));
		return -1;
	}
	note(s, "PLANTED at %s, in place of \"%s\": what fails may fail by that",
	     where(s, addr), text_in(&text, addr)->text);
	return 0;
}
