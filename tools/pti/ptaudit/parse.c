// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text of debugfs x86/pti_audit: arch/x86/mm/pti_audit.c says what its lines are.
 *
 * A line with another first word than those that are known is an error: a kernel that
 * says more has another version in the first line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ptaudit.h"

#define FORMAT_WORD	"pti-audit"
#define FORMAT_VERSION	"1"

/* A number without sign, prefix or blanks: strtoull() takes all of these */
static bool parse_digits(const char *text, int base, uint64_t *value)
{
	const char *digits = base == 16 ? "0123456789abcdef" : "0123456789";
	char *end;

	if (!*text || strspn(text, digits) != strlen(text))
		return false;
	errno = 0;
	*value = strtoull(text, &end, base);
	return !errno && !*end;
}

bool parse_hex(const char *text, uint64_t *value)
{
	return parse_digits(text, 16, value);
}

bool parse_number(const char *text, uint64_t most, uint64_t *value)
{
	return parse_digits(text, 10, value) && *value <= most;
}

/* The next word, cut off; "" if there is none */
static char *word(char **rest)
{
	char *at = *rest, *end = strchr(at, ' ');

	if (end) {
		*end = '\0';
		*rest = end + 1;
	} else {
		*rest = at + strlen(at);
	}
	return at;
}

static bool parse_perms(const char *text, unsigned int *perms)
{
	int i;

	*perms = 0;
	if (strlen(text) != PERMS)
		return false;
	for (i = 0; i < PERMS; i++) {
		if (text[i] == "rwxgu"[i])
			*perms |= 1U << i;
		else if (text[i] != '-')
			return false;
	}
	return *perms & PERM_R;
}

/* From the first address and the one behind the last, 0 if that is none, to the last one */
static bool parse_extent(const char *from, const char *to, uint64_t *start, uint64_t *last)
{
	uint64_t end;

	if (!parse_hex(from, start) || !parse_hex(to, &end))
		return false;
	*last = end - 1;
	return *last >= *start;
}

static bool parse_cpu(const char *text, int *cpu)
{
	uint64_t n;

	*cpu = -1;
	if (!strcmp(text, "-"))
		return true;
	if (!parse_number(text, 65535, &n))
		return false;
	*cpu = n;
	return true;
}

static bool parse_region(struct dump *d, char *rest)
{
	const char *start = word(&rest), *end = word(&rest), *name = word(&rest);
	struct region *r = &d->regions[d->n_regions];

	if (d->n_regions == MAX_REGIONS || !*name || *rest ||
	    !parse_extent(start, end, &r->start, &r->last))
		return false;
	r->name = dump_name(d, name);
	d->n_regions++;
	return true;
}

static bool parse_when(char *text, struct row *row)
{
	static const char * const names[] = {
		[WHEN_ALWAYS] = "always", [WHEN_IF_MAPPED] = "if-mapped",
		[WHEN_RUNTIME] = "runtime", [WHEN_LDT] = "ldt",
	};
	char *plus = strchr(text, '+');
	unsigned int i;

	if (plus) {
		if (strcmp(plus, "+alias"))
			return false;
		*plus = '\0';
		row->alias = true;
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(text, names[i])) {
			row->when = i;
			return true;
		}
	}
	return false;
}

static bool parse_row(struct dump *d, char *rest)
{
	const char *name = word(&rest), *cpu = word(&rest), *start = word(&rest);
	const char *end = word(&rest), *perms = word(&rest);
	char *when = word(&rest), *pages = word(&rest);
	struct row *row = dump_add_row(d);
	uint64_t n = 0;

	if (!row || !*name || !parse_cpu(cpu, &row->cpu) ||
	    !parse_extent(start, end, &row->start, &row->last) ||
	    !parse_perms(perms, &row->perms) || !parse_when(when, row) ||
	    (strcmp(pages, "-") && !parse_number(pages, UINT32_MAX, &n)) || !*rest)
		return false;
	row->name = dump_name(d, name);
	row->reason = dump_name(d, rest);
	row->pages = strcmp(pages, "-") ? (int64_t)n : -1;
	return true;
}

