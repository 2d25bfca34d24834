/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One write per line on stderr (or a file): ts= lvl= cmd= cid= if= key=value... msg="...".
 * stdout belongs to the CNI result. No secrets, no pointers.
 */
#pragma once

#include <bw/defs.h>

enum bw_log_level {
	BW_LOG_ERROR,
	BW_LOG_WARN,
	BW_LOG_INFO,
	BW_LOG_DEBUG,
	BW_LOG_MAX_,
};

/**
 * bw_log_setup() - set level, target and the fields every line carries
 * @level: lines above it are dropped
 * @fd: where lines go, borrowed for the process's life; 2 by default
 * @cmd: CNI verb or sub-command, static or living as long as the process; NULL = left out
 * @cid: container ID, likewise
 * @ifname: interface, likewise
 */
void bw_log_setup(enum bw_log_level level, int fd, const char *cmd, const char *cid,
		  const char *ifname);

/* Lines become JSON objects (ts, level, msg, ...), for programs whose log is collected. */
void bw_log_json(int on);

/**
 * bw_log_level_parse() - read a level's name
 * @s: error (panic), warn (warning), info or debug
 * @ret_level: untouched on failure
 *
 * Return: 0; -EINVAL for any other text.
 */
int bw_log_level_parse(const char *s, enum bw_log_level *ret_level);

/* Name of a level; "unknown" outside the enum. */
const char *bw_log_level_str(enum bw_log_level level);

/**
 * bw_log_kv() - write one line
 * @level: dropped when above the level set
 * @msg: the sentence, lower case, no period
 * @...: pairs of const char * key and value, ended by NULL; a NULL value prints as "-"
 */
void bw_log_kv(enum bw_log_level level, const char *msg, ...) __attribute__((sentinel));

#define bw_log_error(msg, ...) bw_log_kv(BW_LOG_ERROR, msg, ##__VA_ARGS__, NULL)
#define bw_log_warn(msg, ...) bw_log_kv(BW_LOG_WARN, msg, ##__VA_ARGS__, NULL)
#define bw_log_info(msg, ...) bw_log_kv(BW_LOG_INFO, msg, ##__VA_ARGS__, NULL)
#define bw_log_debug(msg, ...) bw_log_kv(BW_LOG_DEBUG, msg, ##__VA_ARGS__, NULL)
