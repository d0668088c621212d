// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pointers in exposed text: absolute addresses that instructions have as operands.
 *
 * A pointer that says something is not in the image's file as it stands: what is in both
 * was known before this boot chose its addresses. So the file tells bytes which only look
 * like a pointer, most of them jumps backwards, from those that relocation has changed.
 * What alternatives have put in place of others is in it, too, elsewhere. Of what else has
 * changed, an operand that leads to where a symbol begins is taken for a pointer.
 *
 * Each must be in the list (left-text.txt), with a reason, and each of the list be there.
 */
#include <linux/elf.h>
#include <stdlib.h>
#include <string.h>

#include "left.h"
#include "left_operand.h"

#define NAME_BYTES	160

/* struct alt_instr of the kernel */
struct alt {
	__s32 instr, repl;	/* each counted from where it stands */
	__u32 feature;
	__u8 instr_bytes, repl_bytes;
} __attribute((packed));

/* Bytes of the image's file that are loaded to a linked address; NULL: none are */
static const __u8 *file_at(const struct symbols *s, __u64 addr, size_t n)
{
	const struct elf64_hdr *eh = s->file;
	const struct elf64_phdr *ph = (const void *)((const char *)eh + eh->e_phoff);
	int i;

	for (i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && addr >= ph[i].p_vaddr &&
		    addr + n <= ph[i].p_vaddr + ph[i].p_filesz)
			return (const __u8 *)eh + ph[i].p_offset + (addr - ph[i].p_vaddr);
	return NULL;
}

/* Whether some alternative has this operand for there: relocation changes it where it lies */
static bool is_alternative(const struct left *l, __u64 linked, __u32 value)
{
	const struct symbol *from = symbol_find(&l->audit.syms, "__alt_instructions");
	const struct symbol *to = symbol_find(&l->audit.syms, "__alt_instructions_end");
	__u64 at;

	if (!from || !to)
		return false;
	for (at = from->addr; at + sizeof(struct alt) <= to->addr; at += sizeof(struct alt)) {
		const struct alt *alt = (const void *)file_at(&l->audit.syms, at, sizeof(*alt));
		const __u8 *repl;
		__u64 offset;

		if (!alt)
			return false;
		offset = linked - (at + offsetof(struct alt, instr) + alt->instr);
		if (offset >= alt->repl_bytes || alt->repl_bytes - offset < sizeof(value))
			continue;
		repl = file_at(&l->audit.syms, at + offsetof(struct alt, repl) + alt->repl + offset,
			       sizeof(value));
		if (repl && !memcmp(repl, &value, sizeof(value)))
			return true;
	}
	return false;
}

static bool begins_symbol(const struct left *l, __u64 linked)
{
	const struct symbol *s = symbol_at(&l->audit.syms, linked);

	return s && s->addr == linked;
}

/*
 * Whether these bytes are an operand. With the addresses of some boots, those of a call that
 * alternatives have put there are alike.
 */
static bool is_operand(const struct left *l, __u64 linked, const __u8 *page, unsigned int at)
{
	const struct symbol *s = symbol_at(&l->audit.syms, linked);
	__u64 offset;

	/* Where instructions begin is known from where a symbol does, if that is here */
	if (!s || linked - s->addr > at)
		return true;
	offset = linked - s->addr;
	return left_is_operand(page + at - offset, PAGE_SIZE - at + offset, offset);
}

/* An address of the image, as operands have it: 32 bits, which are extended by their sign */
static bool is_image(const struct left *l, __u64 linked, const __u8 *page, unsigned int at,
		     const __u8 *file, __u64 *value)
{
	const struct left_range *image = &l->range[LEFT_IMAGE];
	__u32 now, was, slide = l->audit.facts.slide;

	memcpy(&now, page + at, sizeof(now));
	*value = (__s64)(__s32)now;
	if (*value - image->from >= image->size)
		return false;
	if (!file)
		return true;
	memcpy(&was, file, sizeof(was));
	return now == was + slide ||
	       (now != was && (is_alternative(l, linked, now - slide) ||
			       (begins_symbol(l, *value - l->audit.facts.slide) &&
				is_operand(l, linked, page, at))));
}

/*
 * Any other address, all eight bytes of it. Where a range is large, bytes of two instructions
 * can look like one: there it has to be the operand of the MOV that has 64 bits of it, or
 * their address.
 */
static bool is_wide(const __u8 *bytes, unsigned int at, enum left_kind kind, const __u8 *file)
{
	if (file && !memcmp(file + sizeof(__u32), bytes + at + sizeof(__u32), sizeof(__u32)))
		return false;
	if (kind != LEFT_VMALLOC && kind != LEFT_MODULE && kind != LEFT_CEA)
		return true;
	return (at >= 2 && (bytes[at - 2] & 0xfe) == 0x48 && (bytes[at - 1] & 0xf8) == 0xb8) ||
	       (at >= 1 && (bytes[at - 1] & 0xfc) == 0xa0);
}

static void add(struct left *l, __u64 va, __u64 value, enum left_kind kind)
{
	unsigned int i;

	for (i = 0; i < l->n_text; i++)
		if (l->text[i].va == va)
			return;
	/* Which ones these are, and so how many, is not known: each scan meets them again */
	if (l->n_text == MAX_TEXT)
		l->text_more = true;
	else
		l->text[l->n_text++] = (struct left_text){ va, value, kind, false };
}

/**
 * left_text_scan() - look for pointers in a page of text, at each of its bytes
 * @l:		the probe
 * @va:		where it is mapped
 * @pa:		its frame
 */