/* All of it in the kernel half, in whole leaves, and without running over the end */
static bool range_possible(const struct range *r)
{
	uint64_t room, mask = r->size - 1;

	if ((r->size != PAGE_SIZE && r->size != 1ULL << 21 && r->size != 1ULL << 30) ||
	    !r->count || !(r->va >> 63) || r->va & mask || r->pa & mask || r->pa >> 52 ||
	    r->va_step & mask || r->va_step < r->size ||
	    (r->pa_step && (r->pa_step != r->size || r->va_step != r->size)))
		return false;
	room = -(r->va + r->size);	/* behind the first leaf */
	if (r->count > 1 && room / r->va_step < r->count - 1)
		return false;
	return r->pa_step == 0 || ((1ULL << 52) - r->pa) / r->size >= r->count;
}

static bool parse_map(struct dump *d, char *rest)
{
	const char *va = word(&rest), *pa = word(&rest), *size = word(&rest);
	const char *count = word(&rest), *va_step = word(&rest), *pa_step = word(&rest);
	const char *perms = word(&rest), *flags = word(&rest), *row = word(&rest);
	const char *cpu = word(&rest);
	uint64_t before = d->n_ranges ? d->ranges[d->n_ranges - 1].va : 0;
	struct range *r = dump_add_range(d);

	if (!r || *rest || !*row || !parse_hex(va, &r->va) || !parse_hex(pa, &r->pa) ||
	    !parse_hex(size, &r->size) || !parse_number(count, UINT64_MAX, &r->count) ||
	    !parse_hex(va_step, &r->va_step) || !parse_hex(pa_step, &r->pa_step) ||
	    !parse_perms(perms, &r->perms) || !parse_hex(flags, &r->flags) ||
	    !parse_cpu(cpu, &r->cpu))
		return false;
	if (strcmp(row, "-"))
		r->row = dump_name(d, row);
	return range_possible(r) && r->va > before;
}

/* Follows the range that it lies in */
static bool parse_symbol(struct dump *d, char *rest)
{
	const char *va = word(&rest), *name = word(&rest);
	struct range *r = d->n_ranges ? &d->ranges[d->n_ranges - 1] : NULL;
	struct symbol *s;

	if (!r || !*name || *rest)
		return false;
	s = dump_add_symbol(d);
	if (!s || !parse_hex(va, &s->va) || s->va < r->va || s->va > range_last(r))
		return false;
	s->name = dump_name(d, name);
	r->n_symbols++;
	return true;
}

static bool parse_cpus(struct dump *d, char *rest)
{
	const char *possible = word(&rest), *online = word(&rest);
	uint64_t n, m;

	if (*rest || !parse_number(possible, 65536, &n) || !parse_number(online, n, &m) || !m)
		return false;
	d->possible = n;
	d->online = m;
	return true;
}

static bool parse_levels(struct dump *d, char *rest)
{
	if (strcmp(rest, "4") && strcmp(rest, "5"))
		return false;
	d->levels = *rest - '0';
	return true;
}

static bool parse_process(struct dump *d, char *rest)
{
	const char *pid = word(&rest);
	uint64_t n;

	if (!parse_number(pid, INT32_MAX, &n))
		return false;
	d->pid = n;
	d->comm = dump_name(d, rest);
	return true;
}

static bool parse_kernel(struct dump *d, char *rest)
{
	d->kernel = dump_name(d, rest);
	return *rest;
}

static bool parse_isolation(struct dump *d, char *rest)
{
	const char *state = word(&rest);

	if (strcmp(state, "on") && strcmp(state, "off"))
		return false;
	d->isolation = !strcmp(state, "on");
	d->reason = dump_name(d, rest);
	return true;
}

