/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes of a container that may be stopped on purpose: each asks barewire-launch, which says
 * "alive and not ready" while it is, and else does what the manifest asked for.
 */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <bw/json.h>

#include "launch.h"

#define HEADERS_MAX 8 /* barewire-launch(8): -H */
#define HOST_MAX 63 /* controller/unitd/launch.h: struct launch_target */
#define PATH_MAX_ 1023 /* the same */
#define URL_MAX 1152 /* bytes of one with both */
/* Own probe of a container that has none: a look at a file, which costs nothing and does not err.
 */
#define READINESS_S 5

/* What a kubelet takes where a probe says nothing. Source: k8s.io/api/core/v1, Probe. */
#define PERIOD_S 10
#define FAILURES 3
#define TIMEOUT_S 1

static const struct {
	const char *field;
	const char *kind; /* barewire-launch(8) */
	uint8_t kills; /* the kubelet ends the container when it fails */
} probes[] = {
	{ "livenessProbe", "liveness", 1 },
	{ "startupProbe", "startup", 1 },
	{ "readinessProbe", "readiness", 0 },
};

static const char *const handlers[] = { "exec", "httpGet", "tcpSocket", "grpc" };

void launch_refuse(struct launch_refusal *r, const char *reason, const char *fmt, ...)
{
	va_list ap;

	if (r->reason)
		return;
	r->reason = reason;
	va_start(ap, fmt);
	(void)vsnprintf(r->text, sizeof(r->text), fmt, ap); /* a longer text is cut, ignoring */
	va_end(ap);
}

static int64_t number_or(const struct cJSON *in, const char *key, int64_t by_default)
{
	const struct cJSON *n = bw_json_get(in, key);

	/* The API server has checked their range. */
	return cJSON_IsNumber(n) && n->valuedouble >= 0 && n->valuedouble <= LAUNCH_GRACE_MAX_S
		       ? (int64_t)n->valuedouble
		       : by_default;
}

/* WHERE A PROBE GOES */

/* A port by number or by the name of one of the container's. 0 = there is none. */
static unsigned int port_of(const struct cJSON *container, const struct cJSON *port)
{
	const struct cJSON *p;

	if (cJSON_IsNumber(port))
		return port->valuedouble >= 1 && port->valuedouble <= UINT16_MAX
			       ? (unsigned int)port->valuedouble
			       : 0;
	cJSON_ArrayForEach (p, bw_json_get(container, "ports")) {
		const char *name = bw_json_get_str(p, "name");

		if (name && cJSON_IsString(port) && strcmp(name, port->valuestring) == 0)
			return port_of(NULL, bw_json_get(p, "containerPort"));
	}
	return 0;
}

/* An address that barewire-launch takes, as in a URL; "" = the pod's own. -1 = it takes none such.
 */
static int host_of(const struct cJSON *handler, char out[HOST_MAX + 3])
{
	const char *host = bw_json_get_str(handler, "host");
	struct in6_addr any;

	out[0] = '\0';
	if (!host || !*host)
		return 0;
	if (strlen(host) > HOST_MAX)
		return -1;
	if (inet_pton(AF_INET6, host, &any) == 1)
		(void)snprintf(out, HOST_MAX + 3, "[%s]", host); /* fits */
	else if (strcmp(host, "localhost") == 0 || inet_pton(AF_INET, host, &any) == 1)
		(void)snprintf(out, HOST_MAX + 3, "%s", host); /* fits */
	else
		return -1;
	return 0;
}

/* "HOST:PORT" or a URL. -1 = barewire-launch does not go there. */
static int target_of(const struct cJSON *container, const struct cJSON *handler, int is_http,
		     char out[URL_MAX])
{
	const char *scheme = bw_json_get_str(handler, "scheme");
	const char *path = is_http ? bw_json_get_str(handler, "path") : NULL;
	unsigned int port = port_of(container, bw_json_get(handler, "port"));
	char host[HOST_MAX + 3];

	if (!port || host_of(handler, host) < 0 || (scheme && strcmp(scheme, "HTTP") != 0))
		return -1;
	if (!path)
		path = "";
	if (strlen(path) >= PATH_MAX_ || strpbrk(path, " \t\r\n"))
		return -1;
	if (is_http)
		(void)snprintf(out, URL_MAX, "http://%s:%u%s%s", host, port,
			       *path == '/' ? "" : "/", path); /* fits */
	else
		(void)snprintf(out, URL_MAX, "%s:%u", host, port); /* fits */
	return 0;
}

static int headers_are_known(const struct cJSON *list)
{
	const struct cJSON *h;

	if (cJSON_GetArraySize(list) > HEADERS_MAX)
		return 0;
	cJSON_ArrayForEach (h, list) {
		const char *name = bw_json_get_str(h, "name");
		const char *value = bw_json_get_str(h, "value");

		if (!name || !value || strpbrk(name, "\r\n:") || strpbrk(value, "\r\n"))
			return 0;
	}
	return 1;
}

/* Whether barewire-launch can ask in the kubelet's place. */
static int is_known(const struct cJSON *container, const struct cJSON *probe)
{
	const struct cJSON *exec = bw_json_get(probe, "exec");
	const struct cJSON *http = bw_json_get(probe, "httpGet");
	const struct cJSON *tcp = bw_json_get(probe, "tcpSocket");
	char target[URL_MAX];

	if (exec)
		return cJSON_GetArraySize(bw_json_get(exec, "command")) > 0;
	if (http)
		return headers_are_known(bw_json_get(http, "httpHeaders")) &&
		       target_of(container, http, 1, target) == 0;
	return tcp && target_of(container, tcp, 0, target) == 0;
}

