/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of ipam/: a folder of its own, requests from text, one-line ADD and DEL. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include <bw/cni_request.h>
#include <bw/cni_result.h>
#include <bw/err.h>
#include <bw/ipam.h>
#include <bw/journal.h>

#define BOOT_A "00000000-0000-4000-8000-00000000000a"
#define BOOT_B "00000000-0000-4000-8000-00000000000b"

/* Below TMPDIR: make test-unit names one in memory, where thousands of syncs cost nothing. */
static inline int make_dir(void **state)
{
	const char *parent = getenv("TMPDIR");
	char *dir = NULL;

	if (asprintf(&dir, "%s/bw-ipam-XXXXXX", parent ? parent : "/tmp") < 0)
		return -1;
	*state = mkdtemp(dir);
	if (!*state)
		free(dir);
	return *state ? 0 : -1;
}

static inline int drop_dir(void **state)
{
	static const char *const names[] = { "journal.db", "journal.db-wal", "journal.db-shm",
					     "journal.db.new", "resolv.conf" };
	char path[256];

	for (size_t i = 0; i < BW_ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", (char *)*state, names[i]);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "rm -rf '%s'", (char *)*state);
	(void)!system(path);
	free(*state);
	return 0;
}

/*
 * Makes the journal one that a program of minor version 0 made: before it knew VFs
 * and claims.
 */
static inline void make_old(const char *dir)
{
	static const char sql[] = "DROP TABLE vf_hold; DROP TABLE claim_token;"
				  "DROP INDEX attachment_claim; DROP INDEX claim_cache_name;"
				  "ALTER TABLE outbox DROP COLUMN sending;"
				  "ALTER TABLE outbox DROP COLUMN since_s;"
				  "ALTER TABLE claim_cache DROP COLUMN namespace;"
				  "ALTER TABLE claim_cache DROP COLUMN name;"
				  "ALTER TABLE claim_cache DROP COLUMN boot_id;"
				  "ALTER TABLE claim_cache DROP COLUMN stale;"
				  "ALTER TABLE claim_cache DROP COLUMN put_ns;"
				  "REPLACE INTO meta(key, value) VALUES('schema', '1.0');"
				  "PRAGMA user_version=1651966208"; /* 0x62770100 */
	sqlite3 *db = NULL;
	char path[256];
	int one = 1;

	(void)snprintf(path, sizeof(path), "%s/journal.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &one);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

/* A VF as c1's eth0 would hold it. Freed by the caller. */
static inline struct bw_vf_hold *new_hold(const char *pci, const char *cid)
{
	struct bw_vf_hold *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	(void)snprintf(h->pci, sizeof(h->pci), "%s", pci);
	(void)snprintf(h->container_id, sizeof(h->container_id), "%s", cid);
	strcpy(h->ifname, "eth0");
	strcpy(h->network, "n1");
	strcpy(h->boot_id, BOOT_A);
	strcpy(h->netns, "/run/netns/p1");
	h->netns_id = 0xfedcba9876543210U;
	strcpy(h->pf, "0000:01:00.0");
	h->vf = 3;
	(void)snprintf(h->record, sizeof(h->record), "{\"of\":\"%s\"}", cid);
	return h;
}

/* The network n1 with @ipam's members (after "type" and "dataDir") and @more at top level. */
static inline struct bw_cni_request *request(const char *dir, enum bw_cni_verb verb,
					     const char *cid, const char *ipam, const char *more,
					     const char *args)
{
	struct bw_cni_env env = { .container_id = cid,
				  .netns = "/proc/self/ns/net",
				  .ifname = "eth0",
				  .args = args,
				  .path = "/none",
				  .netns_override = 1 };
	struct bw_cni_request *req = NULL;
	struct bw_err err = { 0 };
	char *text = NULL;

	assert_true(asprintf(&text,
			     "{\"cniVersion\":\"1.1.0\",\"name\":\"n1\",\"type\":\"x\","
			     "\"ipam\":{\"type\":\"barewire-ipam\",\"dataDir\":\"%s\"%s%s}%s%s}",
			     dir, *ipam ? "," : "", ipam, *more ? "," : "", more) > 0);
	if (bw_cni_request_new(&env, verb, text, strlen(text), NULL, &req, &err) < 0)
		fail_msg("request: %s", err.msg);
	free(text);
	return req;
}

/* What one call did: return, error, addresses as "10.1.0.2/24 fd00::2/64". */
struct outcome {
	int r;
	struct bw_err err;
	char ips[1024];
	char gws[1024];
};

struct call {
	const char *dir;
	const char *cid;
	const char *ipam; /* members of ipam */
	const char *more; /* members at top level */
	const char *args; /* CNI_ARGS */
	const char *netns; /* recorded path; NULL = our own */
	uint64_t cookie; /* recorded identity; 0 = none */
	const char *boot; /* NULL = BOOT_A */
	int adding; /* leave the row Adding */
	bw_ipam_finish_fn finish;
	void *arg;
};

static inline void print_ips(const struct bw_cni_result *res, struct outcome *out)
{
	for (size_t i = 0; i < res->n_ips; i++) {
		char s[BW_PREFIX_STR_MAX];

		if (i) {
			strcat(out->ips, " ");
			strcat(out->gws, " ");
		}
		strcat(out->ips, bw_prefix_str(&res->ips[i].address, s));
		strcat(out->gws, bw_ip_str(&res->ips[i].gateway, s));
	}
}

static inline void fill_who(const struct call *c, const struct bw_cni_request *req,
			    struct bw_attachment *who)
{
	struct bw_err err = { 0 };

	assert_int_equal(bw_ipam_who(req, "test", who, &err), 0);
	(void)snprintf(who->boot_id, sizeof(who->boot_id), "%s", c->boot ? c->boot : BOOT_A);
	(void)snprintf(who->netns, sizeof(who->netns), "%s",
		       c->netns ? c->netns : "/proc/self/ns/net");
	who->netns_id = c->cookie;
}

/* Valid until the next call. */
static inline const struct outcome *ipam_add(const struct call *c)
{
	struct bw_cni_request *req = request(c->dir, BW_CNI_ADD, c->cid, c->ipam ? c->ipam : "",
					     c->more ? c->more : "", c->args);
	static struct bw_attachment who;
	struct bw_cni_result res = { 0 };
	struct bw_ipam_conf *conf = NULL;
	struct bw_ipam *ipam = NULL;
	static struct outcome out;

	memset(&out, 0, sizeof(out));
	fill_who(c, req, &who);
	out.r = bw_ipam_conf_parse(req, 0, &conf, &out.err);
	if (out.r == 0)
		out.r = bw_ipam_open(conf, &ipam, &out.err);
	if (out.r == 0)
		out.r = bw_ipam_add(ipam, &who, c->finish, c->arg, &res, &out.err);
	if (out.r == 0 && !c->adding)
		out.r = bw_ipam_live(ipam, c->cid, "eth0", &out.err);
	print_ips(&res, &out);
	bw_cni_result_done(&res);
	bw_ipam_close(&ipam);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	return &out;
}

static inline const struct outcome *ipam_del(const struct call *c)
{
	struct bw_cni_request *req = request(c->dir, BW_CNI_DEL, c->cid, c->ipam ? c->ipam : "",
					     c->more ? c->more : "", c->args);
	static struct bw_attachment row;
	struct bw_ipam_conf *conf = NULL;
	struct bw_ipam *ipam = NULL;
	static struct outcome out;

	memset(&out, 0, sizeof(out));
	out.r = bw_ipam_conf_parse(req, 1, &conf, &out.err);
	if (out.r == 0)
		out.r = bw_ipam_open(conf, &ipam, &out.err);
	if (out.r == 0)
		out.r = bw_ipam_del_begin(ipam, c->cid, "eth0", &row, &out.err);
	if (out.r >= 0) {
		int found = out.r;

		out.r = bw_ipam_del_finish(ipam, c->cid, "eth0", &out.err);
		if (out.r == 0)
			out.r = found;
	}
	bw_ipam_close(&ipam);
	bw_ipam_conf_free(&conf);
	bw_cni_request_free(&req);
	return &out;
}

#define assert_ips(out, want) check_ips(out, want, __FILE__, __LINE__)
static inline void check_ips(const struct outcome *out, const char *want, const char *file,
			     int line)
{
	if (out->r == 0 && strcmp(out->ips, want) == 0)
		return;
	print_error("got %d \"%s\" %s, expected %s\n", out->r, out->ips, out->err.msg, want);
	_fail(file, line);
}

#define assert_refused(out, errnum, class, text)                                                   \
	check_refused(out, errnum, class, text, __FILE__, __LINE__)
static inline void check_refused(const struct outcome *out, int errnum, enum bw_err_class class,
				 const char *text, const char *file, int line)
{
	if (out->r == -errnum && out->err.class == class && strstr(out->err.msg, text))
		return;
	print_error("got %d %s \"%s\" %s, expected %d %s \"...%s...\"\n", out->r,
		    bw_err_class_str(out->err.class), out->err.msg, out->ips, -errnum,
		    bw_err_class_str(class), text);
	_fail(file, line);
}
