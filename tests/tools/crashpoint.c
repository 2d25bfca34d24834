/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a command under ptrace and counts the system calls of its whole process tree. With -k N the
 * tree is killed by SIGKILL before the N-th call is made; with -k N -e ERRNO that call fails
 * instead and the command goes on; without, the calls are sorted into process start (before main),
 * SQLite's own, and the rest, and printed as JSON. -s counts only calls that change something
 * outside the process. Exit: 137 killed at N; 0 ran to its end (its own exit code is in the JSON);
 * 124 timeout.
 */
#include <elf.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "calls.h"
#include "spoil.h"
#include "tool.h"

#define PROC_MAX 64
#define FD_MAX 1024
#define MAPS_MAX 64
#define CALLS_MAX 200000L
#define PATH_LEN 256
#define JOURNAL_NAME "journal.db"
#define ERRNO_MAX 4095L /* MAX_ERRNO of linux/err.h */

enum class { CLASS_START, CLASS_SQLITE, CLASS_REST, CLASS_MAX };

static const char *const class_names[CLASS_MAX] = { "start", "sqlite", "rest" };

static const char *const syscall_names[] = {
#include "syscalls.inc"
};

#define SYSCALLS_N (sizeof(syscall_names) / sizeof(syscall_names[0]))

/* One traced process. Threads are not told apart: the programs under test have none. */
struct proc {
	pid_t pid;
	bool started; /* main was reached, or cannot be known */
	bool sqlite_fd[FD_MAX];
	uint64_t sqlite_map[MAPS_MAX];
	bool pending_fd; /* SQLite's openat is under way */
	bool pending_map;
	bool pending_fail; /* the call under way was replaced by none */
	uint64_t main_addr; /* breakpoint; 0 = none */
	long main_word;
};

struct run {
	long kill_at;
	bool list;
	bool main_only; /* count from main on */
	bool state_only; /* count what changes something outside the process */
	long fail_with; /* errno of the N-th call; 0 = kill instead */
	int spoil; /* attribute of a device's move that gets a value the kernel refuses; 0 = none */
	bool spoilt;
	bool failed; /* that call was reached ... */
	uint64_t failed_nr; /* ... and was this one */
	const char *input, *output;
	int timeout_s;
	pid_t root;
	int root_status;
	long total;
	long by_class[CLASS_MAX];
	long by_name[CLASS_MAX][SYSCALLS_N];
	int processes;
	char journal_dir[PATH_LEN];
	struct proc procs[PROC_MAX];
};

static struct run run; /* the only state; a signal handler reads root */

static const char *call_name(uint64_t nr)
{
	return nr < SYSCALLS_N && syscall_names[nr] ? syscall_names[nr] : "?";
}

static struct proc *proc_of(pid_t pid)
{
	struct proc *free_slot = NULL;

	for (size_t i = 0; i < PROC_MAX; i++) {
		if (run.procs[i].pid == pid)
			return &run.procs[i];
		if (!free_slot && !run.procs[i].pid)
			free_slot = &run.procs[i];
	}
	if (!free_slot)
		tool_die("more than %d processes", PROC_MAX);
	memset(free_slot, 0, sizeof(*free_slot));
	free_slot->pid = pid;
	free_slot->started = true; /* a fork runs its parent's main; exec resets it */
	run.processes++;
	return free_slot;
}

static void kill_tree(void)
{
	for (size_t i = 0; i < PROC_MAX; i++)
		if (run.procs[i].pid)
			(void)kill(run.procs[i].pid, SIGKILL); /* gone already is as good */
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
}

static void read_path(pid_t pid, uint64_t addr, char path[PATH_LEN])
{
	size_t done = 0;

	path[0] = '\0';
	/* Not across a page at once: the next one may not be mapped. */
	while (done < PATH_LEN - 1) {
		size_t room = 4096 - ((addr + done) & 4095);
		struct iovec to = { path + done,
				    room < PATH_LEN - 1 - done ? room : PATH_LEN - 1 - done };
		struct iovec from = { (void *)(uintptr_t)(addr + done), to.iov_len };
		ssize_t n = process_vm_readv(pid, &to, 1, &from, 1, 0);

		if (n <= 0)
			break;
		if (memchr(to.iov_base, '\0', (size_t)n))
			return;
		done += (size_t)n;
	}
	path[done] = '\0';
}

