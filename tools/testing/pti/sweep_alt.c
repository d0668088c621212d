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

/* So many bytes of the image, or NULL */
static const void *image_at(const struct symbols *syms, __u64 addr, size_t n)
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

/* A jump inside of what moves goes along with it */
static void move_target(struct insn *insn, __u64 from, size_t n, __u64 to)
{
	char *operand = strstr(insn->text, " 0x");
	__u64 target = operand ? strtoull(operand, NULL, 16) : 0;

	if (*insn->text == 'j' && target >= from && target <= from + n)
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

/**
 * alternatives_read() - all that may stand at the sites of alternatives
 * @s:	the sweep; the symbols are known
 * @t:	for the instructions: of each site those that were built in, and of each alternative
 *
 * Return: 0, or -1 after a complaint.
 */
int alternatives_read(struct sweep *s, struct text *t)
{
	const struct elf64_shdr *sh = section(&s->syms, ".altinstructions");
	__u64 at, end;

	if (!sh) {
		fprintf(stderr, "sweep: the kernel has no section .altinstructions\n");
		return -1;
	}
	text_find(s);
	end = sh->sh_addr + sh->sh_size;
	for (at = sh->sh_addr; at + sizeof(struct alt) <= end; at += sizeof(struct alt)) {
		const struct alt *alt = image_at(&s->syms, at, sizeof(*alt));
		__u64 instr = at + offsetof(struct alt, instr) + alt->instr;
		__u64 repl = at + offsetof(struct alt, repl) + alt->repl;

		if (in_text(s, instr) && (add(s, t, instr, alt->instrlen, instr) ||
					  add(s, t, repl, alt->repllen, instr)))
			return -1;
	}
	return 0;
}
