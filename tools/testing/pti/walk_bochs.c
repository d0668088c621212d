// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest under Bochs: client of its built-in debugger, which reads commands from a
 * pipe and answers through another one (bochs.sh makes both).
 *
 *	c			run; SIGINT brings the prompt back
 *	show "cpu0.CR3"		a part of the CPU's state, by the names that Bochs saves
 *				it under; so its TLBs can be read, too
 *	xp /1024wx ADDR		physical memory
 *	setpmem ADDR 4 VALUE	the same, to change it
 *
 * Every line is echoed, and every answer ends with the prompt "<bochs:N> ".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "walk.h"

#define ANSWER_MS	20000
#define AGAIN_MS	3000	/* a SIGINT just before Bochs goes on is lost */
#define TLB_INVALID	(~0ULL)
#define TLB_GLOBAL	BIT_ULL(31)
#define EFER_LMA	BIT_ULL(10)

struct bochs {
	struct vm vm;
	int to, from;
	pid_t pid;
	char text[2 << 20];	/* the answer; the TLBs are the longest */
	size_t n;
};

static struct bochs *to_bochs(struct vm *vm)
{
	return (struct bochs *)vm;
}

/*
 * Whether the text ends with "<bochs:N> ".  A SIGINT that comes at the prompt brings one
 * more: it stands before the echo of the next line, and is not the end of its answer.
 */
static bool at_prompt(const struct bochs *b)
{
	const char *p = b->text + b->n;

	if (b->n < 10 || p[-1] != ' ' || p[-2] != '>')
		return false;
	for (p -= 3; *p >= '0' && *p <= '9'; p--)
		;
	return p - b->text >= 6 && !memcmp(p - 6, "<bochs:", 7);
}

/* Add what comes within a time to the text; VM_OK also if nothing did */
static enum vm_result read_some(struct bochs *b, int ms)
{
	struct pollfd p = { .fd = b->from, .events = POLLIN };
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return VM_OK;
	if (b->n == sizeof(b->text) - 1)
		return VM_ERROR;
	n = read(b->from, b->text + b->n, sizeof(b->text) - 1 - b->n);
	if (n <= 0)
		return VM_GONE;
	b->n += n;
	b->text[b->n] = '\0';
	return VM_OK;
}

static enum vm_result read_answer(struct bochs *b, const char *echo)
{
	enum vm_result r = VM_OK;

	while (!r && !(at_prompt(b) && strstr(b->text, echo))) {
		size_t had = b->n;

		r = read_some(b, ANSWER_MS);
		if (!r && b->n == had)
			r = VM_ERROR;
	}
	return r;
}

static enum vm_result command(struct bochs *b, const char *cmd)
{
	size_t len = strlen(cmd);

	b->n = 0;
	b->text[0] = '\0';
	return write(b->to, cmd, len) == (ssize_t)len ? VM_OK : VM_GONE;
}

static enum vm_result ask(struct bochs *b, const char *cmd)
{
	enum vm_result r = command(b, cmd);

	return r ? r : read_answer(b, cmd);
}

static enum vm_result bochs_stop(struct vm *vm)
{
	struct bochs *b = to_bochs(vm);
	enum vm_result r = VM_OK;
	int waited;

	for (waited = 0; !r && !at_prompt(b); waited += AGAIN_MS) {
		if (waited > ANSWER_MS)
			return VM_ERROR;
		if (kill(b->pid, SIGINT))
			return VM_GONE;
		do {
			size_t had = b->n;

			r = read_some(b, AGAIN_MS);
			if (b->n == had)
				break;
		} while (!r && !at_prompt(b));
	}
	return r;
}

/* It may stop by itself meanwhile; then bochs_stop() finds the prompt there */
static enum vm_result bochs_run(struct vm *vm, unsigned int usec)
{
	struct bochs *b = to_bochs(vm);
	enum vm_result r = command(b, "c\n");

	while (!r && !strstr(b->text, "c\n")) {
		size_t had = b->n;

		r = read_some(b, ANSWER_MS);
		if (!r && b->n == had)
			r = VM_ERROR;
	}
	if (!r)
		usleep(usec);
	return r;
}

/* The value of "NAME = VALUE" */
static bool field(const char *text, const char *name, __u64 *value)
{
	size_t len = strlen(name);
	const char *p = text;
	char *end;

	while ((p = strstr(p, name))) {
		if (p != text && (p[-1] == ' ' || p[-1] == '\n') &&
		    !strncmp(p + len, " = ", 3)) {
			*value = strtoull(p + len + 3, &end, 16);
			return end != p + len + 3;
		}
		p += len;
	}
	return false;
}

/* Both TLBs at once; the second is the last that is shown */
static enum vm_result read_tlbs(struct bochs *b, struct tlb *tlb)
{
	enum vm_result r = command(b, "show \"cpu0.DTLB\"\nshow \"cpu0.ITLB\"\n");
	const char *p = b->text;

	if (!r)
		r = read_answer(b, "<cpu0.ITLB>");
	if (r)
		return r;
	tlb->n = 0;
	if (!strstr(p, "lpf = "))
		return VM_ERROR;
	while ((p = strstr(p, "lpf = "))) {
		__u64 lpf = strtoull(p + 6, NULL, 16), ppf, access;
		struct tlb_entry *e = &tlb->v[tlb->n];

		if (lpf == TLB_INVALID) {
			p++;
			continue;
		}
		if (tlb->n == MAX_TLB || !field(p, "ppf", &ppf) ||
		    !field(p, "accessBits", &access))
			return VM_ERROR;
		p++;
		if (!access)
			continue;
		e->va = lpf & PAGE_MASK;
		e->pa = ppf & PAGE_MASK;
		e->global = access & TLB_GLOBAL;
		tlb->n++;
	}
	return VM_OK;
}

