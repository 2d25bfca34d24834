/* SPDX-License-Identifier: Apache-2.0 */
/*
 * barewire-launch in the pod of a Unit: what is put into the pod so that its process can be stopped
 * and started while the pod stays (launch.c), and the probes of its container (probes.c).
 */
#pragma once

#include <bw/defs.h>

struct bw_db_unit;
struct bw_json_build;
struct cJSON;

#define LAUNCH_DIR "/barewire" /* conf/policies/units.yaml: the commands that may be run */
#define LAUNCH_PROGRAM "/barewire/barewire-launch"
#define LAUNCH_VOLUME "barewire-launch"
#define LAUNCH_GRACE_S 30 /* what a pod has that says nothing: terminationGracePeriodSeconds */
#define LAUNCH_GRACE_MAX_S 86400 /* barewire-launch(8) */

/* Why a template's main container is left alone. */
struct launch_refusal {
	const char *reason; /* NULL = it is not */
	char text[256];
};
void launch_refuse(struct launch_refusal *r, const char *reason, const char *fmt, ...)
	BW_PRINTF(3, 4);

/* Whether a template can be run under barewire-launch. */
void launch_judge(const struct bw_db_unit *unit, struct launch_refusal *ret);
/* Seconds that a stopped process has before it is killed. */
int64_t launch_grace_s(const struct bw_db_unit *unit);
/* Puts it into a pod: @spec is the pod's, @main one of its containers. Only what may be judged. */
void launch_put(struct bw_json_build *b, struct cJSON *spec, struct cJSON *main, const char *image);

/* THE PROBES (probes.c) */

/* Whether the probes of a container can go through barewire-launch. */
void launch_probes_judge(const struct cJSON *container, struct launch_refusal *ret);
/*
 * Lets them. Return: whether one of them needs POD_IP, the address that a kubelet would have asked.
 */
int launch_probes_put(struct bw_json_build *b, struct cJSON *container);
