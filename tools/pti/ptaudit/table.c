// SPDX-License-Identifier: GPL-2.0-only
/*
 * A dump as a table, for people to read.
 */
#include <string.h>

#include "ptaudit.h"

static void write_head(const struct dump *d, FILE *f)
{
	fprintf(f, "source     %s\n", d->source);
	if (d->kernel)
		fprintf(f, "kernel     %s\n", d->kernel);
	if (d->pid)
		fprintf(f, "process    %ld %s\n", d->pid, d->comm ? d->comm : "");
	if (d->isolation >= 0)
		fprintf(f, "isolation  %s, %s\n", d->isolation ? "on" : "off",
			d->reason ? d->reason : "reason not said");
	if (d->user_root >= 0)
		fprintf(f, "root       %s\n", d->user_root ? "user page table" :
			"kernel page table: user mode runs on that");
	if (d->levels)
		fprintf(f, "levels     %d\n", d->levels);
	if (d->possible)
		fprintf(f, "CPUs       %u, of which %u online\n", d->possible, d->online);
}

static void write_range(const struct dump *d, const struct range *r, bool symbols, FILE *f)
{
	const struct row *row = dump_row_of(d, r);
	char perms[PERMS + 1], size[32], name[80];
	size_t i;

	if (r->cpu < 0)
		snprintf(name, sizeof(name), "%s", dump_label(d, r));
	else
		snprintf(name, sizeof(name), "%s[%d]", dump_label(d, r), r->cpu);
	fprintf(f, "%016llx-%016llx ", (unsigned long long)r->va,
		(unsigned long long)range_last(r) + 1);
	if (d->frames)
		fprintf(f, "%012llx ", (unsigned long long)r->pa);
	fprintf(f, "%6llu x %-8s %s  %-16s", (unsigned long long)r->count,
		size_text(r->size, size, sizeof(size)), perms_text(r->perms, perms), name);
	if (r->va_step != r->size)
		fprintf(f, " every %s", size_text(r->va_step, size, sizeof(size)));
	if (!r->pa_step)
		fputs(" of the same frame", f);
	if (row)
		fprintf(f, " %s", row->reason);
	fputc('\n', f);
	for (i = 0; symbols && i < r->n_symbols; i++) {
		const struct symbol *s = &d->symbols[r->first_symbol + i];

		fprintf(f, "    %016llx %s\n", (unsigned long long)s->va, s->name);
	}
}

static void write_totals(const struct dump *d, FILE *f)
{
	char size[32];
	struct totals t;
	unsigned int i;

	dump_totals(d, &t);
	fprintf(f, "\n%zu ranges, %llu leaves; %s\n", d->n_ranges, (unsigned long long)t.leaves,
		d->frames ? "each frame counted once:" : "no frames in it, each address counted:");
	for (i = 0; i < 5; i++) {
		const uint64_t bytes[] = { t.exec, t.write, t.read_only, t.bytes, t.process };
		static const char * const names[] = {
			"executable", "writable", "read-only", "total", "of them this process's",
		};

		fprintf(f, "  %-22s %12llu bytes, %s\n", names[i], (unsigned long long)bytes[i],
			size_text(bytes[i], size, sizeof(size)));
	}
	if (d->skipped)
		fprintf(f, "%zu entries were left out by the kernel, and are in no figure\n",
			d->skipped);
	if (d->cut)
		fputs("The kernel had more ranges than it keeps: this is the beginning.\n", f);
}

int table_write(const struct dump *d, FILE *f, bool symbols)
{
	size_t i;

	write_head(d, f);
	fprintf(f, "\n%-33s %s%-17s %-5s  %-16s %s\n", "addresses",
		d->frames ? "frame        " : "", "leaves", "perms", "what", "why");
	for (i = 0; i < d->n_ranges; i++)
		write_range(d, &d->ranges[i], symbols, f);
	write_totals(d, f);
	return ferror(f) ? -1 : 0;
}
