/* SPDX-License-Identifier: Apache-2.0 */
/* ipam.resolvConf: a resolv.conf(5) as the result's dns. */
#include <string.h>

#include <bw/buf.h>
#include <bw/cni_result.h>
#include <bw/err.h>
#include <bw/io.h>

#include "conf.h"

#define FILE_MAX_ 65536 /* bytes */
#define BLANKS " \t\r"

static int append(char ***list, size_t *n, const char *word, struct bw_err *err)
{
	char **more;
	char *copy;

	if (*n >= BW_CNI_DNS_MAX)
		return bw_reject(err, BW_ERR_INVALID, E2BIG,
				 "ipam.resolvConf: expected at most %d words of a kind",
				 BW_CNI_DNS_MAX);
	more = reallocarray(*list, *n + 1, sizeof(*more));
	copy = strdup(word);
	if (more)
		*list = more;
	if (!more || !copy) {
		free(copy);
		return bw_fail(err, ENOMEM, "read resolvConf");
	}
	more[(*n)++] = copy;
	return 0;
}

static int set_domain(struct bw_cni_dns *dns, const char *word, struct bw_err *err)
{
	char *copy = strdup(word);

	if (!copy)
		return bw_fail(err, ENOMEM, "read resolvConf");
	free(dns->domain);
	dns->domain = copy;
	return 0;
}

static int read_line(char *line, struct bw_cni_dns *dns, struct bw_err *err)
{
	char *save = NULL;
	char *key = strtok_r(line, BLANKS, &save);
	char *word = key ? strtok_r(NULL, BLANKS, &save) : NULL;

	if (!word || *key == '#' || *key == ';')
		return 0;
	if (strcmp(key, "nameserver") == 0)
		return append(&dns->nameservers, &dns->n_nameservers, word, err);
	if (strcmp(key, "domain") == 0)
		return set_domain(dns, word, err);
	for (; word; word = strtok_r(NULL, BLANKS, &save)) {
		int r = 0;

		if (strcmp(key, "search") == 0)
			r = append(&dns->search, &dns->n_search, word, err);
		else if (strcmp(key, "options") == 0)
			r = append(&dns->options, &dns->n_options, word, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int ipam_resolv_conf(const char *path, struct bw_cni_result *result, struct bw_err *err)
{
	bw_autobuf struct bw_buf buf = { 0 };
	char *save = NULL;
	int r = bw_io_read_file(path, FILE_MAX_, &buf, err);

	if (r < 0) {
		(void)bw_wrap(err, r, "ipam.resolvConf");
		if (err && (r == -ENOENT || r == -EFBIG || r == -EACCES || r == -EISDIR))
			err->class = BW_ERR_INVALID;
		return r;
	}
	for (char *line = strtok_r(buf.data, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		r = read_line(line, &result->dns, err);
		if (r < 0)
			return r;
	}
	return 0;
}
