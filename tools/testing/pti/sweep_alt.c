// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel can patch into the swept text, out of its image: the alternatives that no
 * machine had would otherwise be missing in the coverage without a word.
 */
#include <linux/elf.h>
#include <stdlib.h>
#include <string.h>

#include "sweep.h"

/* struct alt_instr */
struct alt {
	__s32 instr, repl;	/* each counted from where it stands */
	__u32 feature;
	__u8 instrlen, repllen;
} __attribute((packed));

static const struct elf64_shdr *section(const struct symbols *syms, const char *name)
{
	const struct elf64_hdr *eh = syms->file;
	const struct elf64_shdr *sh = (const void *)((const char *)eh + eh->e_shoff);
	const char *names = (const char *)eh + sh[eh->e_shstrndx].sh_offset;
	int i;

	for (i = 0; i < eh->e_shnum; i++)
		if (!strcmp(names + sh[i].sh_name, name))
			return &sh[i];
	return NULL;
}

/** image_at() - so many bytes of the image, or NULL */
const void *image_at(const struct symbols *syms, __u64 addr, size_t n)
{
	const struct elf64_hdr *eh = syms->file;
	const struct elf64_shdr *sh = (const void *)((const char *)eh + eh->e_shoff);
	int i;

	for (i = 0; i < eh->e_shnum; i++)
		if (sh[i].sh_flags & SHF_ALLOC && sh[i].sh_type != SHT_NOBITS &&
		    addr >= sh[i].sh_addr && addr + n <= sh[i].sh_addr + sh[i].sh_size)
			return (const char *)eh + sh[i].sh_offset + (addr - sh[i].sh_addr);
	return NULL;
}

/* A jump or call inside of what moves goes along with it */
static void move_target(struct insn *insn, __u64 from, size_t n, __u64 to)
{
	char *operand = strstr(insn->text, " 0x");
	__u64 target = operand ? strtoull(operand, NULL, 16) : 0;

	if ((*insn->text == 'j' || !strncmp(insn->text, "call", 4)) &&
	    target >= from && target <= from + n)
		snprintf(operand, insn->text + sizeof(insn->text) - operand, " %#llx",
			 target - from + to);
}

/* An operand relative to RIP is written with its distance, which grows as this moves back */
static void move_operand(struct insn *insn, __s64 by)
{
	char *rip = strstr(insn->text, "(%rip)"), *number = rip, rest[64];
	__s64 disp;

	if (!rip)
		return;
	while (number > insn->text && strchr("-0123456789abcdefx", number[-1]))
		number--;
	snprintf(rest, sizeof(rest), "%s", rip);
	disp = strtoll(number, NULL, 16) + by;
	snprintf(number, insn->text + sizeof(insn->text) - number, "%s%#llx%s",
		 disp < 0 ? "-" : "", llabs(disp), rest);
}

/* As the bytes would read at another address; 0 or -1 after a complaint */
static int add(struct sweep *s, struct text *t, __u64 from, size_t n, __u64 to)
{
	const void *code = image_at(&s->syms, from, n);
	size_t i, had = t->n;

	if (!n)
		return 0;
	if (!code) {
		fprintf(stderr, "sweep: .altinstructions of the kernel is not what 6.12 has\n");
		return -1;
	}
	if (text_add(t, code, n, from))
		return -1;
	for (i = had; i < t->n; i++) {
		t->insn[i].addr += to - from;
		move_operand(&t->insn[i], from - to);
		move_target(&t->insn[i], from, n, to);
	}
	return 0;
}

/* The alternative that is described there, or none behind the last */
static const struct alt *next_alt(const struct sweep *s, __u64 *at, __u64 *instr, __u64 *repl)
{
	const struct elf64_shdr *sh = section(&s->syms, ".altinstructions");
	const struct alt *alt;

	if (!*at)
		*at = sh->sh_addr;
	if (*at + sizeof(*alt) > sh->sh_addr + sh->sh_size)
		return NULL;
	alt = image_at(&s->syms, *at, sizeof(*alt));
	*instr = *at + offsetof(struct alt, instr) + alt->instr;
	*repl = *at + offsetof(struct alt, repl) + alt->repl;
	*at += sizeof(*alt);
	return alt;
}

static bool have_alternatives(const struct sweep *s)
{
	if (section(&s->syms, ".altinstructions"))
		return true;
	fprintf(stderr, "sweep: the kernel has no section .altinstructions\n");
	return false;
}

/* All replacements there are, taken apart once, at the addresses that they have in the image */
static const struct text *replacements(struct sweep *s)
{
	const struct elf64_shdr *sh = section(&s->syms, ".altinstr_replacement");
	static struct text text;
	const void *code;

	if (text.n)
		return &text;
	code = sh ? image_at(&s->syms, sh->sh_addr, sh->sh_size) : NULL;
	if (!code) {
		fprintf(stderr, "sweep: the kernel has no section .altinstr_replacement\n");
		return NULL;
	}
	return text_add(&text, code, sh->sh_size, sh->sh_addr) ? NULL : &text;
}

/**
 * alternatives_of() - what may be patched into some text, where it stands in the image
 * @s:		the sweep; the symbols are known
 * @range:	the text
 * @t:		where the instructions are added
 *
 * Return: 0, or -1 after a complaint.
 */
int alternatives_of(struct sweep *s, const struct range *range, struct text *t)
{
	const struct text *all = have_alternatives(s) ? replacements(s) : NULL;
	__u64 at = 0, instr, repl;
	const struct alt *alt;
	size_t i;

	if (!all)
		return -1;
	while ((alt = next_alt(s, &at, &instr, &repl))) {
		__u64 end = repl + alt->repllen;

		if (instr < range->from || instr >= range->to)
			continue;
		for (i = 0; i < all->n; i++) {
			struct insn insn = all->insn[i];

			if (insn.addr < repl || insn.addr >= end)
				continue;
			move_target(&insn, repl, alt->repllen, instr);
			if (text_insn(t, insn.addr, insn.text))
				return -1;
		}
	}
	return 0;
}

/**
 * alternatives_read() - all that may stand at the sites of alternatives
 * @s:	the sweep; the swept text is known
 * @t:	for the instructions: of each site those that were built in, and of each alternative
 *
 * Return: 0, or -1 after a complaint.
 */
int alternatives_read(struct sweep *s, struct text *t)
{
	__u64 at = 0, instr, repl;
	const struct alt *alt;

	if (!have_alternatives(s))
		return -1;
	while ((alt = next_alt(s, &at, &instr, &repl)))
		if (in_text(s, instr) && (add(s, t, instr, alt->instrlen, instr) ||
					  add(s, t, repl, alt->repllen, instr)))
			return -1;
	return 0;
}
