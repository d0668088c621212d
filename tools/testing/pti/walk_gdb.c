// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest under QEMU, for the walker: stop it, let it run, read the registers of all
 * CPUs, from the monitor, and the one which the monitor does not show, through the
 * gdbstub (walk_remote.c).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "walk_remote.h"

struct gdb {
	struct vm vm;
	struct remote remote;
	int k_gs;		/* number of the register k_gs_base */
};

static struct gdb *to_gdb(struct vm *vm)
{
	return (struct gdb *)vm;
}

static enum vm_result gdb_stop(struct vm *vm)
{
	struct remote *remote = &to_gdb(vm)->remote;
	enum vm_result r = remote_interrupt(remote);
	char reply[256];

	do {
		if (!r)
			r = remote_read(remote, reply, sizeof(reply), REMOTE_ANSWER_MS);
	} while (!r && *reply != 'T' && *reply != 'S');
	return r;
}

static enum vm_result gdb_run(struct vm *vm, unsigned int usec)
{
	struct remote *remote = &to_gdb(vm)->remote;
	enum vm_result r = remote_send(remote, "c");
	char reply[256];

	if (r)
		return r;
	usleep(usec);
	if (remote_running(remote, &r) || r)
		return r;
	/* it has stopped or ended by itself */
	r = remote_read(remote, reply, sizeof(reply), REMOTE_ANSWER_MS);
	return r ? r : remote_send(remote, "c");
}

static enum vm_result read_kernel_gs(struct gdb *g, int cpu, __u64 *value)
{
	char cmd[32], reply[256];
	enum vm_result r;

	snprintf(cmd, sizeof(cmd), "Hg%x", cpu + 1);
	r = remote_ask(&g->remote, cmd, reply, sizeof(reply));
	if (r)
		return r;
	snprintf(cmd, sizeof(cmd), "p%x", g->k_gs);
	r = remote_ask(&g->remote, cmd, reply, sizeof(reply));
	if (r)
		return r;
	return remote_from_hex(reply, value, 8) == 8 ? VM_OK : VM_ERROR;
}

static enum vm_result gdb_cpus(struct vm *vm, struct cpu_state *cpus, int *n, bool kernel_gs)
{
	static char text[MAX_CPUS * 8192];
	struct gdb *g = to_gdb(vm);
	enum vm_result r;
	int i;

	r = remote_monitor(&g->remote, "info registers -a", text, sizeof(text));
	if (r)
		return r;
	*n = cpu_parse(text, cpus, MAX_CPUS);
	if (*n < 0) {
		fprintf(stderr, "walk: cannot read the monitor's registers\n");
		return VM_ERROR;
	}
	for (i = 0; !r && kernel_gs && i < *n; i++)
		r = read_kernel_gs(g, i, &cpus[i].kernel_gs_base);
	return r;
}

static enum vm_result gdb_monitor(struct vm *vm, const char *command)
{
	char text[1024];

	return remote_monitor(&to_gdb(vm)->remote, command, text, sizeof(text));
}

static void gdb_close(struct vm *vm)
{
	remote_close(&to_gdb(vm)->remote);
}

struct vm *gdb_open(const char *where)
{
	static const struct vm_ops ops = {
		.boot_usec = 50000,
		.stop = gdb_stop,
		.run = gdb_run,
		.cpus = gdb_cpus,
		.monitor = gdb_monitor,
		.close = gdb_close,
	};
	static struct gdb g = { .vm.ops = &ops };

	if (remote_open(&g.remote, where))
		return NULL;
	g.k_gs = remote_reg(&g.remote, "k_gs_base");
	return g.k_gs < 0 ? NULL : &g.vm;
}
