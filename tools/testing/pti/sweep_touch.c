// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which memory an instruction of the swept text is about to touch, by its text and by the
 * registers, and where the CPU is behind it.
 *
 * The text is objdump's.  What it may name of memory is few forms: a displacement with
 * base, index and scale, or one off GS; what it does not name is the stack.
 */
#include <stdlib.h>
#include <string.h>

#include "sweep.h"

#define IRET_WORDS	5

static bool begins(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word));
}

static void add_word(struct touch *t, __u64 addr)
{
	int i;

	addr &= -sizeof(__u64);
	for (i = 0; i < t->n; i++)
		if (t->word[i] == addr)
			return;
	if (t->n < MAX_TOUCHED)
		t->word[t->n++] = addr;
}

/* A register by its name, as at "%rdi)"; what follows the name */
static const char *reg_at(struct sweep *s, const struct regs *r, const char *text, __u64 *value)
{
	size_t n = strcspn(++text, ",)");
	char name[16];
	int i;

	snprintf(name, sizeof(name), "%.*s", (int)n, text);
	i = remote_reg(&s->remote, name);
	*value = 0;
	if (i >= 0)
		memcpy(value, r->raw + s->remote.reg[i].at, s->remote.reg[i].size);
	return text + n;
}

/* "(base,index,scale)", each of which may be missing; what follows it */
static const char *in_parentheses(struct sweep *s, const struct regs *r, const char *text,
				  __u64 next, __u64 *sum)
{
	__u64 base = 0, index = 0, scale = 1;

	text++;
	if (begins(text, "%rip")) {
		base = next;
		text += strlen("%rip");
	} else if (*text == '%') {
		text = reg_at(s, r, text, &base);
	}
	if (*text == ',') {
		text = reg_at(s, r, text + 1, &index);
		if (*text == ',')
			scale = strtoul(text + 1, (char **)&text, 0);
	}
	*sum += base + index * scale;
	return text;
}

/* What the operands name */
static void add_operands(struct sweep *s, const struct regs *r, const char *text, __u64 next,
			 struct touch *t)
{
	while (*text) {
		const char *number = text;
		__u64 addr = 0;

		if (begins(text, "%gs:")) {
			addr = r->v[GS_BASE];
			number += strlen("%gs:");
			t->by_gs = true;
		} else if (*text != '(' && !begins(text, "0x") && !begins(text, "-0x")) {
			/* An immediate, a register's name or what is between them */
			text += *text == '$' || *text == '%' ? 1 + strcspn(text + 1, ",():") : 1;
			continue;
		}
		addr += strtoull(number, (char **)&text, 16);
		if (*text == '(')
			text = in_parentheses(s, r, text, next, &addr);
		add_word(t, addr);
	}
}

/**
 * touch_find() - what the instruction at RIP reads and writes, and what is executed then
 * @s:	the sweep
 * @r:	the registers
 * @t:	for the words, aligned, and the address, 0 if that cannot be said
 */
enum vm_result touch_find(struct sweep *s, const struct regs *r, struct touch *t)
{
	static const char * const prefixes[] = { "rep ", "data16 ", "cs ", "notrack " };
	const struct insn *insn = text_at(s, r->v[RIP]);
	enum vm_result result = VM_OK;
	const char *text, *operands;
	unsigned int i;
	bool call;

	memset(t, 0, sizeof(*t));
	if (!insn || insn + 1 == s->text.insn + s->text.n)
		return VM_OK;
	text = insn->text;
	t->next = insn[1].addr;
	for (i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!begins(text, prefixes[i]))
			continue;
		/* It may not be over */
		if (!i)
			t->next = 0;
		text += strlen(prefixes[i]);
		i = -1;
	}
	if (begins(text, "lea") || begins(text, "nop"))
		return VM_OK;
	call = begins(text, "call");
	operands = text + strcspn(text, " ");
	operands += strspn(operands, " ");
	/* The target of a branch looks like an address that is read */
	if ((*text == 'j' || call) && *operands != '*')
		t->next = call ? strtoull(operands, NULL, 16) : 0;
	else
		add_operands(s, r, operands, insn[1].addr, t);
	if ((*text == 'j' || call) && *operands == '*')
		t->next = 0;
	if (call || begins(text, "push"))
		add_word(t, r->v[RSP] - sizeof(__u64));
	if (begins(text, "pop"))
		add_word(t, r->v[RSP]);
	if (begins(text, "ret") || begins(text, "iret")) {
		for (i = 0; i < (*text == 'i' ? IRET_WORDS : 1); i++)
			add_word(t, r->v[RSP] + i * sizeof(__u64));
		result = mem_read(s, r->v[RSP], &t->next, sizeof(t->next));
	}
	return result;
}
