// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of debugfs page_tables/current_user or current_kernel, of the stock kernel as
 * of ours: so the two can be compared. It has no frames and no rows, says nothing of the
 * kernel or the process, and of espfix it leaves most out. A leaf's flags are its own,
 * whatever the levels above it allow.
 *
 *	---[ CPU entry Area ]---
 *	0xfffffe0000000000-0xfffffe0000001000     4K     ro                 GLB NX pte
 *	... 7 entries skipped ...
 */
#include <ctype.h>
#include <string.h>

#include "ptaudit.h"

/* What the kernel calls the regions, and what they are called here */
static const char * const names[][2] = {
	{ "LDT alias", "ldt" },
	{ "LDT remap", "ldt" },
	{ "Low Kernel Mapping", "direct_map" },
	{ "vmalloc() Area", "vmalloc" },
	{ "Vmemmap", "vmemmap" },
	{ "CPU entry Area", "cpu_entry_area" },
	{ "ESPfix Area", "espfix" },
	{ "EFI Runtime Services", "efi" },
	{ "High Kernel Mapping", "image" },
	{ "Modules", "modules" },
	{ "Fixmap Area", "fixmap" },
};

/* "---[ NAME ]---": the region begins with the next line */
static bool marker(struct dump *d, char *text, const char **name)
{
	char *end = strstr(text, " ]---"), *c;
	unsigned int i;

	if (strncmp(text, "---[ ", 5) || !end)
		return false;
	text += 5;
	*end = '\0';
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(text, names[i][0]))
			text = (char *)names[i][1];
	if (i && text[0] && !islower((unsigned char)text[0]))
		for (c = text; *c; c++)
			*c = isalnum((unsigned char)*c) ? tolower((unsigned char)*c) : '_';
	*name = dump_name(d, text);
	return true;
}

static bool left_out(struct dump *d, const char *text)
{
	unsigned long n;
	int used = 0;

	if (sscanf(text, "... %9lu entr%*[a-z] skipped ... %n", &n, &used) != 1 || !used)
		return false;
	d->skipped += n;
	return true;
}

static bool flag(const char *text, const char *word)
{
	size_t n = strlen(word);
	const char *at;

	for (at = strstr(text, word); at; at = strstr(at + 1, word))
		if (at[-1] == ' ' && (!at[n] || at[n] == ' '))
			return true;
	return false;
}

/* Of a line that begins with an address: its flags, if there are leaves; the size of one */
static bool leaf(const char *text, unsigned int *perms, uint64_t *size)
{
	*size = flag(text, "pte") ? PAGE_SIZE : flag(text, "pmd") ? 1ULL << 21 :
		flag(text, "pud") ? 1ULL << 30 : 0;
	*perms = PERM_R;
	if (flag(text, "RW"))
		*perms |= PERM_W;
	else if (!flag(text, "ro"))
		return false;
	if (flag(text, "x"))
		*perms |= PERM_X;
	if (flag(text, "GLB"))
		*perms |= PERM_G;
	if (flag(text, "USR"))
		*perms |= PERM_U;
	return *size;
}

/* "0x...-0x... ": the two numbers, and what follows; NULL if it is no such line */
static char *addresses(char *text, uint64_t *from, uint64_t *to)
{
	char *dash = strchr(text, '-'), *blank = dash ? strchr(dash, ' ') : NULL;

	if (!blank || strncmp(text, "0x", 2) || strncmp(dash + 1, "0x", 2))
		return NULL;
	*dash = '\0';
	*blank = '\0';
	if (!parse_hex(text + 2, from) || !parse_hex(dash + 3, to))
		return NULL;
	*blank = ' ';
	return blank;
}

static int parse_line(struct dump *d, struct input *in, const char **region)
{
	uint64_t from, to, size;
	unsigned int perms;
	struct range *r;
	char *rest;

	if (marker(d, in->text, region) || left_out(d, in->text) || !*in->text)
		return 0;
	rest = addresses(in->text, &from, &to);
	if (!rest || to - 1 < from)
		return input_error(in, "neither a dump of x86/pti_audit nor one of page_tables");
	if (!(from >> 63))
		return 0;
	if (*region && d->n_regions < MAX_REGIONS) {
		d->regions[d->n_regions++] = (struct region) { from, to - 1, *region };
		*region = NULL;
	} else if (d->n_regions) {
		d->regions[d->n_regions - 1].last = to - 1;
	}
	if (!leaf(rest, &perms, &size))
		return 0;
	if ((from | to) & (size - 1))
		return input_error(in, "not whole leaves of %llu KiB",
				   (unsigned long long)size >> 10);
	if (d->n_ranges && from <= range_last(&d->ranges[d->n_ranges - 1]))
		return input_error(in, "not behind the range before it");
	r = dump_add_range(d);
	if (!r)
		return input_error(in, "more than %d ranges", MAX_RANGES);
	r->va = from;
	r->size = size;
	r->va_step = size;
	r->pa_step = size;
	r->count = (to - from) / size;
	r->perms = perms;
	return 0;
}

/* in->text is the first line */
int parse_ptdump(struct dump *d, struct input *in)
{
	const char *region = NULL;
	int got = 1;

	d->format = FORMAT_PTDUMP;
	while (got > 0) {
		if (parse_line(d, in, &region))
			return -1;
		got = input_line(in);
	}
	if (!got && !d->n_regions)
		return input_error(in, "the dump has nothing of the kernel half");
	/* The kernel walks to the last byte */
	if (!got && d->regions[d->n_regions - 1].last < UINT64_MAX - 1)
		return input_error(in, "the dump ends here, and is not complete");
	return got;
}