void launch_probes_judge(const struct cJSON *container, struct launch_refusal *ret)
{
	for (size_t i = 0; i < BW_ARRAY_SIZE(probes); i++) {
		const struct cJSON *probe = bw_json_get(container, probes[i].field);

		/* One that only fails while the process is away does what it should. */
		if (probe && probes[i].kills && !is_known(container, probe))
			launch_refuse(ret, "ProbeNotSupported",
				      "the %s of its container would end it while the process is "
				      "stopped: give it exec, tcpSocket or a plain httpGet to an "
				      "address and a port of the container",
				      probes[i].field);
	}
}

/* THE COMMANDS */

static void add(struct bw_json_build *b, struct cJSON *words, const char *word)
{
	bw_json_put_str(b, words, NULL, word);
}

static void add_option(struct bw_json_build *b, struct cJSON *words, const char *option, int64_t n)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%lld", (long long)n); /* fits */
	add(b, words, option);
	add(b, words, text);
}

/*
 * The kubelet runs a startup probe once a container, and counts a delay from the container's start:
 * after a start in place nobody else waits for what they waited for.
 */
static int64_t start_grace_s(const struct cJSON *container)
{
	const struct cJSON *startup = bw_json_get(container, "startupProbe");
	int64_t s = number_or(bw_json_get(container, "livenessProbe"), "initialDelaySeconds", 0);

	if (startup)
		s += number_or(startup, "initialDelaySeconds", 0) +
		     number_or(startup, "periodSeconds", PERIOD_S) *
			     number_or(startup, "failureThreshold", FAILURES);
	return s < LAUNCH_GRACE_MAX_S ? s : LAUNCH_GRACE_MAX_S;
}

static void add_headers(struct bw_json_build *b, struct cJSON *words, const struct cJSON *list)
{
	const struct cJSON *h;

	cJSON_ArrayForEach (h, list) {
		bw_autofree char *line = NULL;

		if (asprintf(&line, "%s: %s", bw_json_get_str(h, "name"),
			     bw_json_get_str(h, "value")) < 0) {
			line = NULL;
			b->failed = 1;
			return;
		}
		add(b, words, "-H");
		add(b, words, line);
	}
}

static void add_question(struct bw_json_build *b, struct cJSON *words,
			 const struct cJSON *container, const struct cJSON *probe)
{
	const struct cJSON *http = bw_json_get(probe, "httpGet");
	const struct cJSON *at = http ? http : bw_json_get(probe, "tcpSocket");
	char target[URL_MAX];
	const struct cJSON *w;

	if (at) {
		(void)target_of(container, at, http != NULL, target); /* it was judged, ignoring */
		add(b, words, http ? "http" : "tcp");
		add(b, words, target);
		return;
	}
	add(b, words, "--");
	cJSON_ArrayForEach (w, bw_json_get(bw_json_get(probe, "exec"), "command"))
		add(b, words, cJSON_IsString(w) ? w->valuestring : "");
}

/* Return: whether it needs POD_IP. */
static int put_probe(struct bw_json_build *b, const struct cJSON *container, struct cJSON *probe,
		     size_t i)
{
	const struct cJSON *http = bw_json_get(probe, "httpGet");
	const struct cJSON *at = http ? http : bw_json_get(probe, "tcpSocket");
	int64_t grace_s = probes[i].kills ? start_grace_s(container) : 0;
	const char *host = bw_json_get_str(at, "host");
	int own = at && (!host || !*host);
	bw_autobuild struct bw_json_build built = { 0 };
	struct cJSON *root = bw_json_build_object(&built);
	struct cJSON *words = bw_json_put_array(&built, root, "command");

	add(&built, words, LAUNCH_PROGRAM);
	add(&built, words, "probe");
	if (grace_s && strcmp(probes[i].kind, "liveness") == 0)
		add_option(&built, words, "-g", grace_s);
	if (at)
		add_option(&built, words, "-t", number_or(probe, "timeoutSeconds", TIMEOUT_S));
	add_headers(&built, words, bw_json_get(http, "httpHeaders"));
	add(&built, words, probes[i].kind);
	add_question(&built, words, container, probe);
	for (size_t h = 0; h < BW_ARRAY_SIZE(handlers); h++)
		cJSON_DeleteItemFromObjectCaseSensitive(probe, handlers[h]);
	if (built.failed)
		b->failed = 1;
	else
		bw_json_put_tree(b, probe, "exec", root);
	return own;
}

static void put_readiness(struct bw_json_build *b, struct cJSON *container)
{
	struct cJSON *probe = bw_json_put_object(b, container, "readinessProbe");
	struct cJSON *words = bw_json_put_array(b, bw_json_put_object(b, probe, "exec"), "command");

	add(b, words, LAUNCH_PROGRAM);
	add(b, words, "probe");
	add(b, words, "readiness");
	bw_json_put_int(b, probe, "periodSeconds", READINESS_S);
	bw_json_put_int(b, probe, "failureThreshold", 1);
}

int launch_probes_put(struct bw_json_build *b, struct cJSON *container)
{
	int own = 0;

	for (size_t i = 0; i < BW_ARRAY_SIZE(probes); i++) {
		struct cJSON *probe = cJSON_GetObjectItemCaseSensitive(container, probes[i].field);

		if (probe && is_known(container, probe))
			own |= put_probe(b, container, probe, i);
	}
	if (!bw_json_get(container, "readinessProbe"))
		put_readiness(b, container);
	return own;
}
