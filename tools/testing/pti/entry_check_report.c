// SPDX-License-Identifier: GPL-2.0-only
/*
 * The checker of the entry code: findings.  One is told once, with the first set of
 * features and the first path that lead to it, and in how many sets it is there.
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "entry_check.h"

struct node {
	__u32 parent;
	__u64 ip;		/* 0: a root */
	const char *what;
};

struct finding_kept {
	const char *rule;
	__u64 ip;
	char text[240];
	char set[96];
	char *path;
	const struct set *last;
	size_t sets;
};

bool quiet;

/* What is known, and why it may stay: entry_check.allow */
struct allowed {
	char *rule, *where, *insn;
	size_t times;
};

static struct node *nodes;
static size_t nnodes;
static struct finding_kept *kept;
static size_t nkept;
static struct allowed *allowed;
static size_t nallowed;

void paths_clear(void)
{
	size_t i;

	for (i = 0; i < nnodes; i++)
		if (!nodes[i].ip)
			free((void *)nodes[i].what);
	nnodes = 0;
}

__u32 path_add(__u32 parent, __u64 ip, const char *what)
{
	nodes = grow(nodes, nnodes, sizeof(*nodes));
	nodes[nnodes] = (struct node){ .parent = parent, .ip = ip, .what = what };
	return nnodes++;
}

__u32 path_root(const char *what)
{
	char *copy = strdup(what);

	if (!copy)
		cannot("out of memory");
	return path_add(0, 0, copy);
}

static void path_print(FILE *f, __u32 n)
{
	const struct node *node = &nodes[n];

	if (node->ip) {
		path_print(f, node->parent);
		fprintf(f, "\n        %s %s", place(node->ip), node->what);
	} else {
		fprintf(f, "    %s", node->what);
	}
}

void allow_read(const char *file)
{
	struct table t = { .name = file };
	char *field[4];

	while (table_row(&t, field, ARRAY_SIZE(field))) {
		allowed = grow(allowed, nallowed, sizeof(*allowed));
		allowed[nallowed++] = (struct allowed){
			.rule = strdup(field[0]), .where = strdup(field[1]),
			.insn = strdup(field[2]),
		};
	}
}

/* A row for that instruction; what is none is met by "*" */
static struct allowed *allows_at(const char *rule, const char *label, __u64 ip)
{
	const cs_insn *in = fetch(ip);
	size_t i;

	for (i = 0; i < nallowed; i++) {
		struct allowed *a = &allowed[i];

		if (!strcmp(a->rule, rule) && !fnmatch(a->where, label, 0) &&
		    !fnmatch(a->insn, in ? insn_text(in) : "", 0))
			return a;
	}
	return NULL;
}

static struct allowed *allows(const char *rule, __u64 ip)
{
	const char *at = place(ip);
	char label[128];

	snprintf(label, sizeof(label), "%.*s", (int)strcspn(at, "+"), at);
	return allows_at(rule, label, ip);
}

static struct finding_kept *keep(const char *rule, __u64 ip, const char *text)
{
	struct finding_kept *k;

	kept = grow(kept, nkept, sizeof(*kept));
	k = &kept[nkept++];
	memset(k, 0, sizeof(*k));
	k->rule = rule;
	k->ip = ip;
	snprintf(k->text, sizeof(k->text), "%s", text);
	return k;
}

bool reach_allowed(__u64 ip)
{
	struct allowed *a = allows("reach", ip);

	if (a)
		a->times++;
	return a;
}

/* In front of that function */
bool padding_allowed(const struct symbol *before, __u64 ip)
{
	struct allowed *a = allows_at("padding", before->name, ip);

	if (a)
		a->times++;
	return a;
}

/* Of no path, nor of one set of features */
void told(__u64 ip, const char *rule, const char *fmt, ...)
{
	char text[240];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	keep(rule, ip, text);
}

void unreached(__u64 ip, const char *what)
{
	const cs_insn *in = fetch(ip);

	told(ip, "reach", "%s: %s", what, in ? insn_text(in) : "no instruction");
}

void wrong(const struct state *st, const char *rule, const char *fmt, ...)
{
	struct finding_kept *k;
	char text[240];
	struct allowed *a;
	size_t i, size;
	va_list args;
	FILE *f;

	if (quiet)
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (i = 0; i < nkept; i++) {
		k = &kept[i];
		if (k->ip == st->at && !strcmp(k->rule, rule) && !strcmp(k->text, text)) {
			k->sets += k->last != cur;
			k->last = cur;
			return;
		}
	}
	a = allows(rule, st->at);
	if (a) {
		a->times++;
		return;
	}
	k = keep(rule, st->at, text);
	snprintf(k->set, sizeof(k->set), "%s", cur->name);
	k->last = cur;
	k->sets = 1;
	f = open_memstream(&k->path, &size);
	if (!f)
		cannot("out of memory");
	path_print(f, st->path);
	fclose(f);
}

size_t findings_count(void)
{
	return nkept;
}

void findings_clear(void)
{
	size_t i;

	for (i = 0; i < nkept; i++)
		free(kept[i].path);
	nkept = 0;
}

/* Whether there is one of this rule in a function of that name, or behind that label */
bool findings_match(const char *rule, const char *where)
{
	size_t i, n = strlen(where);

	for (i = 0; i < nkept; i++) {
		const char *at = place(kept[i].ip);

		if (!strcmp(kept[i].rule, rule) && !strncmp(at, where, n) &&
		    (!at[n] || at[n] == '+'))
			return true;
	}
	return false;
}

void findings_print(void)
{
	size_t i;

	for (i = 0; i < nkept; i++) {
		const struct finding_kept *k = &kept[i];

		printf("%s: %s: %s\n", place(k->ip), k->rule, k->text);
		if (!k->path)
			continue;
		printf("    in %zu sets of features, the first: %s\n", k->sets, k->set);
		printf("%s\n", k->path);
	}
}

static bool has_place(const char *where)
{
	size_t i;

	for (i = 0; i < img.syms.n; i++)
		if (!fnmatch(where, img.syms.v[i].name, 0))
			return true;
	return false;
}

/* A row that nothing needs any more should go; one of what this kernel has not may stay */
void allow_print(void)
{
	size_t i, n = 0, all = 0;

	for (i = 0; i < nallowed; i++) {
		if (!allowed[i].times && !has_place(allowed[i].where))
			continue;
		all++;
		if (allowed[i].times)
			n++;
		else
			printf("not met here: the allowed %s at %s, %s\n", allowed[i].rule,
			       allowed[i].where, allowed[i].insn);
	}
	printf("%zu of %zu rows of what is allowed in the base were met\n", n, all);
}
