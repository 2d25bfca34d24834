/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line, one write. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bw/log.h>

#define LOG_LINE_MAX 2048
#define LOG_JSON_TAIL                                                                              \
	3 /* bytes kept for what ends a JSON line that was cut: quote, brace, newline */
#define LOG_JSON_ESCAPE 6 /* bytes of the longest escape */

/* The process's log: the one piece of global state the style allows. */
static struct {
	enum bw_log_level level;
	int fd;
	const char *cmd;
	const char *cid;
	const char *ifname;
	int json;
} log_state = { .level = BW_LOG_INFO, .fd = STDERR_FILENO };

static const char *const level_names[] = {
	[BW_LOG_ERROR] = "error",
	[BW_LOG_WARN] = "warn",
	[BW_LOG_INFO] = "info",
	[BW_LOG_DEBUG] = "debug",
};
static_assert(BW_ARRAY_SIZE(level_names) == BW_LOG_MAX_, "a level without a name");

void bw_log_setup(enum bw_log_level level, int fd, const char *cmd, const char *cid,
		  const char *ifname)
{
	log_state.level = level;
	log_state.fd = fd;
	log_state.cmd = cmd;
	log_state.cid = cid;
	log_state.ifname = ifname;
}

const char *bw_log_level_str(enum bw_log_level level)
{
	return (unsigned int)level < BW_LOG_MAX_ ? level_names[level] : "unknown";
}

int bw_log_level_parse(const char *s, enum bw_log_level *ret_level)
{
	/* Names that configurations of other plugins use. */
	if (strcmp(s, "warning") == 0)
		s = "warn";
	if (strcmp(s, "panic") == 0)
		s = "error";
	for (unsigned int i = 0; i < BW_LOG_MAX_; i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*ret_level = (enum bw_log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
};

/* Room for the newline is always kept; what does not fit is cut. */
static void put_char(struct line *l, char c)
{
	if (l->len < sizeof(l->text) - 1)
		l->text[l->len++] = c;
}

static void put_text(struct line *l, const char *s)
{
	while (*s)
		put_char(l, *s++);
}

static int needs_quotes(const char *s)
{
	if (!*s)
		return 1;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == '"' || *s == '=' || *s == '\\' || *s == 0x7f)
			return 1;
	return 0;
}

static void put_value(struct line *l, const char *s, int quote)
{
	if (!quote) {
		put_text(l, s);
		return;
	}
	put_char(l, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			put_char(l, '\\');
		put_char(l, (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s);
	}
	put_char(l, '"');
}

void bw_log_json(int on)
{
	log_state.json = on;
}

/* A string of a JSON line, cut where the line is full; escapes are never cut. */
static void put_json(struct line *l, const char *s)
{
	put_char(l, '"');
	for (; *s && l->len + LOG_JSON_ESCAPE + LOG_JSON_TAIL < sizeof(l->text); s++) {
		if (*s == '"' || *s == '\\')
			put_char(l, '\\');
		put_char(l, (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s);
	}
	/* Half a character of UTF-8 would make the line no JSON. */
	if ((*s & 0xc0) == 0x80) {
		while ((l->text[l->len - 1] & 0xc0) == 0x80)
			l->len--;
		l->len--;
	}
	put_char(l, '"');
}

static void put_json_pair(struct line *l, const char *key, const char *value)
{
	/* A pair that has no room with a few characters of its value is left out. */
	if (l->len + strlen(key) + 4UL * LOG_JSON_ESCAPE + LOG_JSON_TAIL > sizeof(l->text))
		return;
	put_char(l, l->len ? ',' : '{');
	put_json(l, key);
	put_char(l, ':');
	put_json(l, value ? value : "-");
}

static void put_pair(struct line *l, const char *key, const char *value)
{
	if (log_state.json) {
		put_json_pair(l, key, value);
		return;
	}
	if (l->len)
		put_char(l, ' ');
	put_text(l, key);
	put_char(l, '=');
	if (!value)
		value = "-";
	put_value(l, value, needs_quotes(value));
}

#define DAY_S 86400
#define DAYS_400_YEARS 146097 /* the Gregorian calendar repeats */
#define DAYS_TO_MARCH_0000 719468 /* from 0000-03-01 to 1970-01-01 */

/* Year, month and day of a day since the epoch; years begin in March, so the leap day is last. */
static void civil(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
	int64_t z = days + DAYS_TO_MARCH_0000;
	int64_t of_era = z % DAYS_400_YEARS;
	int64_t yoe = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = yoe + z / DAYS_400_YEARS * 400 + (*month <= 2);
}

/* Without gmtime_r(3): it reads the time zone, seven system calls for a line in UTC. */
static void put_time(struct line *l)
{
	struct timespec ts = { 0 };
	int64_t year, month, day, s;
	char text[40];

	(void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail, ignoring */
	civil(ts.tv_sec / DAY_S, &year, &month, &day);
	s = ts.tv_sec % DAY_S;
	/* always fits, ignoring */
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", (int)year,
		       (int)month, (int)day, (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60),
		       (int)(ts.tv_nsec / 1000000));
	put_pair(l, "ts", text);
}

void bw_log_kv(enum bw_log_level level, const char *msg, ...)
{
	struct line l = { .len = 0 };
	const char *key;
	va_list ap;

	if (level > log_state.level)
		return;
	put_time(&l);
	put_pair(&l, log_state.json ? "level" : "lvl", bw_log_level_str(level));
	/* Of a JSON line the end may be cut: the sentence comes first. */
	if (log_state.json)
		put_pair(&l, "msg", msg);
	if (log_state.cmd)
		put_pair(&l, "cmd", log_state.cmd);
	if (log_state.cid)
		put_pair(&l, "cid", log_state.cid);
	if (log_state.ifname)
		put_pair(&l, "if", log_state.ifname);
	va_start(ap, msg);
	while ((key = va_arg(ap, const char *)))
		put_pair(&l, key, va_arg(ap, const char *));
	va_end(ap);
	if (log_state.json) {
		l.text[l.len++] = '}';
	} else {
		put_char(&l, ' ');
		put_text(&l, "msg=");
		put_value(&l, msg, 1);
	}
	l.text[l.len++] = '\n';
	if (write(log_state.fd, l.text, l.len) < 0)
		return; /* a log that cannot be written has nowhere to be reported */
}