static bool opens(uint64_t nr)
{
	return nr == __NR_open || nr == __NR_openat;
}

/* True for a path of the journal's files; its folder is remembered, which SQLite syncs too. */
static bool note_journal(const char *path)
{
	const char *at = strstr(path, JOURNAL_NAME);

	if (!at)
		return false;
	if (!run.journal_dir[0] && at > path + 1)
		memcpy(run.journal_dir, path, (size_t)(at - path) - 1);
	return true;
}

/* lstat() or readlink(), by whatever call. */
static bool looks_at_link(const struct __ptrace_syscall_info *info)
{
	uint64_t nr = info->entry.nr;

	return nr == __NR_lstat || nr == __NR_readlink ||
	       (nr == __NR_newfstatat && info->entry.args[3] & AT_SYMLINK_NOFOLLOW);
}

/*
 * SQLite's own: calls on the journal's files and their paths, the walk over the path's folders when
 * it opens one (lstat or readlink of each), its seed, and getpid and geteuid, which nothing else
 * here calls.
 */
static bool is_sqlite(struct proc *p, const struct __ptrace_syscall_info *info, const char *path)
{
	uint64_t nr = info->entry.nr, a0 = info->entry.args[0];

	if (nr == __NR_getpid || nr == __NR_geteuid)
		return true;
	if (path[0]) {
		bool own = note_journal(path) || !strcmp(path, "/dev/urandom") ||
			   (run.journal_dir[0] && !strcmp(path, run.journal_dir));

		if (opens(nr))
			p->pending_fd = own;
		return opens(nr) ? own : own || looks_at_link(info);
	}
	if (nr == __NR_mmap) {
		uint64_t fd = info->entry.args[4];

		p->pending_map = fd < FD_MAX && p->sqlite_fd[fd];
		return p->pending_map;
	}
	if (nr == __NR_munmap) {
		for (size_t i = 0; i < MAPS_MAX; i++)
			if (a0 && p->sqlite_map[i] == a0)
				return true;
		return false;
	}
	if (!takes_file(nr) || a0 >= FD_MAX || !p->sqlite_fd[a0])
		return false;
	if (nr == __NR_close)
		p->sqlite_fd[a0] = false;
	return true;
}

/* The call under way becomes none; on_exit_of_call() gives it its error. */
static void fail_call(struct proc *p, uint64_t nr)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, p->pid, NULL, &regs))
		tool_die("read registers: %s", strerror(errno));
	regs.orig_rax = (unsigned long long)-1;
	if (ptrace(PTRACE_SETREGS, p->pid, NULL, &regs))
		tool_die("write registers: %s", strerror(errno));
	p->pending_fail = true;
	run.failed = true;
	run.failed_nr = nr;
}

/* True when the tree was killed here. */
static bool at_point(struct proc *p, uint64_t nr)
{
	if (run.total != run.kill_at)
		return false;
	if (run.fail_with) {
		fail_call(p, nr);
		return false;
	}
	printf("{\"killed\": %ld, \"call\": \"%s\"}\n", run.total, call_name(nr));
	kill_tree();
	return true;
}

/* True when the tree was killed here. */
static bool on_entry(struct proc *p, const struct __ptrace_syscall_info *info)
{
	char path[PATH_LEN] = "";
	uint64_t nr = info->entry.nr;
	enum class class = CLASS_REST;
	int arg = path_arg(nr);

	if (run.spoil && !run.spoilt && nr == __NR_sendmsg)
		run.spoilt = spoil_msghdr(p->pid, info->entry.args[1], run.spoil);
	if ((run.main_only && !p->started) || (run.state_only && !changes_state(info)))
		return false;
	run.total++;
	if (run.kill_at)
		return at_point(p, nr);
	if (arg)
		read_path(p->pid, info->entry.args[arg - 1], path);
	if (!p->started)
		class = CLASS_START;
	else if (is_sqlite(p, info, path))
		class = CLASS_SQLITE;
	run.by_class[class]++;
	if (nr < SYSCALLS_N)
		run.by_name[class][nr]++;
	if (run.list)
		fprintf(stderr, "%5ld %d %-6s %s(%#lx, %#lx, %#lx) %s\n", run.total, (int)p->pid,
			class_names[class], call_name(nr), info->entry.args[0], info->entry.args[1],
			info->entry.args[2], path);
	return false;
}

