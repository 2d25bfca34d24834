/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times CNI programs: each round makes a fresh network namespace per variant, in changing order,
 * and executes ADD and DEL (vfork and exec, as a runtime does), taking wall time and the CPU time
 * of the whole process tree. A program that answers "took WALL_NS CPU_NS" is taken at its word.
 * Prints the samples as JSON: {NAME: {"add": [ns], "del": [ns], "add_cpu": [ns], "del_cpu": [ns]}}.
 *
 *     cniexec -n ROUNDS NAME=PROGRAM:CONFIG:CNI_PATH [NAME=...]
 */
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool.h"

#define VARIANTS_MAX 8
#define ROUNDS_MAX 10000
#define ENV_MAX 512
#define NETNS_DIR "/run/netns"

struct variant {
	char *name, *program, *config, *path;
	uint64_t *add_ns, *del_ns, *add_cpu_ns, *del_cpu_ns;
};

static char *split(char **rest, char at)
{
	char *word = *rest, *end = word ? strchr(word, at) : NULL;

	if (end)
		*end++ = '\0';
	*rest = end;
	return word;
}

static void parse_variant(struct variant *v, char *arg, long rounds)
{
	v->name = split(&arg, '=');
	v->program = split(&arg, ':');
	v->config = split(&arg, ':');
	v->path = split(&arg, '\0');
	if (!v->path)
		tool_die("expected NAME=PROGRAM:CONFIG:CNI_PATH");
	v->add_ns = calloc((size_t)rounds, sizeof(uint64_t));
	v->del_ns = calloc((size_t)rounds, sizeof(uint64_t));
	v->add_cpu_ns = calloc((size_t)rounds, sizeof(uint64_t));
	v->del_cpu_ns = calloc((size_t)rounds, sizeof(uint64_t));
	if (!v->add_ns || !v->del_ns || !v->add_cpu_ns || !v->del_cpu_ns)
		tool_die("no memory");
}

static void make_netns(const char *path, int home)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

	if (fd < 0)
		tool_die("create %s: %s", path, strerror(errno));
	close(fd);
	if (unshare(CLONE_NEWNET) || mount("/proc/self/ns/net", path, NULL, MS_BIND, NULL) ||
	    setns(home, CLONE_NEWNET))
		tool_die("make network namespace %s: %s", path, strerror(errno));
}

static void remove_netns(const char *path)
{
	(void)umount2(path, MNT_DETACH); /* what stays is seen by the next round's O_EXCL */
	(void)unlink(path);
}

static uint64_t cpu_ns(const struct rusage *ru)
{
	return (uint64_t)(ru->ru_utime.tv_sec + ru->ru_stime.tv_sec) * TOOL_NS_PER_S +
	       (uint64_t)(ru->ru_utime.tv_usec + ru->ru_stime.tv_usec) * 1000;
}

static void child(const struct variant *v, char *const env[], int in, int out)
{
	char *argv[] = { v->program, NULL };

	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(125);
	execve(v->program, argv, env);
	_exit(125);
}

static void show_answer(int out)
{
	char text[4096];
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	fprintf(stderr, "%s\n", text);
}

/* What the program itself counted, of the part that it is about. */
static void take_own_figures(int out, uint64_t *wall_ns, uint64_t *cpu_ns)
{
	unsigned long long wall, cpu;
	char text[128];
	ssize_t n = pread(out, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "took %llu %llu", &wall, &cpu) != 2)
		return;
	*wall_ns = wall;
	*cpu_ns = cpu;
}