void left_text_scan(struct left *l, __u64 va, __u64 pa)
{
	__u64 linked = va - l->audit.facts.slide, wide;
	__u8 bytes[PAGE_SIZE];
	unsigned int at;

	if (!guest_read(&l->audit.guest, pa, bytes, sizeof(bytes)))
		return;
	for (at = 0; at + sizeof(__u32) <= PAGE_SIZE; at++) {
		const __u8 *file = file_at(&l->audit.syms, linked + at, sizeof(__u32));
		enum left_kind kind;

		if (is_image(l, linked + at, bytes, at, file, &wide))
			add(l, va + at, wide, LEFT_IMAGE);
		if (at + sizeof(wide) > PAGE_SIZE)
			continue;
		memcpy(&wide, bytes + at, sizeof(wide));
		kind = left_kind_of(l, wide);
		if (kind == LEFT_NOTHING || kind == LEFT_IMAGE)
			continue;
		file = file_at(&l->audit.syms, linked + at, sizeof(wide));
		if (is_wide(bytes, at, kind, file))
			add(l, va + at, wide, kind);
		else
			l->text_alike += !l->looks;
	}
}

static const char *name_at(const struct left *l, __u64 va, __u64 *offset)
{
	__u64 linked = va - l->audit.facts.slide;
	const struct symbol *s = symbol_at(&l->audit.syms, linked);

	*offset = s ? linked - s->addr : 0;
	return s ? s->name : "?";
}

/* How a list would name the place that a pointer leads to */
static void name_target(const struct left *l, const struct left_text *t, char *to, size_t size)
{
	__u64 offset;
	const char *name = name_at(l, t->value, &offset);

	if (t->kind != LEFT_IMAGE)
		snprintf(to, size, "%s", left_kind_name[t->kind]);
	else if (offset)
		snprintf(to, size, "%s+%llx", name, offset);
	else
		snprintf(to, size, "%s", name);
}

/* Several symbols may have this address */
static bool leads_to(const struct left *l, const struct left_text *t, const char *to)
{
	const struct symbol *s = symbol_find(&l->audit.syms, to);
	char name[NAME_BYTES];

	name_target(l, t, name, sizeof(name));
	return !strcmp(name, to) ||
	       (t->kind == LEFT_IMAGE && s && s->addr == t->value - l->audit.facts.slide);
}

/* Takes as many pointers as a line of the list has; how many are missing */
static unsigned int take(struct left *l, const char *in, const char *to, unsigned int n)
{
	__u64 offset;
	unsigned int i;

	for (i = 0; n && i < l->n_text; i++) {
		struct left_text *t = &l->text[i];

		if (!t->listed && !strcmp(name_at(l, t->va, &offset), in) &&
		    leads_to(l, t, to)) {
			t->listed = true;
			n--;
		}
	}
	return n;
}

static void trim(char *text)
{
	size_t n = strlen(text);

	while (n && strchr(" \t", text[n - 1]))
		text[--n] = '\0';
}

/**
 * left_text_judge() - hold the pointers in text against the list of those that must be
 * @l:		the probe
 * @list:	its file
 * @f:		where to write what is not so
 *
 * Return: how many are too many or missing, or -1 if the list cannot be read.
 */
int left_text_judge(struct left *l, const char *list, FILE *f)
{
	char line[512], in[NAME_BYTES], to[NAME_BYTES];
	unsigned int n, i, wrong = 0;
	FILE *from;
	__u64 offset;
	int end;

	from = fopen(list, "r");
	if (!from) {
		perror(list);
		return -1;
	}
	while (fgets(line, sizeof(line), from)) {
		if (*line == '#' || *line == '\n')
			continue;
		end = 0;
		if (sscanf(line, " %159[^|]| %159[^|]| %u | %n", in, to, &n, &end) != 3 || !end ||
		    !line[end] || line[end] == '\n') {
			fprintf(stderr, "%s: no pointer and reason: %s", list, line);
			fclose(from);
			return -1;
		}
		trim(in);
		trim(to);
		n = take(l, in, to, n);
		if (n)
			fprintf(f, "text: %s has %u pointers to %s fewer than listed\n", in, n, to);
		wrong += n;
	}
	fclose(from);
	for (i = 0; i < l->n_text; i++) {
		const char *name = name_at(l, l->text[i].va, &offset);

		if (l->text[i].listed)
			continue;
		name_target(l, &l->text[i], to, sizeof(to));
		fprintf(f, "text: %s+%llx has a pointer to %s, which is not listed\n", name,
			offset, to);
		wrong++;
	}
	if (l->text_more) {
		fprintf(f, "text: more than these %u pointers\n", l->n_text);
		wrong++;
	}
	return wrong;
}

/** left_text_report() - write where pointers in text are, at most so many */
void left_text_report(const struct left *l, unsigned int places, FILE *f)
{
	char to[NAME_BYTES];
	unsigned int i;
	__u64 offset;

	fprintf(f, "pointers in text: %u%s; %u more that look like one are none\n", l->n_text,
		l->text_more ? " and more" : "", l->text_alike);
	for (i = 0; i < l->n_text && i < places; i++) {
		const struct left_text *t = &l->text[i];
		const char *in = name_at(l, t->va, &offset);

		name_target(l, t, to, sizeof(to));
		fprintf(f, "    %016llx %s+%llx  %016llx %s\n", t->va, in, offset, t->value, to);
	}
}
