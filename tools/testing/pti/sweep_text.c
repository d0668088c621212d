// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text that is swept, instruction by instruction.  It is read from guest memory, with
 * the alternatives of this machine in place, and taken apart by objdump.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sweep.h"

__u64 symbol_addr(const struct sweep *s, const char *name)
{
	const struct symbol *sym = symbol_find(&s->syms, name);

	return sym ? sym->addr : 0;
}

/**
 * way_addr() - where a way in or out begins
 * @s:		the sweep
 * @name:	what the base calls it, or a label in a tail
 *
 * An isolated kernel has heads of its own for some, and tails; those with PCID end in
 * "_pcid".  One that has given isolation up keeps those heads whose exceptions have stacks
 * of their own.  A process that is opted out has one head of its own, and one tail.
 *
 * Return: the address, or 0 where the kernel has no such symbol.
 */
__u64 way_addr(const struct sweep *s, const char *name)
{
	static const struct {
		const char *base, *isolated;
		bool kept;
		const char *opted_out;
	} ways[] = {
		{ "asm_exc_nmi", "isolated_exc_nmi", true },
		{ "asm_exc_machine_check", "isolated_exc_machine_check", true },
		{ "asm_exc_debug", "isolated_exc_debug", true },
		{ "asm_exc_double_fault", "isolated_exc_double_fault", true },
		{ "entry_SYSCALL_64", "isolated_SYSCALL_64", false, "opted_out_SYSCALL_64" },
		{ "entry_SYSENTER_compat", "isolated_SYSENTER_compat" },
		{ "entry_SYSCALL_compat", "isolated_SYSCALL_compat" },
		{ "syscall_return_via_sysret", "isolated_sysret", false,
		  "opted_out_sysret_user_stack" },
		{ "swapgs_restore_regs_and_return_to_usermode", "isolated_return_to_usermode" },
		{ "entry_SYSRETL_compat_unsafe_stack", "isolated_sysretl" },
		{ "isolated_sysret", "isolated_sysret" },
		{ "isolated_sysret_redo", "isolated_sysret_redo" },
		{ "isolated_sysretl_redo", "isolated_sysretl_redo" },
	};
	char with_pcid[64];
	__u64 addr;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		if (strcmp(ways[i].base, name) || !(s->isolated || (s->heads && ways[i].kept)))
			continue;
		if (s->opted_out && ways[i].opted_out)
			return symbol_addr(s, ways[i].opted_out);
		snprintf(with_pcid, sizeof(with_pcid), "%s_pcid", ways[i].isolated);
		addr = s->pcid ? symbol_addr(s, with_pcid) : 0;
		if (!addr)
			addr = symbol_addr(s, ways[i].isolated);
		if (addr)
			return addr;
	}
	return symbol_addr(s, name);
}

/** where() - an address as symbol+offset; the text is good until the next but three */
const char *where(const struct sweep *s, __u64 addr)
{
	const struct symbol *sym = symbol_at(&s->syms, addr);
	static char text[4][96];
	static int turn;

	turn = (turn + 1) % ARRAY_SIZE(text);
	if (sym && addr >> 63 && addr - sym->addr < 0x10000)
		snprintf(text[turn], sizeof(text[turn]), "%s+%#llx", sym->name, addr - sym->addr);
	else
		snprintf(text[turn], sizeof(text[turn]), "%#llx", addr);
	return text[turn];
}

/** text_insn() - add one instruction, as objdump writes it; 0 or -1 */
int text_insn(struct text *t, __u64 addr, const char *text)
{
	struct insn *insn;
	size_t len;

	if (t->n % 1024 == 0) {
		insn = realloc(t->insn, (t->n + 1024) * sizeof(*insn));
		if (!insn)
			return -1;
		t->insn = insn;
	}
	insn = &t->insn[t->n++];
	memset(insn, 0, sizeof(*insn));
	insn->addr = addr;
	len = strcspn(text, "\n#<");
	while (len && text[len - 1] == ' ')
		len--;
	snprintf(insn->text, sizeof(insn->text), "%.*s", (int)len, text);
	return 0;
}