static void give_error(struct proc *p)
{
	struct user_regs_struct regs;

	p->pending_fail = false;
	if (ptrace(PTRACE_GETREGS, p->pid, NULL, &regs))
		tool_die("read registers: %s", strerror(errno));
	regs.rax = (unsigned long long)-run.fail_with;
	if (ptrace(PTRACE_SETREGS, p->pid, NULL, &regs))
		tool_die("write registers: %s", strerror(errno));
}

static void on_exit_of_call(struct proc *p, const struct __ptrace_syscall_info *info)
{
	if (p->pending_fail)
		give_error(p);
	if (p->pending_fd && !info->exit.is_error && info->exit.rval >= 0 &&
	    info->exit.rval < FD_MAX)
		p->sqlite_fd[info->exit.rval] = true;
	p->pending_fd = false;
	if (p->pending_map && !info->exit.is_error)
		for (size_t i = 0; i < MAPS_MAX; i++)
			if (!p->sqlite_map[i]) {
				p->sqlite_map[i] = (uint64_t)info->exit.rval;
				break;
			}
	p->pending_map = false;
}

/* Finds a symbol's value in an ELF file mapped at @image; 0 = not there. */
static uint64_t elf_symbol(const unsigned char *image, size_t size, const char *wanted,
			   uint64_t *ret_entry)
{
	const Elf64_Ehdr *eh = (const void *)image;
	const Elf64_Shdr *sh;

	if (size < sizeof(*eh) || memcmp(image, ELFMAG, SELFMAG) ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64)
		return 0;
	*ret_entry = eh->e_entry;
	if (eh->e_shoff > size || eh->e_shnum > (size - eh->e_shoff) / sizeof(*sh))
		return 0;
	sh = (const void *)(image + eh->e_shoff);
	for (unsigned int i = 0; i < eh->e_shnum; i++) {
		const Elf64_Sym *sym = (const void *)(image + sh[i].sh_offset);
		const char *names;

		if (sh[i].sh_type != SHT_SYMTAB || sh[i].sh_link >= eh->e_shnum)
			continue;
		names = (const char *)image + sh[sh[i].sh_link].sh_offset;
		for (size_t k = 0; k < sh[i].sh_size / sizeof(*sym); k++)
			if (!strcmp(names + sym[k].st_name, wanted))
				return sym[k].st_value;
	}
	return 0;
}

/* Where main is in the process: the file's value moved by what AT_ENTRY moved. */
static uint64_t find_main(pid_t pid)
{
	char name[64];
	uint64_t entry = 0, value = 0, aux[2];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/exe", (int)pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (!fstat(fd, &st) && st.st_size > 0) {
		void *image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (image != MAP_FAILED) {
			value = elf_symbol(image, (size_t)st.st_size, "main", &entry);
			munmap(image, (size_t)st.st_size);
		}
	}
	close(fd);
	snprintf(name, sizeof(name), "/proc/%d/auxv", (int)pid);
	fd = value ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return 0;
	while (read(fd, aux, sizeof(aux)) == sizeof(aux))
		if (aux[0] == AT_ENTRY) {
			close(fd);
			return value + (aux[1] - entry);
		}
	close(fd);
	return 0;
}

