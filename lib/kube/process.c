/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process_*. Source: Prometheus, "Writing client libraries", standard and runtime collectors;
 * proc(5) for the fields of /proc/self/stat.
 */
#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <bw/buf.h>
#include <bw/io.h>

#include "process.h"

#define STAT_MAX 4096 /* bytes of /proc/self/stat */
#define STAT_FIELD_FIRST 3 /* the field behind the command's name, which may hold anything */
#define STAT_UTIME 14
#define STAT_STIME 15
#define STAT_STARTTIME 22
#define STAT_VSIZE 23
#define STAT_RSS 24

struct usage {
	double cpu_s;
	double start_s; /* since the boot */
	double vsize;
	double rss;
};

/* Field @n of the text behind the command's name. */
static uint64_t field(const char *text, unsigned int n)
{
	for (unsigned int i = STAT_FIELD_FIRST; i < n && text; i++) {
		text = strchr(text, ' ');
		text += text != NULL;
	}
	return text ? strtoull(text, NULL, 10) : 0;
}

static int read_usage(struct usage *ret)
{
	bw_autobuf struct bw_buf stat = { 0 };
	double hz = (double)sysconf(_SC_CLK_TCK);
	const char *at;

	if (bw_io_read_file("/proc/self/stat", STAT_MAX, &stat, NULL) < 0 || hz <= 0)
		return -EIO;
	at = strrchr(stat.data, ')');
	if (!at || !at[1])
		return -EIO;
	at += 2;
	ret->cpu_s = (double)(field(at, STAT_UTIME) + field(at, STAT_STIME)) / hz;
	ret->start_s = (double)field(at, STAT_STARTTIME) / hz;
	ret->vsize = (double)field(at, STAT_VSIZE);
	ret->rss = (double)field(at, STAT_RSS) * (double)sysconf(_SC_PAGESIZE);
	return 0;
}

/* When the machine was switched on, in seconds of the epoch; 0 = not known. */
static double boot_s(void)
{
	char line[256];
	FILE *f = fopen("/proc/stat", "re");
	double at = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "btime ", 6) == 0)
			at = strtod(line + 6, NULL);
	if (f)
		(void)fclose(f); /* it was only read, ignoring */
	return at;
}

static double open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	double n = -1; /* the directory's own */

	while (d && readdir(d))
		n++;
	if (d)
		(void)closedir(d); /* nothing can fail, ignoring */
	return n - 2; /* . and .. */
}

/* No limit is the largest number, as the collector of Go has it. */
static double limit_of(int resource)
{
	struct rlimit l;

	return getrlimit(resource, &l) < 0 ? -1 : (double)l.rlim_cur;
}

enum value {
	CPU,
	MAX_FDS,
	OPEN_FDS,
	RSS,
	START,
	VSIZE,
	MAX_VSIZE,
	VALUE_MAX_,
};

static const struct {
	const char *name;
	const char *type;
	const char *help;
} families[] = {
	[CPU] = { "process_cpu_seconds_total", "counter",
		  "Processor time, the program's own and the kernel's for it" },
	[MAX_FDS] = { "process_max_fds", "gauge", "How many files may be open" },
	[OPEN_FDS] = { "process_open_fds", "gauge", "Open files" },
	[RSS] = { "process_resident_memory_bytes", "gauge", "Resident memory" },
	[START] = { "process_start_time_seconds", "gauge", "The start, in seconds of the epoch" },
	[VSIZE] = { "process_virtual_memory_bytes", "gauge", "Virtual memory" },
	[MAX_VSIZE] = { "process_virtual_memory_max_bytes", "gauge",
			"How much virtual memory there may be" },
};
static_assert(BW_ARRAY_SIZE(families) == VALUE_MAX_, "a value without a name");

int bw_process_text(struct bw_buf *out)
{
	struct usage u = { -1, -1, -1, -1 };
	const double boot = boot_s();
	double v[VALUE_MAX_];
	int r = 0;

	(void)read_usage(&u); /* what is not known is left out, ignoring */
	v[CPU] = u.cpu_s;
	v[MAX_FDS] = limit_of(RLIMIT_NOFILE);
	v[OPEN_FDS] = open_fds();
	v[RSS] = u.rss;
	v[START] = boot > 0 && u.start_s >= 0 ? boot + u.start_s : -1;
	v[VSIZE] = u.vsize;
	v[MAX_VSIZE] = limit_of(RLIMIT_AS);
	for (int i = 0; r == 0 && i < VALUE_MAX_; i++)
		if (v[i] >= 0)
			r = bw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n",
					  families[i].name, families[i].help, families[i].name,
					  families[i].type, families[i].name, v[i]);
	return r;
}
