/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel alone takes to give a VF to a pod and back: called as a CNI program by cniexec,
 * with a configuration that names deviceID and "vfmoves" (an address), it sends the fewest messages
 * that do it and prints "took WALL_NS CPU_NS" of those messages only.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <libmnl/libmnl.h>

#include "tool.h"

#define CONF_MAX 65536
#define MESSAGE_MAX 8192 /* of what is sent and answered here: a page would do */
#define NOTE "/run/vfmoves."

static char conf[CONF_MAX];

/* The string behind "KEY": of the configuration, whose form is the bench's own. */
static void conf_string(const char *key, char *ret, size_t size)
{
	char pattern[64], *at, *end;

	snprintf(pattern, sizeof(pattern), "\"%s\": \"", key);
	at = strstr(conf, pattern);
	if (!at)
		tool_die("no %s in the configuration", key);
	at += strlen(pattern);
	end = strchr(at, '"');
	if (!end || (size_t)(end - at) >= size)
		tool_die("%s is too long", key);
	memcpy(ret, at, (size_t)(end - at));
	ret[end - at] = '\0';
}

static void vf_netdev(const char *pci, char ret[IFNAMSIZ])
{
	char path[128];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net", pci);
	dir = opendir(path);
	while (dir && (e = readdir(dir)) && e->d_name[0] == '.')
		;
	if (!dir || !e)
		tool_die("%s has no network device here", pci);
	snprintf(ret, IFNAMSIZ, "%.15s", e->d_name);
	closedir(dir);
}

static uint64_t cpu_now_ns(void)
{
	struct rusage ru;

	(void)getrusage(RUSAGE_SELF, &ru); /* cannot fail with these arguments */
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * TOOL_NS_PER_S +
	       (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000;
}

static struct mnl_socket *route_socket(void)
{
	struct mnl_socket *nl = mnl_socket_open(NETLINK_ROUTE);

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
		tool_die("open netlink socket: %s", strerror(errno));
	return nl;
}

/* A socket of the namespace at path, which the process then leaves again. */
static struct mnl_socket *route_socket_in(int netns, int home)
{
	struct mnl_socket *nl;

	if (setns(netns, CLONE_NEWNET))
		tool_die("enter the namespace: %s", strerror(errno));
	nl = route_socket();
	if (setns(home, CLONE_NEWNET))
		tool_die("leave the namespace: %s", strerror(errno));
	return nl;
}

static void talk(struct mnl_socket *nl, struct nlmsghdr *nlh, const char *what)
{
	char buf[MESSAGE_MAX];
	ssize_t n;

	nlh->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		tool_die("%s: %s", what, strerror(errno));
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0 || mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		tool_die("%s: %s", what, strerror(errno));
}

/* One message: to the namespace, the name there, up or down. */
static void move(struct mnl_socket *nl, unsigned int index, int netns, const char *name, bool up)
{
	char buf[MESSAGE_MAX];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	nlh->nlmsg_type = RTM_NEWLINK;
	ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifi));
	ifi->ifi_index = (int)index;
	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	mnl_attr_put_u32(nlh, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	talk(nl, nlh, "move the VF");
}

static void add_address(struct mnl_socket *nl, unsigned int index, struct in_addr ip)
{
	char buf[MESSAGE_MAX];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifaddrmsg *ifa;

	nlh->nlmsg_type = RTM_NEWADDR;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = 24;
	ifa->ifa_index = index;
	mnl_attr_put_u32(nlh, IFA_LOCAL, ip.s_addr);
	mnl_attr_put_u32(nlh, IFA_ADDRESS, ip.s_addr);
	talk(nl, nlh, "add the address");
}

/* Where DEL finds what ADD saw: index and name in the host. */
static void note(const char *id, const char *mode, unsigned int *index, char name[IFNAMSIZ])
{
	char path[256];
	FILE *f;
	bool done;

	snprintf(path, sizeof(path), NOTE "%s", id);
	f = fopen(path, mode);
	done = f && (*mode == 'w' ? fprintf(f, "%u %s\n", *index, name) > 0
				  : fscanf(f, "%u %15s", index, name) == 2);
	if (!done || fclose(f))
		tool_die("%s: cannot be used", path);
	if (*mode == 'r')
		(void)unlink(path); /* a stale one does no harm */
}

static void add(struct mnl_socket *host, struct mnl_socket *pod, int netns, const char *id)
{
	char pci[32], address[INET_ADDRSTRLEN], name[IFNAMSIZ];
	unsigned int index;
	struct in_addr ip;

	conf_string("deviceID", pci, sizeof(pci));
	conf_string("vfmoves", address, sizeof(address));
	vf_netdev(pci, name);
	index = if_nametoindex(name);
	if (!index || inet_pton(AF_INET, address, &ip) != 1)
		tool_die("no device %s or no address %s", name, address);
	note(id, "w", &index, name);

	uint64_t start = tool_now_ns(), cpu = cpu_now_ns();
	move(host, index, netns, "eth0", true);
	add_address(pod, index, ip);
	printf("took %llu %llu\n", (unsigned long long)(tool_now_ns() - start),
	       (unsigned long long)(cpu_now_ns() - cpu));
}

static void del(struct mnl_socket *pod, int home, const char *id)
{
	char name[IFNAMSIZ];
	unsigned int index;

	note(id, "r", &index, name);
	uint64_t start = tool_now_ns(), cpu = cpu_now_ns();
	move(pod, index, home, name, false);
	printf("took %llu %llu\n", (unsigned long long)(tool_now_ns() - start),
	       (unsigned long long)(cpu_now_ns() - cpu));
}

int main(void)
{
	const char *verb = getenv("CNI_COMMAND"), *path = getenv("CNI_NETNS"),
		   *id = getenv("CNI_CONTAINERID");
	int netns = path ? open(path, O_RDONLY | O_CLOEXEC) : -1,
	    home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct mnl_socket *host, *pod;

	if (!verb || !id || netns < 0 || home < 0)
		tool_die("called by cniexec only");
	if (!fread(conf, 1, sizeof(conf) - 1, stdin))
		tool_die("no configuration");
	host = route_socket();
	pod = route_socket_in(netns, home);
	if (strcmp(verb, "ADD") == 0)
		add(host, pod, netns, id);
	else
		del(pod, home, id);
	mnl_socket_close(host);
	mnl_socket_close(pod);
	return 0;
}