/* After an exec: a breakpoint on main ends the process start. */
static void on_exec(struct proc *p)
{
	memset(p->sqlite_fd, 0, sizeof(p->sqlite_fd));
	memset(p->sqlite_map, 0, sizeof(p->sqlite_map));
	p->started = true;
	p->main_addr = run.kill_at && !run.main_only ? 0 : find_main(p->pid);
	if (!p->main_addr)
		return;
	errno = 0;
	p->main_word = ptrace(PTRACE_PEEKTEXT, p->pid, (void *)(uintptr_t)p->main_addr, NULL);
	if (errno || ptrace(PTRACE_POKETEXT, p->pid, (void *)(uintptr_t)p->main_addr,
			    (void *)((p->main_word & ~0xffL) | 0xcc)))
		tool_die("set a breakpoint on main: %s", strerror(errno));
	p->started = false;
}

/* True when the trap was ours. */
static bool on_breakpoint(struct proc *p)
{
	struct user_regs_struct regs;

	if (!p->main_addr || ptrace(PTRACE_GETREGS, p->pid, NULL, &regs) ||
	    regs.rip != p->main_addr + 1)
		return false;
	regs.rip = p->main_addr;
	(void)ptrace(PTRACE_POKETEXT, p->pid, (void *)(uintptr_t)p->main_addr,
		     (void *)p->main_word);
	(void)ptrace(PTRACE_SETREGS, p->pid, NULL, &regs);
	p->main_addr = 0;
	p->started = true;
	return true;
}

/* One stop of one process. True when the tree was killed. */
static bool on_stop(struct proc *p, int status)
{
	struct __ptrace_syscall_info info;
	int sig = WSTOPSIG(status), event = status >> 16;
	long deliver = 0;

	if (sig == (SIGTRAP | 0x80)) {
		if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, (void *)sizeof(info), &info) > 0) {
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY && on_entry(p, &info))
				return true;
			if (info.op == PTRACE_SYSCALL_INFO_EXIT)
				on_exit_of_call(p, &info);
		}
	} else if (event == PTRACE_EVENT_EXEC) {
		on_exec(p);
	} else if (event || sig == SIGSTOP) {
		deliver = 0; /* a fork's event, or a new process's first stop */
	} else if (sig != SIGTRAP || !on_breakpoint(p)) {
		deliver = sig;
	}
	(void)ptrace(PTRACE_SYSCALL, p->pid, NULL, (void *)deliver); /* it may be dead by now */
	return false;
}

static bool trace(void)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return false;
		if (WIFSTOPPED(status)) {
			if (on_stop(proc_of(pid), status))
				return true;
			continue;
		}
		if (pid == run.root)
			run.root_status = status;
		proc_of(pid)->pid = 0;
	}
}

static void redirect(const char *path, int flags, int to)
{
	int fd;

	if (!path)
		return;
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, to) < 0)
		tool_die("open %s: %s", path, strerror(errno));
}

static void start(char **argv)
{
	int status;

	run.root = fork();
	if (run.root < 0)
		tool_die("fork: %s", strerror(errno));
	if (!run.root) {
		redirect(run.input ? run.input : "/dev/null", O_RDONLY, 0);
		redirect(run.output ? run.output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 1);
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			tool_die("trace: %s", strerror(errno));
		(void)raise(SIGSTOP);
		execvp(argv[0], argv);
		tool_die("execute %s: %s", argv[0], strerror(errno));
	}
	if (waitpid(run.root, &status, __WALL) != run.root || !WIFSTOPPED(status))
		tool_die("%s did not start", argv[0]);
	proc_of(run.root)->started = true;
	if (ptrace(PTRACE_SETOPTIONS, run.root, NULL,
		   (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
			    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)))
		tool_die("set trace options: %s", strerror(errno));
}

/* Up to the exec itself nothing of the command runs: those calls are the driver's own. */
static void skip_to_exec(void)
{
	int status;

	for (;;) {
		(void)ptrace(PTRACE_CONT, run.root, NULL, NULL);
		if (waitpid(run.root, &status, __WALL) != run.root || !WIFSTOPPED(status))
			tool_die("the command did not execute");
		if (status >> 16 == PTRACE_EVENT_EXEC)
			break;
	}
	on_exec(proc_of(run.root));
	(void)ptrace(PTRACE_SYSCALL, run.root, NULL, NULL);
}

