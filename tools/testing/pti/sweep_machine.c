// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sweep's hold on the machine: registers, memory, breakpoints, single steps.
 *
 * All calls are for a stopped machine and leave it stopped; those that only change
 * something have an error, if any, told by the next that reads.  A breakpoint stops before
 * its instruction, also when the machine goes on from there: who wants to pass it steps
 * first.  A step ignores breakpoints, and lets interrupts in.
 */
#include <string.h>

#include "sweep.h"

static const char * const reg_name[N_CPU_REGS] = {
	[RAX] = "rax", [RBX] = "rbx", [RCX] = "rcx", [RDX] = "rdx", [RSI] = "rsi", [RDI] = "rdi",
	[RSP] = "rsp", [RIP] = "rip", [EFLAGS] = "eflags", [CS] = "cs", [SS] = "ss",
	[CR3] = "cr3", [CR4] = "cr4",
	[GS_BASE] = "gs_base", [KERNEL_GS_BASE] = "k_gs_base",
};

static int reg_number[N_CPU_REGS];

/**
 * machine_open() - connect to the gdbstub, which stops the machine
 * @s:		the sweep
 * @gdb:	its socket
 */
enum vm_result machine_open(struct sweep *s, const char *gdb)
{
	enum vm_result r = remote_open(&s->remote, gdb);
	char reply[64];
	int i;

	for (i = 0; !r && i < N_CPU_REGS; i++) {
		reg_number[i] = remote_reg(&s->remote, reg_name[i]);
		if (reg_number[i] < 0)
			return VM_ERROR;
	}
	/* Steps as they are: by default they mask interrupts, and are late by one */
	if (!r)
		r = remote_ask(&s->remote, "Qqemu.sstep=1", reply, sizeof(reply));
	if (!r && strcmp(reply, "OK"))
		return VM_ERROR;
	s->remote.no_ack = true;
	return r;
}

enum vm_result regs_read(struct sweep *s, struct regs *r)
{
	char reply[2 * REMOTE_MAX_BYTES + 1];
	enum vm_result result = remote_ask(&s->remote, "g", reply, sizeof(reply));
	int i;

	if (result)
		return result;
	r->n = remote_from_hex(reply, r->raw, sizeof(r->raw));
	for (i = 0; i < N_CPU_REGS; i++) {
		const struct remote_reg *reg = &s->remote.reg[reg_number[i]];

		if (reg->at + reg->size > r->n)
			return VM_ERROR;
		r->v[i] = 0;
		memcpy(&r->v[i], r->raw + reg->at, reg->size);
	}
	return VM_OK;
}

void regs_set(struct sweep *s, struct regs *r, enum cpu_reg which, __u64 value)
{
	const struct remote_reg *reg = &s->remote.reg[reg_number[which]];

	r->v[which] = value;
	memcpy(r->raw + reg->at, &value, reg->size);
}

static size_t to_hex(char *to, const void *from, size_t n)
{
	const __u8 *byte = from;
	size_t i;

	for (i = 0; i < n; i++)
		sprintf(to + 2 * i, "%02x", byte[i]);
	return 2 * n;
}

enum vm_result regs_write(struct sweep *s, const struct regs *r)
{
	char packet[2 * REMOTE_MAX_BYTES + 2] = "G";

	to_hex(packet + 1, r->raw, r->n);
	return remote_post(&s->remote, packet);
}

/**
 * mem_read() - read memory by the page table that CR3 selects
 * @s:		the sweep
 * @va:		where
 * @to:		for the bytes
 * @n:		how many, at most 2 KiB
 */
enum vm_result mem_read(struct sweep *s, __u64 va, void *to, size_t n)
{
	char packet[64], reply[2 * REMOTE_MAX_BYTES + 1];
	enum vm_result r;

	snprintf(packet, sizeof(packet), "m%llx,%zx", va, n);
	r = remote_ask(&s->remote, packet, reply, sizeof(reply));
	if (!r && remote_from_hex(reply, to, n) != n)
		return VM_ERROR;
	return r;
}

enum vm_result mem_write(struct sweep *s, __u64 va, const void *from, size_t n)
{
	char packet[2 * 64 + 64];
	int len;

	if (n > 64)
		return VM_ERROR;
	len = snprintf(packet, sizeof(packet), "M%llx,%zx:", va, n);
	to_hex(packet + len, from, n);
	return remote_post(&s->remote, packet);
}

enum vm_result break_set(struct sweep *s, __u64 addr)
{
	char packet[64];

	snprintf(packet, sizeof(packet), "Z1,%llx,1", addr);
	return remote_post(&s->remote, packet);
}

enum vm_result break_clear(struct sweep *s, __u64 addr)
{
	char packet[64];

	snprintf(packet, sizeof(packet), "z1,%llx,1", addr);
	return remote_post(&s->remote, packet);
}

static enum vm_result resume(struct sweep *s, const char *how, struct regs *r, int ms)
{
	enum vm_result result = remote_send(&s->remote, how);
	char reply[256];

	do {
		if (!result)
			result = remote_read(&s->remote, reply, sizeof(reply), ms);
	} while (!result && *reply != 'T' && *reply != 'S');
	return result ? result : regs_read(s, r);
}

/**
 * run() - let the machine run until a breakpoint
 * @s:		the sweep
 * @r:		the registers at the stop
 * @ms:		how long that may take
 *
 * Return: VM_ERROR if it did not stop in time; it runs on then.
 */
enum vm_result run(struct sweep *s, struct regs *r, int ms)
{
	return resume(s, "c", r, ms);
}

/**
 * step() - let the machine run one instruction, or take one interrupt
 * @s:		the sweep
 * @r:		the registers before, and after
 *
 * The emulator ends a step, too, when it has looked at a request that came to nothing.
 */
enum vm_result step(struct sweep *s, struct regs *r)
{
	__u64 ip = r->v[RIP], sp = r->v[RSP];
	enum vm_result result;
	int tries = 0;

	do {
		result = resume(s, "s", r, STOP_MS);
	} while (!result && r->v[RIP] == ip && r->v[RSP] == sp && ++tries < MAX_REQUESTS);
	return result;
}

/**
 * msr_read() - read an MSR, which is none of the registers that the gdbstub shows
 * @s:		the sweep; the machine is in kernel mode
 * @msr:	its number
 * @value:	what is in it
 *
 * The machine executes an RDMSR that the swept text has, on the kernel's page table, and is
 * put back.
 */
enum vm_result msr_read(struct sweep *s, __u32 msr, __u64 *value)
{
	struct regs at, r;
	enum vm_result result = regs_read(s, &at);

	if (result)
		return result;
	r = at;
	regs_set(s, &r, RIP, s->rdmsr);
	regs_set(s, &r, RCX, msr);
	regs_set(s, &r, EFLAGS, at.v[EFLAGS] & ~EFLAGS_IF);
	if (s->isolated)
		regs_set(s, &r, CR3, at.v[CR3] & ~(CR3_USER | CR3_USER_PCID));
	result = regs_write(s, &r);
	if (!result)
		result = step(s, &r);
	if (!result && r.v[RIP] != s->rdmsr + 2)
		result = VM_ERROR;
	*value = (__u32)r.v[RAX] | r.v[RDX] << 32;
	return result ? result : regs_write(s, &at);
}
