// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is what a page table shows what the policy table says? Both stand in a dump of
 * x86/pti_audit: ranges as a walk found them, rows as the kernel was built with them.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ptaudit.h"

#define MAX_TOLD	100	/* differences; the others are counted */

struct check {
	const struct dump *d;
	FILE *f;
	unsigned long differences;
	uint64_t *pages;	/* by row, as dump_row_of() finds it: that the walk has met */
};

static void __printf(2, 3) differs(struct check *c, const char *fmt, ...)
{
	va_list args;

	if (++c->differences > MAX_TOLD)
		return;
	va_start(args, fmt);
	vfprintf(c->f, fmt, args);
	va_end(args);
	fputc('\n', c->f);
}

static const char *cpu_text(int cpu, char *to, size_t room)
{
	if (cpu < 0)
		*to = '\0';
	else
		snprintf(to, room, "[%d]", cpu);
	return to;
}

static void check_range(struct check *c, const struct range *r)
{
	const struct row *row = dump_row_of(c->d, r);
	unsigned long long start = r->va, last = range_last(r);
	char has[PERMS + 1], wants[PERMS + 1], cpu[16];

	cpu_text(r->cpu, cpu, sizeof(cpu));
	if (!row) {
		differs(c, "extra: %016llx-%016llx %s %s%s: no row allows it", start, last + 1,
			perms_text(r->perms, has), dump_label(c->d, r), cpu);
		return;
	}
	c->pages[row - c->d->rows] += r->count;
	if (start < row->start || last > row->last)
		differs(c, "outside: %016llx-%016llx is not in the row %s%s", start, last + 1,
			row->name, cpu);
	if (r->size != PAGE_SIZE)
		differs(c, "large: %016llx is a leaf of %llu KiB, in the row %s%s", start,
			(unsigned long long)r->size >> 10, row->name, cpu);
	if (r->perms != row->perms)
		differs(c, "perms: %016llx-%016llx is %s, and the row %s%s says %s", start,
			last + 1, perms_text(r->perms, has), row->name, cpu,
			perms_text(row->perms, wants));
}

static void check_row(struct check *c, const struct row *row)
{
	uint64_t met = c->pages[row - c->d->rows], all = (row->last - row->start) / PAGE_SIZE + 1;
	char cpu[16];

	cpu_text(row->cpu, cpu, sizeof(cpu));
	if (row->when == WHEN_ALWAYS && met != all)
		differs(c, "missing: the row %s%s has %llu pages, of which %llu are mapped",
			row->name, cpu, (unsigned long long)all, (unsigned long long)met);
	else if (met > all)
		differs(c, "extra: the row %s%s has %llu pages, and %llu are mapped", row->name,
			cpu, (unsigned long long)all, (unsigned long long)met);
	/* What comes and goes may do so between the mapper's count and the walk. */
	else if (row->when != WHEN_RUNTIME && row->pages >= 0 && met != (uint64_t)row->pages)
		differs(c, "count: row %s%s: the mapper has %lld pages, the walk found %llu",
			row->name, cpu, (long long)row->pages, (unsigned long long)met);
}

/* Memory that is shown, by whom */
struct shown {
	uint64_t start, last;
	const struct range *range;
	bool alias;
};

static int compare_shown(const void *a, const void *b)
{
	const struct shown *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->range < y->range ? -1 : x->range > y->range;
}

/*
 * A frame is shown once, and where a row is an alias, by that one too. Something else
 * that lies in the same frame would be seen by two names, and be counted once.
 */
static void check_frames(struct check *c)
{
	const struct dump *d = c->d;
	struct shown *s = xrealloc_array(NULL, d->n_ranges + 1, sizeof(*s)), *widest = NULL;
	size_t i;

	for (i = 0; i < d->n_ranges; i++) {
		const struct range *r = &d->ranges[i];
		const struct row *row = dump_row_of(d, r);

		s[i] = (struct shown) {
			.start = r->pa, .last = r->pa + range_frames(r) - 1, .range = r,
			.alias = row && row->alias,
		};
	}
	qsort(s, d->n_ranges, sizeof(*s), compare_shown);
	for (i = 0; i < d->n_ranges; i++) {
		if (widest && s[i].start <= widest->last && !s[i].alias && !widest->alias)
			differs(c, "frame: %012llx is shown at %016llx (%s) and %016llx (%s)",
				(unsigned long long)s[i].start,
				(unsigned long long)widest->range->va, dump_label(d, widest->range),
				(unsigned long long)s[i].range->va, dump_label(d, s[i].range));
		if (!widest || s[i].last > widest->last || widest->alias)
			widest = &s[i];
	}
	free(s);
}

/* The reason why a dump cannot be judged, or NULL */
static const char *unknown(const struct dump *d)
{
	if (d->format != FORMAT_AUDIT)
		return "a dump of page_tables has no rows of the policy table";
	if (!d->isolation)
		return "isolation is off, and no policy in force: all of the kernel is shown";
	if (d->user_root && !d->n_rows)
		return "the dump has no rows of the policy table";
	return NULL;
}

int check_write(const struct dump *d, FILE *f)
{
	struct check c = { .d = d, .f = f };
	const char *why = unknown(d);
	size_t i;

	if (why) {
		fprintf(f, "check: COULD NOT TELL: %s\n", why);
		return EXIT_UNKNOWN;
	}
	if (!d->user_root) {
		fputs("check: DIFFERENT: isolated, and this process has no user page table\n", f);
		return EXIT_DIFFERENT;
	}
	c.pages = xrealloc_array(NULL, d->n_rows, sizeof(*c.pages));
	memset(c.pages, 0, d->n_rows * sizeof(*c.pages));
	for (i = 0; i < d->n_ranges; i++)
		check_range(&c, &d->ranges[i]);
	for (i = 0; i < d->n_rows && !d->cut; i++)
		check_row(&c, &d->rows[i]);
	check_frames(&c);
	free(c.pages);

	if (c.differences > MAX_TOLD)
		fprintf(f, "and %lu more\n", c.differences - MAX_TOLD);
	if (c.differences) {
		fprintf(f, "check: DIFFERENT: %lu differences\n", c.differences);
		return EXIT_DIFFERENT;
	}
	if (d->cut) {
		fprintf(f, "check: COULD NOT TELL: the kernel had more ranges than it keeps\n");
		return EXIT_UNKNOWN;
	}
	fprintf(f, "check: CLEAN: %zu ranges, as %zu rows allow\n", d->n_ranges, d->n_rows);
	return EXIT_SAME;
}