static void print_counts(void)
{
	printf("{\"total\": %ld, \"processes\": %d, \"exit\": %d", run.total, run.processes,
	       WIFEXITED(run.root_status) ? WEXITSTATUS(run.root_status)
					  : 128 + WTERMSIG(run.root_status));
	for (int c = 0; c < CLASS_MAX; c++)
		printf(", \"%s\": %ld", class_names[c], run.by_class[c]);
	printf(", \"names\": {");
	for (int c = 0; c < CLASS_MAX; c++) {
		const char *sep = "";

		printf("%s\"%s\": {", c ? ", " : "", class_names[c]);
		for (size_t i = 0; i < SYSCALLS_N; i++) {
			if (!run.by_name[c][i])
				continue;
			printf("%s\"%s\": %ld", sep, call_name(i), run.by_name[c][i]);
			sep = ", ";
		}
		printf("}");
	}
	printf("}}\n");
}

static void on_timeout(int sig)
{
	static const char text[] = "crashpoint: timeout\n";

	(void)sig;
	(void)!write(2, text, sizeof(text) - 1);
	for (size_t i = 0; i < PROC_MAX; i++)
		if (run.procs[i].pid > 0)
			kill(run.procs[i].pid, SIGKILL);
	_exit(124);
}

static void print_end(void)
{
	int code = WIFEXITED(run.root_status) ? WEXITSTATUS(run.root_status)
					      : 128 + WTERMSIG(run.root_status);

	if (run.spoil)
		printf("{\"killed\": 0, \"spoilt\": %s, \"exit\": %d}\n",
		       run.spoilt ? "true" : "false", code);
	else if (!run.kill_at)
		print_counts();
	else if (run.failed)
		printf("{\"killed\": 0, \"failed\": %ld, \"call\": \"%s\", \"exit\": %d}\n",
		       run.kill_at, call_name(run.failed_nr), code);
	else
		printf("{\"killed\": 0, \"total\": %ld, \"exit\": %d}\n", run.total, code);
}

static void usage(void)
{
	tool_die(
		"usage: crashpoint [-k N [-e ERRNO] | -x ATTRIBUTE] [-m] [-s] [-l] [-i STDIN] [-o STDOUT] [-t SECONDS] -- COMMAND...\n"
		"  -k N  SIGKILL before the N-th system call; without it count and classify\n"
		"  -e E  the N-th call fails with that errno instead\n"
		"  -x A  the first message that moves a device gets an IFLA_ADDRESS (1) or IFLA_MTU (4)\n"
		"        that the kernel refuses\n"
		"  -m    count from main on, not from the process's start\n"
		"  -s    count only calls that change something outside the process\n"
		"  -l    list every call on stderr");
}

int main(int argc, char **argv)
{
	int c;

	run.timeout_s = 60;
	while ((c = getopt(argc, argv, "+k:e:x:msli:o:t:")) != -1) {
		switch (c) {
		case 'k':
			run.kill_at = tool_number(optarg, 1, CALLS_MAX);
			break;
		case 'e':
			run.fail_with = tool_number(optarg, 1, ERRNO_MAX);
			break;
		case 'x':
			run.spoil = (int)tool_number(optarg, IFLA_ADDRESS, IFLA_MTU);
			break;
		case 'm':
			run.main_only = true;
			break;
		case 's':
			run.state_only = true;
			break;
		case 'l':
			run.list = true;
			break;
		case 'i':
			run.input = optarg;
			break;
		case 'o':
			run.output = optarg;
			break;
		case 't':
			run.timeout_s = (int)tool_number(optarg, 1, 3600);
			break;
		default:
			usage();
		}
	}
	if (optind >= argc)
		usage();
	start(argv + optind);
	(void)signal(SIGALRM, on_timeout);
	(void)alarm((unsigned int)run.timeout_s);
	skip_to_exec();
	if (trace())
		return 137;
	print_end();
	return 0;
}