static int disassemble(struct text *t, const char *file, __u64 addr)
{
	char line[512];
	FILE *f;
	int r = 0;

	snprintf(line, sizeof(line),
		 "objdump -D -z -b binary -m i386:x86-64 --no-show-raw-insn --adjust-vma=%#llx %s",
		 addr, file);
	f = popen(line, "r");
	while (f && !r && fgets(line, sizeof(line), f)) {
		char *end, *tab = strchr(line, '\t');
		__u64 at = strtoull(line, &end, 16);

		if (tab && *end == ':')
			r = text_insn(t, at, tab + 1);
	}
	return !f || pclose(f) || r ? -1 : 0;
}

static bool read_pages(const struct sweep *s, __u64 root, __u64 va, __u8 *to, size_t n)
{
	size_t part;

	for (; n; n -= part, va += part, to += part) {
		part = PAGE_SIZE - va % PAGE_SIZE;
		if (part > n)
			part = n;
		if (!guest_read_va(&s->guest, s->levels, root, va, to, part))
			return false;
	}
	return true;
}

/**
 * text_add() - take some code apart
 * @t:		where its instructions are added
 * @code:	the code
 * @n:		bytes
 * @addr:	where it runs
 *
 * Return: 0, or -1 after a complaint.
 */
int text_add(struct text *t, const void *code, size_t n, __u64 addr)
{
	/* In memory, and inherited by objdump: no directory can be full or read-only */
	int fd = memfd_create("pti-sweep", 0), r = -1;
	char file[32];

	if (fd < 0 || write(fd, code, n) != (ssize_t)n) {
		perror("sweep: a copy of the entry code");
	} else {
		snprintf(file, sizeof(file), "/dev/fd/%d", fd);
		r = disassemble(t, file, addr);
		if (r)
			fprintf(stderr, "sweep: objdump cannot take apart the code at %#llx\n",
				addr);
	}
	if (fd >= 0)
		close(fd);
	return r;
}

/**
 * text_read_range() - read some text from guest memory
 * @s:		the sweep; symbols, guest memory and the paging level are known
 * @t:		where its instructions are added
 * @range:	the addresses
 *
 * Return: 0, or -1 after a complaint.
 */
int text_read_range(struct sweep *s, struct text *t, const struct range *range)
{
	static __u8 code[1 << 16];
	size_t n = range->to - range->from;
	struct regs regs;

	if (regs_read(s, &regs)) {
		fprintf(stderr, "sweep: the emulator does not answer\n");
		return -1;
	}
	if (range->from >= range->to || n > sizeof(code) ||
	    !read_pages(s, kernel_root(s, &regs), range->from, code, n)) {
		fprintf(stderr, "sweep: cannot read the guest's code at %s\n",
			where(s, range->from));
		return -1;
	}
	return text_add(t, code, n, range->from);
}

/** text_read() - read the swept text; 0, or -1 after a complaint */
int text_read(struct sweep *s)
{
	int i, r = text_find(s);

	for (i = 0; !r && i < s->text.n_ranges; i++)
		r = text_read_range(s, &s->text, &s->text.range[i]);
	return r;
}

/** text_in() - the instruction at an address in some text, or NULL */
struct insn *text_in(const struct text *t, __u64 addr)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->insn[i].addr == addr)
			return &t->insn[i];
	return NULL;
}

/** text_at() - the same in the text that is swept */
struct insn *text_at(const struct sweep *s, __u64 addr)
{
	return text_in(&s->text, addr);
}

/** text_reached() - an instruction was about to be executed by a path */
void text_reached(struct sweep *s, __u64 addr)
{
	struct insn *insn = text_at(s, addr);

	if (insn)
		insn->reached = true;
}
