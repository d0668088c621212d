// SPDX-License-Identifier: GPL-2.0-only
/*
 * Client of QEMU's gdbstub: stop the guest, let it run, pass a command to the
 * monitor, read the one register which the monitor does not show.
 *
 * Only what the walker needs of the remote protocol.  Two habits of the server in QEMU
 * shape it: on connecting it stops the machine, and while the machine runs any
 * byte stops it, so nothing may be acknowledged then.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "walk.h"

#define ANSWER_MS	20000

struct gdb {
	struct vm vm;
	int fd;
	int k_gs;		/* number of the register k_gs_base */
	char buf[8192];
	size_t have, used;
};

static struct gdb *to_gdb(struct vm *vm)
{
	return (struct gdb *)vm;
}

static int connect_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "walk: %s: too long for a socket\n", path);
		return -1;
	}
	memcpy(addr.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	perror(path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int connect_tcp(const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	const char *colon = strrchr(where, ':');
	char host[64];
	int fd;

	if (!colon || (size_t)(colon - where) >= sizeof(host)) {
		fprintf(stderr, "walk: %s: neither a path nor HOST:PORT\n", where);
		return -1;
	}
	memcpy(host, where, colon - where);
	host[colon - where] = '\0';
	if (getaddrinfo(*host ? host : "localhost", colon + 1, &hints, &ai)) {
		fprintf(stderr, "walk: %s: no such address\n", where);
		return -1;
	}
	fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen)) {
		perror(where);
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

static enum vm_result send_all(struct gdb *g, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(g->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return VM_GONE;
		data += n;
		len -= n;
	}
	return VM_OK;
}

static enum vm_result send_packet(struct gdb *g, const char *data)
{
	unsigned char sum = 0;
	char packet[2048];
	const char *p;
	int n;

	for (p = data; *p; p++)
		sum += (unsigned char)*p;
	n = snprintf(packet, sizeof(packet), "$%s#%02x", data, sum);
	if (n >= (int)sizeof(packet))
		return VM_ERROR;
	return send_all(g, packet, n);
}

/* One byte, or -1 after the time, or -2 at the end of the connection */
static int next_byte(struct gdb *g, int ms)
{
	if (g->used == g->have) {
		struct pollfd p = { .fd = g->fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, ms) <= 0)
			return -1;
		n = recv(g->fd, g->buf, sizeof(g->buf), 0);
		if (n <= 0)
			return -2;
		g->have = n;
		g->used = 0;
	}
	return (unsigned char)g->buf[g->used++];
}

/* The next packet, acknowledged; "W" and "X" say that the guest has ended */
static enum vm_result read_packet(struct gdb *g, char *to, size_t size, int ms)
{
	size_t n = 0;
	int c;

	do {
		c = next_byte(g, ms);
	} while (c >= 0 && c != '$');
	while (c >= 0) {
		c = next_byte(g, ANSWER_MS);
		if (c == '#')
			break;
		if (c >= 0 && n < size - 1)
			to[n++] = c;
	}
	to[n] = '\0';
	if (c >= 0)
		c = next_byte(g, ANSWER_MS);
	if (c >= 0)
		c = next_byte(g, ANSWER_MS);
	if (c == -2 || *to == 'W' || *to == 'X')
		return VM_GONE;
	if (c < 0)
		return VM_ERROR;
	return send_all(g, "+", 1);
}

static enum vm_result ask(struct gdb *g, const char *what, char *to, size_t size)
{
	enum vm_result r = send_packet(g, what);

	return r ? r : read_packet(g, to, size, ANSWER_MS);
}

/* The registers are numbered in the order of the description that QEMU sends */
static enum vm_result number_registers(struct gdb *g)
{
	static char xml[16384];
	char part[8192], cmd[96];
	enum vm_result r;
	const char *p, *end;
	size_t have = 0;

	r = ask(g, "qXfer:features:read:target.xml:0,ffb", part, sizeof(part));
	if (r)
		return r;
	do {
		snprintf(cmd, sizeof(cmd), "qXfer:features:read:i386-64bit.xml:%zx,ffb", have);
		r = ask(g, cmd, part, sizeof(part));
		if (r)
			return r;
		if (have + strlen(part) >= sizeof(xml))
			return VM_ERROR;
		if (*part) {
			memcpy(xml + have, part + 1, strlen(part));
			have += strlen(part) - 1;
		}
	} while (*part == 'm');

	g->k_gs = 0;
	end = strstr(xml, "<reg name=\"k_gs_base\"");
	if (!end)
		return VM_ERROR;
	for (p = strstr(xml, "<reg "); p && p < end; p = strstr(p + 1, "<reg "))
		g->k_gs++;
	return VM_OK;
}

static enum vm_result gdb_stop(struct vm *vm)
{
	struct gdb *g = to_gdb(vm);
	enum vm_result r = send_all(g, "\003", 1);
	char reply[256];

	do {
		if (!r)
			r = read_packet(g, reply, sizeof(reply), ANSWER_MS);
	} while (!r && *reply != 'T' && *reply != 'S');
	return r;
}

static enum vm_result gdb_run(struct vm *vm, unsigned int usec)
{
	struct gdb *g = to_gdb(vm);
	enum vm_result r = send_packet(g, "c");
	struct pollfd p = { .fd = g->fd, .events = POLLIN };
	char reply[256];

	if (r)
		return r;
	usleep(usec);
	while (g->used < g->have || poll(&p, 1, 0) > 0) {
		int c = next_byte(g, 0);

		if (c == -2)
			return VM_GONE;
		if (c == '$') {		/* it has stopped or ended by itself */
			g->used--;
			r = read_packet(g, reply, sizeof(reply), ANSWER_MS);
			return r ? r : send_packet(g, "c");
		}
	}
	return VM_OK;
}

static int hex_digit(int c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static size_t from_hex(const char *hex, char *to, size_t size)
{
	size_t n;

	for (n = 0; n < size && hex_digit(hex[2 * n]) >= 0 && hex_digit(hex[2 * n + 1]) >= 0; n++)
		to[n] = hex_digit(hex[2 * n]) << 4 | hex_digit(hex[2 * n + 1]);
	return n;
}

static enum vm_result monitor(struct gdb *g, const char *cmd, char *out, size_t size)
{
	char packet[512], reply[8192];
	enum vm_result r;
	size_t n = 0;
	int len;

	len = snprintf(packet, sizeof(packet), "qRcmd,");
	for (; *cmd && len < (int)sizeof(packet) - 3; cmd++)
		len += snprintf(packet + len, sizeof(packet) - len, "%02x", (unsigned char)*cmd);

	r = ask(g, packet, reply, sizeof(reply));
	while (!r && *reply == 'O' && strcmp(reply, "OK")) {
		n += from_hex(reply + 1, out + n, size - 1 - n);
		r = read_packet(g, reply, sizeof(reply), ANSWER_MS);
	}
	out[n] = '\0';
	if (!r && strcmp(reply, "OK"))
		return VM_ERROR;
	return r;
}

static enum vm_result read_kernel_gs(struct gdb *g, int cpu, __u64 *value)
{
	char cmd[32], reply[256];
	enum vm_result r;

	snprintf(cmd, sizeof(cmd), "Hg%x", cpu + 1);
	r = ask(g, cmd, reply, sizeof(reply));
	if (r)
		return r;
	snprintf(cmd, sizeof(cmd), "p%x", g->k_gs);
	r = ask(g, cmd, reply, sizeof(reply));
	if (r)
		return r;
	return from_hex(reply, (char *)value, 8) == 8 ? VM_OK : VM_ERROR;
}

static enum vm_result gdb_cpus(struct vm *vm, struct cpu_state *cpus, int *n, bool kernel_gs)
{
	static char text[MAX_CPUS * 8192];
	struct gdb *g = to_gdb(vm);
	enum vm_result r;
	int i;

	r = monitor(g, "info registers -a", text, sizeof(text));
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

/* Detach: a connection that is only closed would leave the guest stopped */
static void gdb_close(struct vm *vm)
{
	struct gdb *g = to_gdb(vm);
	char reply[256];

	if (g->fd < 0)
		return;
	ask(g, "D", reply, sizeof(reply));
	close(g->fd);
	g->fd = -1;
}

struct vm *gdb_open(const char *where)
{
	static const struct vm_ops ops = {
		.boot_usec = 50000,
		.stop = gdb_stop,
		.run = gdb_run,
		.cpus = gdb_cpus,
		.close = gdb_close,
	};
	static struct gdb g = { .vm.ops = &ops };
	char reply[256];

	g.fd = strchr(where, '/') ? connect_unix(where) : connect_tcp(where);
	if (g.fd < 0)
		return NULL;
	read_packet(&g, reply, sizeof(reply), 500);
	return number_registers(&g) ? NULL : &g.vm;
}