static bool parse_root(struct dump *d, char *rest)
{
	if (strcmp(rest, "user") && strcmp(rest, "kernel"))
		return false;
	d->user_root = !strcmp(rest, "user");
	return true;
}

static bool parse_cut(struct dump *d, char *rest)
{
	d->cut = true;
	return !*rest;
}

static const struct {
	const char *word;
	bool (*parse)(struct dump *d, char *rest);
} lines[] = {
	{ "map", parse_map },
	{ "symbol", parse_symbol },
	{ "row", parse_row },
	{ "region", parse_region },
	{ "kernel", parse_kernel },
	{ "cpus", parse_cpus },
	{ "levels", parse_levels },
	{ "process", parse_process },
	{ "isolation", parse_isolation },
	{ "root", parse_root },
	{ "cut", parse_cut },
};

/* Why a line was refused: that there are too many is not to be taken for bad text */
static int refused(const struct dump *d, const struct input *in, const char *first)
{
	if (d->n_ranges == MAX_RANGES && !strcmp(first, "map"))
		return input_error(in, "more than %d ranges", MAX_RANGES - 1);
	if (d->n_rows == MAX_ROWS && !strcmp(first, "row"))
		return input_error(in, "more than %d rows", MAX_ROWS - 1);
	if (d->n_symbols == MAX_SYMBOLS && !strcmp(first, "symbol"))
		return input_error(in, "more than %d symbols", MAX_SYMBOLS - 1);
	return input_error(in, "not a line \"%s\" as it should be", first);
}

/* The end has the number of ranges, and nothing follows it */
static int parse_end(const struct dump *d, struct input *in, char *rest)
{
	uint64_t n;
	int more;

	if (!parse_number(rest, MAX_RANGES, &n) || n != d->n_ranges)
		return input_error(in, "it had %s ranges, and %zu are here", rest, d->n_ranges);
	if (d->isolation < 0 || d->user_root < 0 || !d->levels)
		return input_error(in, "lines \"levels\", \"isolation\" or \"root\" are missing");
	more = input_line(in);
	return more > 0 ? input_error(in, "something follows the end") : more;
}

/* From the second line on */
int parse_audit(struct dump *d, struct input *in)
{
	unsigned int i;
	int got;

	d->format = FORMAT_AUDIT;
	d->frames = true;
	while ((got = input_line(in)) > 0) {
		char *rest = in->text, *first = word(&rest);

		if (!strcmp(first, "end"))
			return parse_end(d, in, rest);
		for (i = 0; i < ARRAY_SIZE(lines); i++)
			if (!strcmp(first, lines[i].word))
				break;
		if (i == ARRAY_SIZE(lines))
			return input_error(in, "no line of a dump begins so");
		if (!lines[i].parse(d, rest))
			return refused(d, in, first);
	}
	return got ? got : input_error(in, "the dump ends here, and is not complete");
}

/* Of whichever format it is */
int dump_parse(struct dump *d, struct input *in)
{
	static const char magic[] = FORMAT_WORD " ";
	const char *version = in->text + strlen(magic);
	int ret = input_line(in);

	if (!ret)
		return input_error(in, "the file is empty");
	if (ret < 0)
		return ret;
	if (strncmp(in->text, magic, strlen(magic)))
		ret = parse_ptdump(d, in);
	else if (strcmp(version, FORMAT_VERSION))
		return input_error(in, "version \"%.20s\" of the format, and this program knows %s",
				   version, FORMAT_VERSION);
	else
		ret = parse_audit(d, in);
	dump_sort_rows(d);
	return ret;
}

/* @pid: as for input_open() */
int dump_read(struct dump *d, const char *file, const char *pid)
{
	struct input in;
	int ret;

	dump_init(d, file);
	if (input_open(&in, file, pid))
		return -1;
	d->source = in.name;
	ret = dump_parse(d, &in);
	input_close(&in);
	return ret;
}