/* The registers come in one go: a question and answer each takes its time */
static const char registers[] =
	"show \"cpu0.RIP\"\n"
	"show \"cpu0.CR3\"\n"
	"show \"cpu0.CR4\"\n"
	"show \"cpu0.CS\"\n"
	"show \"cpu0.GS\"\n"
	"show \"cpu0.GDTR\"\n"
	"show \"cpu0.IDTR\"\n"
	"show \"cpu0.TR\"\n"
	"show \"cpu0.LDTR\"\n"
	"show \"cpu0.MSR\"\n";

static enum vm_result bochs_cpus(struct vm *vm, struct cpu_state *cpus, int *n, bool kernel_gs)
{
	static struct tlb tlb;
	__u64 cs = 0, ldt_sel = 0, ldt_limit = 0;
	struct cpu_state *c = cpus;
	const struct {
		const char *part, *name;
		__u64 *to;
	} fields[] = {
		{ "<cpu0.RIP>", "RIP", &c->rip },
		{ "<cpu0.CR3>", "CR3", &c->cr3 },
		{ "<cpu0.CR4>", "CR4", &c->cr4 },
		{ "<cpu0.CS>", "selector", &cs },
		{ "<cpu0.GS>", "base", &c->gs_base },
		{ "<cpu0.GDTR>", "base", &c->gdt_base },
		{ "<cpu0.IDTR>", "base", &c->idt_base },
		{ "<cpu0.TR>", "base", &c->tr_base },
		{ "<cpu0.LDTR>", "selector", &ldt_sel },
		{ "<cpu0.LDTR>", "base", &c->ldt_base },
		{ "<cpu0.LDTR>", "limit_scaled", &ldt_limit },
		{ "<cpu0.MSR>", "EFER", &c->efer },
		{ "<cpu0.MSR>", "kernelgsbase", &c->kernel_gs_base },
	};
	struct bochs *b = to_bochs(vm);
	enum vm_result r;
	size_t i;

	(void)kernel_gs;	/* costs nothing more here */
	r = command(b, registers);
	if (!r)
		r = read_answer(b, "<cpu0.MSR>");
	if (r)
		return r;
	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const char *part = strstr(b->text, fields[i].part);

		if (!part || !field(part, fields[i].name, fields[i].to)) {
			fprintf(stderr, "walk: Bochs does not show %s in %s\n",
				fields[i].name, fields[i].part);
			return VM_ERROR;
		}
	}
	c->cpl = cs & 3;
	c->ldt_sel = ldt_sel;
	c->ldt_limit = ldt_limit;
	c->tlb = NULL;
	*n = !!(c->efer & EFER_LMA);
	if (!*n || c->cpl != 3)
		return VM_OK;

	c->tlb = &tlb;
	return read_tlbs(b, &tlb);
}

/*
 * 0x0000000001031000 <bogus+       0>:	0x00000000	0x00000000 …
 */
static enum vm_result bochs_fetch(struct vm *vm, __u64 pa, void *to)
{
	struct bochs *b = to_bochs(vm);
	const size_t words = PAGE_SIZE / sizeof(__u32);
	__u32 *word = to;
	enum vm_result r;
	char cmd[64], *p;
	size_t i = 0;

	snprintf(cmd, sizeof(cmd), "xp /%zuwx 0x%llx\n", words, pa);
	r = ask(b, cmd);
	if (r)
		return r;
	for (p = strstr(b->text, ">:"); p && i < words; p = strstr(p, ">:")) {
		p += 2;
		while (i < words && *p == '\t')
			word[i++] = strtoul(p + 1, &p, 16);
	}
	return i == words ? VM_OK : VM_ERROR;
}

static enum vm_result bochs_store(struct vm *vm, __u64 pa, __u32 value)
{
	char cmd[64];

	snprintf(cmd, sizeof(cmd), "setpmem 0x%llx 4 0x%x\n", pa, value);
	return ask(to_bochs(vm), cmd);
}

/* Let the guest run, unwatched */
static void bochs_close(struct vm *vm)
{
	struct bochs *b = to_bochs(vm);

	command(b, "c\n");
	close(b->to);
	close(b->from);
}

/* Bochs opens its two pipes one after the other, and waits at each */
static int open_pipe(const char *where, const char *end, int flags)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s.%s", where, end);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		perror(path);
	return fd;
}

static pid_t read_pid(const char *where)
{
	int fd = open_pipe(where, "pid", O_RDONLY);
	char text[32] = "";
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	return n > 0 ? atoi(text) : 0;
}

/* Returns with the machine stopped before its first instruction */
struct vm *bochs_open(const char *where)
{
	static const struct vm_ops ops = {
		.boot_usec = 1000000,
		.stop = bochs_stop,
		.run = bochs_run,
		.cpus = bochs_cpus,
		.fetch = bochs_fetch,
		.store = bochs_store,
		.close = bochs_close,
	};
	static struct bochs b = { .vm.ops = &ops };

	b.to = open_pipe(where, "in", O_WRONLY);
	if (b.to < 0)
		return NULL;
	b.from = open_pipe(where, "out", O_RDONLY);
	if (b.from < 0 || read_answer(&b, ""))
		return NULL;
	b.pid = read_pid(where);
	return b.pid > 0 ? &b.vm : NULL;
}
