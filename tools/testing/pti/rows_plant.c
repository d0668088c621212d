// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plants a break in the policy table of a guest that boots: stops it at pti_init(),
 * which reads pti_rows first, changes the table in guest memory, and lets it run on.
 * rows-mutate.sh compares what comes of it with rows.mutants.
 *
 *	rows_plant --list		every change of every row of $PTI_VMLINUX
 *	rows_plant ROW CHANGE...	plant these, in the guest at $PTI_GDB
 *	rows_plant --where		where that guest's CPU is now
 *
 * The form of a row is that of arch/x86/mm/pti_exposure.h: rows-mutate.sh cuts it out of
 * there and puts it in front of this file.  The guest needs nokaslr.
 *
 * Exit status: 0 planted, 2 could not.
 */
#include <linux/elf.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "walk_remote.h"

#define MAX_TABLE	32
#define BOOT_SECONDS	120

static struct symbols syms;
static struct pti_row table[MAX_TABLE];
static unsigned int n_rows;

static void __printf(1, 2) __attribute((noreturn)) cannot(const char *fmt, ...)
{
	va_list args;

	fputs("rows_plant: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static __u64 address_of(const char *name)
{
	const struct symbol *s = symbol_find(&syms, name);

	if (!s)
		cannot("the kernel has no symbol %s", name);
	return s->addr;
}

/* What the image has at an address */
static const void *image_at(__u64 addr)
{
	const struct elf64_hdr *eh = syms.file;
	const struct elf64_shdr *sh = (const void *)((const char *)eh + eh->e_shoff);
	int i;

	for (i = 0; i < eh->e_shnum; i++)
		if ((sh[i].sh_flags & SHF_ALLOC) && sh[i].sh_type == SHT_PROGBITS &&
		    addr >= sh[i].sh_addr && addr - sh[i].sh_addr < sh[i].sh_size)
			return (const char *)eh + sh[i].sh_offset + (addr - sh[i].sh_addr);
	cannot("the image has nothing at %llx", addr);
}

static const char *name_of(const struct pti_row *row)
{
	return image_at((__u64)row->name);
}

static void read_image(const char *vmlinux)
{
	if (symbols_read(&syms, vmlinux))
		exit(2);
	memcpy(&n_rows, image_at(address_of("pti_nr_rows")), sizeof(n_rows));
	if (!n_rows || n_rows > MAX_TABLE)
		cannot("%s: pti_nr_rows is %u", vmlinux, n_rows);
	memcpy(table, image_at(address_of("pti_rows")), n_rows * sizeof(*table));
}

/* Each flag, and what its change makes of a row that has it not, and of one that has */
static const struct {
	unsigned int flag;
	const char *set, *cleared;
} flags[] = {
	{ PTI_WRITE,	"writable",	"read-only" },
	{ PTI_EXEC,	"executable",	"not-executable" },
	{ PTI_USER,	"user",		"supervisor" },
	{ PTI_GLOBAL,	"global",	"not-global" },
};

static void list(void)
{
	unsigned int i, f;

	for (i = 0; i < n_rows; i++) {
		printf("%s dropped\n%s widened\n", name_of(&table[i]), name_of(&table[i]));
		for (f = 0; f < ARRAY_SIZE(flags); f++)
			printf("%s %s\n", name_of(&table[i]), table[i].flags & flags[f].flag ?
			       flags[f].cleared : flags[f].set);
	}
}

static void change(struct pti_row *row, const char *what)
{
	unsigned int f;

	if (!strcmp(what, "dropped")) {
		memmove(row, row + 1, (table + n_rows - (row + 1)) * sizeof(*row));
		n_rows--;
		return;
	}
	if (!strcmp(what, "widened")) {
		if (row->end)
			row->end += PAGE_SIZE;
		else
			row->size += PAGE_SIZE;
		return;
	}
	for (f = 0; f < ARRAY_SIZE(flags); f++) {
		if (strcmp(what, row->flags & flags[f].flag ? flags[f].cleared : flags[f].set))
			continue;
		row->flags ^= flags[f].flag;
		return;
	}
	cannot("%s cannot become %s", name_of(row), what);
}

static void ask(struct remote *r, const char *packet, char *answer, size_t size)
{
	if (remote_ask(r, packet, answer, size) || *answer == 'E')
		cannot("the emulator refuses %.20s", packet);
}

static void peek(struct remote *r, __u64 addr, void *to, size_t size)
{
	char packet[64], answer[2 * sizeof(table) + 16];

	snprintf(packet, sizeof(packet), "m%llx,%zx", addr, size);
	ask(r, packet, answer, sizeof(answer));
	if (remote_from_hex(answer, to, size) != size)
		cannot("no memory at %llx", addr);
}

static void poke(struct remote *r, __u64 addr, const void *from, size_t size)
{
	char packet[2 * sizeof(table) + 64], answer[64];
	const __u8 *byte = from;
	int n = snprintf(packet, sizeof(packet), "M%llx,%zx:", addr, size);

	while (size--)
		n += snprintf(packet + n, sizeof(packet) - n, "%02x", *byte++);
	ask(r, packet, answer, sizeof(answer));
}

static __u64 reg(struct remote *r, const char *name)
{
	char packet[32], answer[64];
	__u64 value;

	snprintf(packet, sizeof(packet), "p%x", remote_reg(r, name));
	ask(r, packet, answer, sizeof(answer));
	if (remote_from_hex(answer, &value, sizeof(value)) != sizeof(value))
		cannot("the emulator does not tell %s", name);
	return value;
}

/* Let the guest boot until it is at an address */
static void run_to(struct remote *r, __u64 addr)
{
	time_t end = time(NULL) + BOOT_SECONDS;
	enum vm_result result = VM_ERROR;
	char packet[64], answer[256];

	snprintf(packet, sizeof(packet), "Z1,%llx,1", addr);
	ask(r, packet, answer, sizeof(answer));
	if (remote_send(r, "c"))
		cannot("lost the emulator");
	while (result == VM_ERROR && time(NULL) < end)
		result = remote_read(r, answer, sizeof(answer), 1000);
	if (result || reg(r, "rip") != addr)
		cannot("the guest did not come to pti_init at %llx", addr);
	snprintf(packet, sizeof(packet), "z1,%llx,1", addr);
	ask(r, packet, answer, sizeof(answer));
}

/* Where the row lies on the first CPU, whose areas come first without KASLR */
static void tell(struct remote *r, const struct pti_row *row, const char *what)
{
	__u64 start = row->start, end, offset;

	switch (row->where) {
	case PTI_AT_PERCPU:
		peek(r, address_of("__per_cpu_offset"), &offset, sizeof(offset));
		start += offset;
		break;
	case PTI_AT_CEA:
		start += CEA_PER_CPU;
		break;
	case PTI_AT_LDT:
		start += LDT_BASE_L4;
		break;
	default:
		break;
	}
	end = row->end ? ((__u64)row->end + PAGE_SIZE - 1) & PAGE_MASK : start + row->size;
	printf("planted %s %s: %llx %llx\n", name_of(row), what, start, end);
}

static struct pti_row *find(const char *name)
{
	unsigned int i;

	for (i = 0; i < n_rows; i++)
		if (!strcmp(name_of(&table[i]), name))
			return &table[i];
	cannot("the kernel's table has no row \"%s\"", name);
}

static void connect_to_guest(struct remote *r)
{
	const char *where = getenv("PTI_GDB");

	if (!where)
		cannot("no PTI_GDB: run.sh --attach starts this, for a guest of QEMU");
	signal(SIGPIPE, SIG_IGN);
	if (remote_open(r, where))
		cannot("no answer from %s", where);
}

static void where(void)
{
	struct remote r;

	connect_to_guest(&r);
	printf("stopped at RIP=%016llx CR3=%016llx\n", reg(&r, "rip"), reg(&r, "cr3"));
	remote_close(&r);
}

static void plant(char **change_of)
{
	struct pti_row there[MAX_TABLE];
	unsigned int n_there = n_rows;
	struct remote r;

	connect_to_guest(&r);
	run_to(&r, address_of("pti_init"));
	peek(&r, address_of("pti_rows"), there, n_rows * sizeof(*there));
	if (memcmp(there, table, n_rows * sizeof(*there)))
		cannot("the guest's table is not that of the image");

	for (; *change_of; change_of += 2) {
		struct pti_row *row = find(change_of[0]);

		tell(&r, row, change_of[1]);
		change(row, change_of[1]);
	}
	poke(&r, address_of("pti_rows"), table, n_there * sizeof(*table));
	poke(&r, address_of("pti_nr_rows"), &n_rows, sizeof(n_rows));
	peek(&r, address_of("pti_rows"), there, n_there * sizeof(*there));
	if (memcmp(there, table, n_there * sizeof(*there)))
		cannot("the guest's table cannot be written");
	remote_close(&r);
}

int main(int argc, char **argv)
{
	const char *vmlinux = getenv("PTI_VMLINUX");

	if (!vmlinux)
		cannot("no PTI_VMLINUX");
	read_image(vmlinux);
	if (argc == 2 && !strcmp(argv[1], "--list"))
		list();
	else if (argc == 2 && !strcmp(argv[1], "--where"))
		where();
	else if (argc >= 3 && argc % 2)
		plant(argv + 1);
	else
		cannot("usage: rows_plant --list | --where | ROW CHANGE...");
	return 0;
}