/* One verb; wall time to the end of the process. */
static uint64_t call(const struct variant *v, const char *verb, const char *cid, const char *netns,
		     uint64_t *ret_cpu_ns)
{
	char e[5][ENV_MAX];
	char *env[] = { e[0], e[1], e[2], e[3], e[4], (char *)"CNI_IFNAME=eth0", NULL };
	int in = open(v->config, O_RDONLY | O_CLOEXEC),
	    out = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	struct rusage ru;
	uint64_t start, took;
	int status;
	pid_t pid;

	if (in < 0 || out < 0)
		tool_die("open %s: %s", v->config, strerror(errno));
	snprintf(e[0], sizeof(e[0]), "CNI_COMMAND=%s", verb);
	snprintf(e[1], sizeof(e[1]), "CNI_CONTAINERID=%s", cid);
	snprintf(e[2], sizeof(e[2]), "CNI_NETNS=%s", netns);
	snprintf(e[3], sizeof(e[3]), "CNI_PATH=%s", v->path);
	snprintf(e[4], sizeof(e[4]), "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	start = tool_now_ns();
	pid = vfork();
	if (!pid)
		child(v, env, in, out);
	if (pid < 0 || wait4(pid, &status, 0, &ru) != pid)
		tool_die("execute %s: %s", v->program, strerror(errno));
	took = tool_now_ns() - start;
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		show_answer(out);
		tool_die("%s: %s %s failed (status %#x)", v->name, v->program, verb,
			 (unsigned int)status);
	}
	*ret_cpu_ns = cpu_ns(&ru);
	take_own_figures(out, &took, ret_cpu_ns);
	close(in);
	close(out);
	return took;
}

static void name_of(const struct variant *v, long round, char cid[64], char netns[128])
{
	snprintf(cid, 64, "%s-%ld", v->name, round);
	snprintf(netns, 128, NETNS_DIR "/%s", cid);
}

static void one(struct variant *v, long round, bool progress)
{
	char cid[64], netns[128];

	name_of(v, round, cid, netns);
	v->add_ns[round] = call(v, "ADD", cid, netns, &v->add_cpu_ns[round]);
	v->del_ns[round] = call(v, "DEL", cid, netns, &v->del_cpu_ns[round]);
	if (progress)
		fputc('.', stderr);
}

/*
 * All namespaces exist before the first call and go after the last: the kernel clears a dead one in
 * the background with the network's lock held, and the next variant's ADD would wait for it.
 */
static void each_netns(const struct variant *variants, int n, long rounds, int home, bool make)
{
	char cid[64], netns[128];

	for (long r = 0; r < rounds; r++) {
		for (int i = 0; i < n; i++) {
			name_of(&variants[i], r, cid, netns);
			if (make)
				make_netns(netns, home);
			else
				remove_netns(netns);
		}
	}
}

static void print_samples(const char *name, const uint64_t *ns, long n, const char *end)
{
	printf("\"%s\": [", name);
	for (long i = 0; i < n; i++)
		printf("%s%llu", i ? ", " : "", (unsigned long long)ns[i]);
	printf("]%s", end);
}

int main(int argc, char **argv)
{
	struct variant variants[VARIANTS_MAX] = { 0 };
	long rounds = 20;
	bool progress = false;
	int c, n, home;

	while ((c = getopt(argc, argv, "n:pc:")) != -1) {
		if (c == 'n')
			rounds = tool_number(optarg, 1, ROUNDS_MAX);
		else if (c == 'c')
			tool_pin((int)tool_number(optarg, 0, 1023));
		else if (c == 'p')
			progress = true;
		else
			tool_die(
				"usage: cniexec [-n ROUNDS] [-c CPU] [-p] NAME=PROGRAM:CONFIG:CNI_PATH...");
	}
	n = argc - optind;
	if (n < 1 || n > VARIANTS_MAX)
		tool_die("expected 1 to %d variants", VARIANTS_MAX);
	for (int i = 0; i < n; i++)
		parse_variant(&variants[i], argv[optind + i], rounds);
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0 || (mkdir(NETNS_DIR, 0755) && errno != EEXIST))
		tool_die("prepare %s: %s", NETNS_DIR, strerror(errno));
	each_netns(variants, n, rounds, home, true);
	for (long r = 0; r < rounds; r++)
		for (int i = 0; i < n; i++)
			one(&variants[r % 2 ? n - 1 - i : i], r, progress);
	each_netns(variants, n, rounds, home, false);
	printf("{");
	for (int i = 0; i < n; i++) {
		printf("%s\"%s\": {", i ? ", " : "", variants[i].name);
		print_samples("add", variants[i].add_ns, rounds, ", ");
		print_samples("del", variants[i].del_ns, rounds, ", ");
		print_samples("add_cpu", variants[i].add_cpu_ns, rounds, ", ");
		print_samples("del_cpu", variants[i].del_cpu_ns, rounds, "}");
	}
	printf("}\n");
	return 0;
}
