/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod whose process can be stopped while the pod stays: an init container of our image brings
 * barewire-launch into an emptyDir, and the main container's command runs under it.
 */
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include <gen/db.h>

#include "impl.h"
#include "launch.h"

#define INSTALLER "/usr/bin/barewire-launch" /* in the image: scripts/image */
#define NOBODY 65532 /* the image's user: scripts/image */
#define CPU "50m"
#define MEMORY "32Mi"

/* WHETHER IT CAN BE */

static int is_below(const char *path)
{
	size_t len = strlen(LAUNCH_DIR);

	return strncmp(path, LAUNCH_DIR, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

static int is_launcher(const char *word)
{
	const char *slash = strrchr(word, '/');

	return strcmp(slash ? slash + 1 : word, "barewire-launch") == 0;
}

void launch_judge(const struct bw_db_unit *unit, struct launch_refusal *ret)
{
	const struct bw_db_unit_template_container *c = unit_main(unit);

	*ret = (struct launch_refusal){ 0 };
	if (!c)
		return; /* no pod is made of it */
	if (c->command.n == 0)
		launch_refuse(ret, "NoCommand",
			      "container %s names no command, and what its image runs is not known "
			      "here: write command into the template",
			      c->name);
	else if (is_launcher(c->command.items[0]))
		launch_refuse(ret, "LaunchesItself",
			      "container %s runs barewire-launch itself: name the database's own "
			      "command, or stop it by kubectl exec",
			      c->name);
	for (size_t i = 0; i < c->volume_mounts.n; i++)
		if (is_below(c->volume_mounts.items[i].mount_path))
			launch_refuse(ret, "FolderTaken",
				      "container %s mounts something at " LAUNCH_DIR
				      ", where barewire-launch would be: mount it elsewhere",
				      c->name);
	launch_probes_judge(c->raw, ret);
}

int64_t launch_grace_s(const struct bw_db_unit *unit)
{
	const struct bw_db_unit_template_spec *s = &unit->spec.template.spec;
	int64_t grace_s = s->has_termination_grace_period_seconds
				  ? s->termination_grace_period_seconds
				  : LAUNCH_GRACE_S;

	/* 0 is for pods that may be killed: nobody stops a process in place to have it killed. */
	if (grace_s <= 0)
		return LAUNCH_GRACE_S;
	return grace_s < LAUNCH_GRACE_MAX_S ? grace_s : LAUNCH_GRACE_MAX_S;
}

/* THE INIT CONTAINER */

static struct cJSON *array_in(struct bw_json_build *b, struct cJSON *in, const char *key)
{
	struct cJSON *at = cJSON_GetObjectItemCaseSensitive(in, key);

	return cJSON_IsArray(at) ? at : bw_json_put_array(b, in, key);
}

/* Of the container, else of its pod. */
static const struct cJSON *security(const struct cJSON *spec, const struct cJSON *main,
				    const char *key)
{
	const struct cJSON *own = bw_json_get(bw_json_get(main, "securityContext"), key);

	return own ? own : bw_json_get(bw_json_get(spec, "securityContext"), key);
}

static void put_security(struct bw_json_build *b, const struct cJSON *spec,
			 const struct cJSON *main, struct cJSON *to)
{
	static const char *const taken[] = { "runAsUser", "runAsGroup", "runAsNonRoot",
					     "seccompProfile" };
	struct cJSON *s = bw_json_put_object(b, to, "securityContext");

	for (size_t i = 0; i < BW_ARRAY_SIZE(taken); i++) {
		const struct cJSON *v = bw_json_get(bw_json_get(main, "securityContext"), taken[i]);

		if (v)
			bw_json_put_tree(b, s, taken[i], v);
	}
	/* The main image may name a user that is not root; ours is nobody's. */
	if (cJSON_IsTrue(security(spec, main, "runAsNonRoot")) &&
	    !security(spec, main, "runAsUser"))
		bw_json_put_int(b, s, "runAsUser", NOBODY);
	bw_json_put_bool(b, s, "allowPrivilegeEscalation", 0);
	bw_json_put_bool(b, s, "readOnlyRootFilesystem", 1);
	bw_json_put_str(b, bw_json_put_array(b, bw_json_put_object(b, s, "capabilities"), "drop"),
			NULL, "ALL");
}

/* Bounds where the main container has some: the pod's class of service stays what it is. */
static void put_resources(struct bw_json_build *b, const struct cJSON *main, struct cJSON *to)
{
	static const char *const kinds[] = { "requests", "limits" };
	const struct cJSON *is = bw_json_get(main, "resources");
	struct cJSON *r = NULL;

	for (size_t i = 0; i < BW_ARRAY_SIZE(kinds); i++) {
		const struct cJSON *k = bw_json_get(is, kinds[i]);
		const struct cJSON *cpu = bw_json_get(k, "cpu");
		const struct cJSON *memory = bw_json_get(k, "memory");
		struct cJSON *p;

		if (!cpu && !memory)
			continue;
		if (!r)
			r = bw_json_put_object(b, to, "resources");
		p = bw_json_put_object(b, r, kinds[i]);
		if (cpu)
			bw_json_put_str(b, p, "cpu", CPU);
		if (memory)
			bw_json_put_str(b, p, "memory", MEMORY);
	}
}

static void put_mount(struct bw_json_build *b, struct cJSON *container)
{
	struct cJSON *m = bw_json_put_object(b, array_in(b, container, "volumeMounts"), NULL);

	bw_json_put_str(b, m, "name", LAUNCH_VOLUME);
	bw_json_put_str(b, m, "mountPath", LAUNCH_DIR);
}

/* So that barewire-launch knows whose folder it is in. */
static void put_uid(struct bw_json_build *b, struct cJSON *container)
{
	struct cJSON *e = bw_json_put_object(b, bw_json_put_array(b, container, "env"), NULL);

	bw_json_put_str(b, e, "name", "BAREWIRE_POD_UID");
	bw_json_put_str(b, bw_json_put_object(b, bw_json_put_object(b, e, "valueFrom"), "fieldRef"),
			"fieldPath", "metadata.uid");
}

static void put_installer(struct bw_json_build *b, struct cJSON *spec, const struct cJSON *main,
			  const char *image)
{
	/* Behind the template's own, so that what the server says of those keeps its index. */
	struct cJSON *c = bw_json_put_object(b, array_in(b, spec, "initContainers"), NULL);
	struct cJSON *words;

	if (!c)
		return;
	bw_json_put_str(b, c, "name", LAUNCH_VOLUME);
	bw_json_put_str(b, c, "image", image);
	bw_json_put_str(b, c, "imagePullPolicy", "IfNotPresent");
	words = bw_json_put_array(b, c, "command");
	bw_json_put_str(b, words, NULL, INSTALLER);
	bw_json_put_str(b, words, NULL, "install");
	bw_json_put_str(b, words, NULL, LAUNCH_DIR);
	put_uid(b, c);
	put_mount(b, c);
	put_resources(b, main, c);
	put_security(b, spec, main, c);
}

/* THE MAIN CONTAINER */

/* What the manifest says, of those that barewire-launch knows by name; what an image says is not
 * seen here. NULL = SIGTERM. */
static const char *stop_signal(const struct cJSON *main)
{
	static const char *const known[] = { "SIGHUP",  "SIGINT",  "SIGQUIT",
					     "SIGUSR1", "SIGUSR2", "SIGWINCH" };
	const char *said = bw_json_get_str(bw_json_get(main, "lifecycle"), "stopSignal");

	for (size_t i = 0; said && i < BW_ARRAY_SIZE(known); i++)
		if (strcmp(said, known[i]) == 0)
			return known[i];
	return NULL;
}

static void put_command(struct bw_json_build *b, struct cJSON *main)
{
	struct cJSON *old = cJSON_DetachItemFromObjectCaseSensitive(main, "command");
	struct cJSON *words = bw_json_put_array(b, main, "command");
	const char *signal = stop_signal(main);
	const struct cJSON *w;

	bw_json_put_str(b, words, NULL, LAUNCH_PROGRAM);
	bw_json_put_str(b, words, NULL, "run");
	if (signal) {
		bw_json_put_str(b, words, NULL, "-s");
		bw_json_put_str(b, words, NULL, signal);
	}
	bw_json_put_str(b, words, NULL, "--");
	cJSON_ArrayForEach (w, old)
		bw_json_put_str(b, words, NULL, cJSON_IsString(w) ? w->valuestring : "");
	cJSON_Delete(old);
}

static void put_pod_ip(struct bw_json_build *b, struct cJSON *main)
{
	struct cJSON *list = array_in(b, main, "env");
	const struct cJSON *i;
	struct cJSON *e;

	cJSON_ArrayForEach (i, list) {
		const char *name = bw_json_get_str(i, "name");

		if (name && strcmp(name, "POD_IP") == 0)
			return;
	}
	e = bw_json_put_object(b, list, NULL);
	bw_json_put_str(b, e, "name", "POD_IP");
	bw_json_put_str(b, bw_json_put_object(b, bw_json_put_object(b, e, "valueFrom"), "fieldRef"),
			"fieldPath", "status.podIP");
}

void launch_put(struct bw_json_build *b, struct cJSON *spec, struct cJSON *main, const char *image)
{
	struct cJSON *v = bw_json_put_object(b, array_in(b, spec, "volumes"), NULL);

	bw_json_put_str(b, v, "name", LAUNCH_VOLUME);
	(void)bw_json_put_object(b, v, "emptyDir"); /* the builder remembers, ignoring */
	put_installer(b, spec, main, image);
	put_command(b, main);
	if (launch_probes_put(b, main))
		put_pod_ip(b, main);
	put_mount(b, main);
}
