/* SPDX-License-Identifier: Apache-2.0 */
/* One reconcile of a Unit: what there is, what shall be said of it, and the steps that look. */
#pragma once

#include <gen/db.h>

#include "ctl.h"
#include "unit.h"

struct bw_tmpl_names;

#define UNIT_PREFIX "db.barewire.dev/"
#define UNIT_API UNIT_PREFIX "v1alpha1"
#define UNIT_FINALIZER UNIT_PREFIX "unit"
#define UNIT_LABEL UNIT_PREFIX "unit" /* of pods and volumes: the Unit's name */
#define UNIT_LABEL_VOLUME UNIT_PREFIX "volume" /* of volumes: the template's name */
#define UNIT_LABEL_REBUILD UNIT_PREFIX "rebuild" /* of volumes: the action that made it */
#define UNIT_LABEL_RETAINED UNIT_PREFIX "retained" /* of volumes: the action that replaced it */
#define UNIT_LABEL_GOES UNIT_PREFIX "when-rebuilt" /* of those: Delete, as the spec said then */
#define UNIT_ANN_REVISION UNIT_PREFIX "revision" /* of pods: what they were made of */
#define UNIT_ANN_SHAPE UNIT_PREFIX "shape" /* of pods: the same without cpu and memory */
#define UNIT_ANN_ACTION UNIT_PREFIX "action" /* of pods: the id that they were made for */
#define UNIT_ANN_CONFIG UNIT_PREFIX "config" /* of pods: hash of the files that they began with */
#define UNIT_ANN_LAUNCH_ASKS UNIT_PREFIX "launch-asks" /* "pod-uid": commands may say it */
#define UNIT_ANN_LAUNCH UNIT_PREFIX "launch" /* of pods: the container under barewire-launch */
#define UNIT_ANN_ADDRESS_TYPE "config.addr.type"
#define UNIT_INTERFACE "eth0"
#define UNIT_VF_RESOURCE "net.barewire.dev/vf-" /* of nodes: the domain's virtual functions */

#define UNIT_INDEX_UNIT "unit" /* volumes: "namespace/unit" by label */
#define UNIT_INDEX_NODE "node" /* Units: status.nodeName */
#define UNIT_INDEX_NETWORK "network" /* Units: pools that they name */
#define UNIT_INDEX_PEERS "peers" /* Units whose files have others in them: their namespace */

#define UNIT_FILES_MAX 16 /* conf/crds: maxItems */
#define UNIT_PORTS_MAX 32 /* conf/crds: maxItems */
#define UNIT_CONFIG_HASH_MAX 32 /* bytes */
#define UNIT_HASH_SECRET "secret-" /* what the hash of a Secret begins with */
#define UNIT_CONFIG_MARK ".barewire" /* a file of a Secret: what the hash of it is */
#define UNIT_REVISION_MAX 17 /* bytes: a hash in hexadecimal */
#define UNIT_ACTION_ID_MAX 63 /* conf/crds: maxLength */
#define UNIT_VOLUMES_MAX 16 /* conf/crds: maxItems */
#define UNIT_RETRY_MS 30000 /* what waits for something that nobody watches looks again after */

/* What the server said of a pod that was only tried. */
struct unit_verdict {
	struct bw_list node;
	char uid[BW_KUBE_UID_MAX + 1]; /* of the Unit */
	int64_t generation;
	uint8_t forbidden; /* it may be allowed later */
	char text[BW_KUBE_COND_TEXT_MAX];
};
#define UNIT_VERDICTS_MAX 1024 /* the oldest goes: its Unit is tried again */
#define UNIT_TOLD_MAX 1024 /* the oldest goes: its pod is asked again */

struct unit_stores {
	struct bw_kube_store *units;
	struct bw_kube_store *pods; /* of Units */
	struct bw_kube_store *volumes; /* all PersistentVolumeClaims */
	struct bw_kube_store *pvs; /* all PersistentVolumes: their nodes and claims */
	struct bw_kube_store *configs; /* of Units, as the next two */
	struct bw_kube_store *services;
	struct bw_kube_store *slices;
	/* Those of the address controllers. */
	struct bw_kube_store *claims;
	struct bw_kube_store *all_pods; /* trimmed */
	struct bw_kube_store *nodes;
	struct bw_kube_store *pools;
};

struct ctl_unit {
	struct bw_loop *loop; /* borrowed */
	struct unit_stores st;
	struct bw_controller *units;
	char *launch_image; /* NULL: no process is stopped in its pod */
	struct bw_list verdicts; /* struct unit_verdict, the newest last */
	size_t n_verdicts;
	struct bw_list refusals; /* struct unit_refusal, the newest last */
	size_t n_refusals;
	struct bw_list reads; /* Secrets that were read, the newest last (secrets.c) */
	size_t n_reads;
	struct bw_list told; /* what commands in pods said, the newest last (stop.c) */
	size_t n_told;
};

enum unit_claim_state {
	UNIT_CLAIM_NONE,
	UNIT_CLAIM_FOREIGN, /* not ours, and nobody's who goes */
	UNIT_CLAIM_EARLIER, /* of a Unit of this name that is gone: the garbage collector's */
	UNIT_CLAIM_LEAVING, /* ours, deleted */
	UNIT_CLAIM_WAITING, /* ours, without its addresses */
	UNIT_CLAIM_BOUND,
};

enum unit_pod_state {
	UNIT_POD_NONE,
	UNIT_POD_FOREIGN, /* not ours: it is not touched */
	UNIT_POD_UNSEEN, /* ours, and its whole text is not here yet */
	UNIT_POD_LEAVING, /* ours, deleted */
	UNIT_POD_OVER, /* ours, Succeeded or Failed */
	UNIT_POD_PENDING,
	UNIT_POD_RUNNING,
	UNIT_POD_READY,
};

enum unit_volume_state {
	UNIT_VOLUME_NONE,
	UNIT_VOLUME_FOREIGN,
	UNIT_VOLUME_LEAVING,
	UNIT_VOLUME_LOST,
	UNIT_VOLUME_THERE,
};

struct unit_volume {
	const char *name; /* of the template */
	char claim[BW_KUBE_NAME_MAX + 1]; /* of the PersistentVolumeClaim */
	enum unit_volume_state state;
	enum bw_db_unit_status_volume_phase phase;
	char capacity[33]; /* conf/crds: maxLength */
	char node[BW_KUBE_NAME_MAX + 1]; /* the one that it can be mounted on; "" = it can move */
	struct bw_kube_object *o; /* NULL = there is none */
	uint8_t made; /* by the action that runs */
};

enum unit_step {
	UNIT_STEP_PREPARE, /* nothing is touched */
	UNIT_STEP_STOP, /* the pod that was there goes */
	UNIT_STEP_START, /* the next one is made and waited for */
	UNIT_STEP_MAX_,
};

/* An action that runs, or one that begins or ends with this reconcile. */
struct unit_action {
	char id[UNIT_ACTION_ID_MAX + 1];
	enum bw_db_unit_action_type type;
	enum bw_db_unit_status_action_phase phase;
	enum unit_step step;
	char from[BW_KUBE_NAME_MAX + 1]; /* where the Unit was; "" = nowhere */
	char to[BW_KUBE_NAME_MAX + 1]; /* where it is to go; "" = the scheduler says */
	char start[32]; /* RFC 3339 */
	char message[BW_KUBE_COND_TEXT_MAX]; /* "" = follows from the rest */
	uint8_t force;
	uint8_t running; /* there is one */
	uint8_t acting; /* the status says so: the pod may be touched for it */
	uint8_t going_back; /* the status says so: it was cancelled */
	uint8_t hold; /* the pod is left as it is: the status has to be written first */
	uint8_t over; /* it ends with this reconcile */
};

/* Where the next pod may be. */
struct unit_place {
	char node[BW_KUBE_NAME_MAX + 1]; /* "" = anywhere */
	uint8_t hard; /* only there; else rather there */
	uint8_t never; /* anywhere but there */
};

/* Whose an object of a Unit's name is. */
enum unit_whose {
	UNIT_NOBODYS, /* there is none */
	UNIT_OURS,
	UNIT_EARLIER, /* of a Unit of this name that is gone: the garbage collector's */
	UNIT_SOMEBODYS,
};

/* The files of spec.config (config.c). */
struct unit_config {
	uint8_t there; /* they are written, as declared or as they were: a pod can have them */
	uint8_t settled; /* .hash is of what is declared, and it is written */
	uint8_t secret; /* they are in a Secret */
	uint8_t left; /* or they are not, and there is one of before */
	char hash[UNIT_CONFIG_HASH_MAX]; /* of what is declared or, while that cannot be said, of
					    what is there; "" = neither */
};

/* One reconcile. */
struct unit_run {
	struct ctl_unit *c;
	struct bw_kube_object *o;
	struct bw_db_unit *unit;
	struct bw_plan *plan;
	/* What there is (look.c). */
	enum unit_claim_state claim_state;
	struct bw_net_claim claim; /* of a claim that is ours */
	enum unit_pod_state pod_state;
	struct bw_kube_object *pod_o; /* of a pod that is ours and seen whole */
	struct bw_k_pod pod;
	struct unit_volume volumes[UNIT_VOLUMES_MAX];
	size_t n_volumes;
	char node[BW_KUBE_NAME_MAX + 1]; /* where it lives or lived last; "" */
	char revision[UNIT_REVISION_MAX]; /* of the template as it is */
	char shape[UNIT_REVISION_MAX]; /* of it, whatever cpu and memory it says */
	struct unit_action act;
	struct unit_place place;
	struct unit_config config;
	/* What is to be said (status.c). */
	struct bw_kube_conds conds;
	char reason[64]; /* what it waits for first of all; "" = nothing */
	char task[BW_KUBE_COND_TEXT_MAX];
	char why[BW_KUBE_COND_TEXT_MAX]; /* a pod is made again */
	uint8_t invalid; /* the template was refused */
	uint8_t failed; /* it does not come up */
	uint8_t created; /* the pod is made by this plan */
	uint8_t signalled; /* the process was told of the files as they are */
	uint8_t resizing; /* the pod is resized in place by this plan */
	uint8_t exchanging; /* volumes are replaced or given back by this plan */
};

/* DECIDING (unit.c) */

int unit_reconcile(const char *ns, const char *name, struct bw_kube_object *o, struct bw_plan *plan,
		   void *ctl, struct bw_err *err);
/* What it waits for; the first that says so counts. */
void unit_wait(struct unit_run *k, const char *reason, const char *fmt, ...) BW_PRINTF(3, 4);
/* A condition as bw_kube_conds_set(), dated with this generation; tells a Warning when it is new.
 */
void unit_warn(struct unit_run *k, const char *type, int status, const char *reason,
	       const char *text);

/*
 * Judges the CREATE of a claim or of a volume's claim. One that exists is ours by an answer that
 * was lost, or somebody's: it will be seen. @arg: not used.
 */
enum bw_plan_next unit_done_create(const struct bw_kube_answer *a, void *arg);

/* LOOKING (look.c) */

int unit_look(struct unit_run *k, struct bw_err *err);
/* Frees what unit_look() found. */
void unit_look_done(struct unit_run *k);
/* The controller's reference in @m is this Unit. */
int unit_owns(const struct unit_run *k, const struct bw_kube_meta *m);
/* It has succeeded or failed: nothing runs in it, and it has no address. */
int unit_pod_has_ended(const struct bw_k_pod *p);
/* Whose the object with these metadata is; NULL: there is none. */
enum unit_whose unit_whose(const struct unit_run *k, const struct bw_kube_meta *m);
/* The same of the Unit with that UID. */
enum unit_whose unit_whose_by_uid(const char *uid, const struct bw_kube_meta *m);
/* Finds the claim of a template's volume, or the name that one to be made gets (rebuild.c). */
void unit_volume_find(const struct unit_run *k, const char *template, struct unit_volume *v);
/*
 * Whether a rebuild that is cancelled gives back a volume of this template, or has and the cache of
 * volumes is behind: another one must not be made.
 */
int unit_volume_comes_back(const struct unit_run *k, const char *template);
/* Whether one was replaced by an action that the Unit, as the cache has it, knows nothing of. */
int unit_volume_is_news(const struct unit_run *k, const char *template);
/* The only node that the PersistentVolume @pv can be mounted on into @v; "" = there are more. */
void unit_volume_node(const struct ctl_unit *c, const char *pv, struct unit_volume *v);
/* The container that is the database; NULL: it cannot be said which. */
const struct bw_db_unit_template_container *unit_main(const struct bw_db_unit *unit);
/* The pool of a name, decoded; 0; -ENOENT. bw_net_pool_done() frees it. */
int unit_pool(const struct ctl_unit *c, const char *name, struct bw_net_pool *ret);

/* SEGMENTS (vfs.c) */

#define UNIT_DOMAINS_MAX 8 /* conf/crds: interfaces of a Unit */

/* A segment that a claim's interfaces are on. */
struct unit_domain {
	char name[64]; /* conf/crds: maxLength 63 */
	unsigned int vfs; /* interfaces that need a virtual function of it */
	uint8_t ours; /* its nodes carry our label */
};

struct unit_domains {
	struct unit_domain v[UNIT_DOMAINS_MAX];
	size_t n;
};

/* Those of @claim, as its status has them; pools that cannot be read are left out. */
void unit_domains(const struct ctl_unit *c, const struct bw_net_claim *claim,
		  struct unit_domains *ret);
/* Says that no node has a virtual function left for the pod, and who has them; else says nothing.
 */
void unit_vfs(struct unit_run *k);

/* STEPS: each adds to the plan and to what is to be said. */

/* Has the server judge the template (check.c). */
void unit_check(struct unit_run *k);
void unit_claim(struct unit_run *k);
void unit_volumes(struct unit_run *k);
/* Says where the pod has not what its claim holds (modes_check.c); refuses what nobody can read. */
void unit_modes(struct unit_run *k);
/* The files of spec.config (config.c); before the pod, which waits for them. */
void unit_config(struct unit_run *k);
/* Whether a pod has to wait for its files; _waits() says so too. */
int unit_config_lacks(const struct unit_run *k);
int unit_config_waits(struct unit_run *k);
/* Hash of the files that the process in the pod has; NULL = it has none. */
const char *unit_config_delivered(const struct unit_run *k);
/* Tells the process of files that have changed (signal.c). */
void unit_signal(struct unit_run *k);
/* Whether onChange: Signal is followed, where it is asked for. */
int unit_signal_is_followed(const struct unit_run *k);
/* Whether the pod mounts the object of the other kind, in which nothing new will come. */
int unit_config_is_elsewhere(const struct unit_run *k);
/* Whether a file of that name is declared. */
int unit_config_declares(const struct unit_run *k, const char *file);
/* Whether the pod that runs is to be made anew for other files. */
int unit_config_restarts(const struct unit_run *k);
/* What spec.action asks for (action.c); decides before unit_pod() does. */
void unit_action(struct unit_run *k);
void unit_pod(struct unit_run *k);
/* The Service (service.c), and where it leads (endpoints.c). */
void unit_service(struct unit_run *k);
void unit_endpoints(struct unit_run *k);
/* Writes what is to be said, if it differs from what is. */
void unit_status(struct unit_run *k);
/* The Unit is being deleted (end.c). */
void unit_end(struct unit_run *k);

/* LIVE (live.c): steps of the plan that end it when the cache was behind */

/* The Unit is as the cache has it. */
void unit_live_unit(struct unit_run *k);
/* The volumes that a pod is about to get are the Unit's. */
void unit_live_volumes(struct unit_run *k);

/* ACTIONS (action.c, action_kinds.c) */

const char *unit_step_str(enum unit_step step);
/* What the status says of an action that runs. */
void unit_action_load(struct unit_run *k);
/* Where the next pod may be; after all else was looked at. */
void unit_action_look(struct unit_run *k);
/* Whether the action that runs has to take the pod that is there away. */
int unit_action_is_done_with(const struct unit_run *k);
/* Whether the status knows an action of that id. */
int unit_action_is_told(const struct unit_run *k, const char *id);
/*
 * Id of the action that was cancelled last; NULL = none was. What is made for it after that, by
 * another leader or by a request that took its time, is not used.
 */
const char *unit_action_cancelled(const struct unit_run *k);
/* The action is over. @reason: of a failure; else NULL. */
void unit_action_end(struct unit_run *k, enum bw_db_unit_status_action_phase phase,
		     const char *reason, const char *fmt, ...) BW_PRINTF(4, 5);
/* Whether this version does it. */
int unit_action_is_known(enum bw_db_unit_action_type type);
/* Whether it can begin; else it has been ended. */
int unit_action_may(struct unit_run *k);
/* status.action and status.actionsDone. */
void unit_action_put(const struct unit_run *k, struct bw_json_build *b, struct cJSON *st);

/*
 * Changes which volumes are the Unit's, for an action that rebuilds it or goes back from that; only
 * while there is no pod (rebuild.c).
 */
void unit_rebuild(struct unit_run *k);
/* Volumes of earlier rebuilds, behind those of the Unit in the list. */
void unit_rebuild_put(const struct unit_run *k, struct bw_json_build *b, struct cJSON *list);

/* THE PROCESS (stop.c): each may have been done before. */

/* Stops it in its pod, which runs. Return: 0 that is not done here: the pod has to go. */
int unit_stop(struct unit_run *k);
/* Starts it again if it was stopped there. Return: as unit_stop(). */
int unit_start(struct unit_run *k);
/* Whether it is stopped and its pod is there. */
int unit_is_stopped(const struct unit_run *k);
/* Whether the status, as the cache has it, says that it is stopped, or that one or the other is
 * under way. */
int unit_is_halted(const struct unit_run *k);
/* There is no pod that could have it. */
void unit_process_gone(struct unit_run *k);
void unit_told_free(struct ctl_unit *c);

/* OTHER AMOUNTS FOR A POD THAT RUNS (resize.c) */

/* The template's text without the amounts that can be changed in place; to be freed. 0; -ENOMEM. */
int unit_resize_shape(const struct cJSON *template, char **ret, struct bw_err *err);
/* Has the pod be what the template says, in place. Return: why it has to be made again; NULL: it
 * has not. */
const char *unit_resize(struct unit_run *k);
/* Says how far that is; after unit_pod(). */
void unit_resize_say(struct unit_run *k);
/* Bytes that the main container may use by now of those that are declared as "limits" or
 * "requests". */
int64_t unit_resize_memory(const struct unit_run *k, const char *kind, int64_t declared);

/* THE POD (build.c) */

/* The body of the pod. @b: empty. Returns the root; NULL when out of memory. */
struct cJSON *unit_build_pod(const struct unit_run *k, struct bw_json_build *b);
/* What the Unit announces: pod_ip, pod_name, service or host. */
const char *unit_address_type(const struct bw_db_unit *u);
/*
 * What other network plugins read of the pod's first version, into its annotations (modes.c). What
 * the template says of other networks stands there before.
 */
void unit_put_modes(const struct unit_run *k, struct bw_json_build *b, struct cJSON *notes);
/* An ownerReference to the Unit in the list "ownerReferences" of @meta. */
void unit_put_owner(const struct unit_run *k, struct bw_json_build *b, struct cJSON *meta,
		    int controller);
/* Judges the CREATE of a pod, the real one and the tried one. @arg: struct unit_trial. */
struct unit_trial {
	struct ctl_unit *c;
	int64_t generation;
	char uid[BW_KUBE_UID_MAX + 1];
	uint8_t dry;
};
struct unit_trial *unit_trial_new(struct unit_run *k, int dry);
enum bw_plan_next unit_trial_done(const struct bw_kube_answer *a, void *arg);
void unit_verdicts_free(struct ctl_unit *c);

/* THE FILES (config_names.c) */

/* Names that templates may use, but secrets. 0; -ENOMEM, or as bw_tmpl_put(). */
int unit_config_names(const struct unit_run *k, struct bw_tmpl_names *n, struct bw_err *err);
/* Bytes that a quantity such as 1.5Gi stands for. 0; -EINVAL; -ERANGE. */
int unit_quantity_bytes(const char *text, int64_t *ret);
/* Asks for the Units whose files have @old or @now in them. Of the store of Units. @arg: ctl_unit.
 */
void unit_peer_changed(struct bw_kube_object *old, struct bw_kube_object *now, void *arg);
void unit_by_peers(const struct bw_kube_object *o, bw_kube_index_put put, void *to);
/* The hash of a Secret in status.config; NULL = there is none. */
const char *unit_config_secret_of(const struct cJSON *status_config);
/* "UNIT-config", of ConfigMap and Secret. */
void unit_config_object(const struct unit_run *k, char out[BW_KUBE_NAME_MAX + 1]);

/* SECRETS (secrets.c) */

enum unit_read_state {
	UNIT_READ_ASKED, /* the plan reads it, and comes again */
	UNIT_READ_MISSING,
	UNIT_READ_FORBIDDEN,
	UNIT_READ_THERE,
};
/* A Secret of the Unit's namespace; @ret is borrowed for the reconcile, NULL when it is not there.
 */
enum unit_read_state unit_secret(struct unit_run *k, const char *name,
				 const struct bw_k_secret **ret);
/* What the server answered to a write of it. */
void unit_secret_answer(struct ctl_unit *c, const char *ns, const char *name,
			const struct bw_kube_answer *a);
/* Overwrites and frees. */
void unit_secret_wipe(struct bw_k_secret *s);
void unit_secrets_free(struct ctl_unit *c);

/* WHAT IS MADE BESIDE THE POD (made.c) */

/* What the server said to a write that no repetition helps. */
struct unit_refusal {
	struct bw_list node;
	const struct bw_kube_kind *kind;
	char ns[BW_KUBE_NS_MAX + 1];
	char name[BW_KUBE_NAME_MAX + 1];
	int64_t until_ns; /* it is asked again then */
	uint8_t exists; /* it was to be created, and there is one */
	uint8_t whose; /* enum unit_whose, of that one; UNIT_NOBODYS: it was not read yet */
	char text[256];
};
/* Borrowed for the reconcile; NULL: it was not refused lately. */
const struct unit_refusal *unit_refused(struct unit_run *k, const struct bw_kube_kind *kind,
					const char *name);
void unit_refusals_free(struct ctl_unit *c);
/* Plans a CREATE or a MERGE of an object of the Unit's namespace; takes @b. */
void unit_make(struct unit_run *k, enum bw_kube_verb verb, const struct bw_kube_kind *kind,
	       const char *name, struct bw_json_build *b);
/* Plans its deletion, by its UID. */
void unit_unmake(struct unit_run *k, const struct bw_kube_kind *kind, const struct bw_kube_meta *m);
/* The same, as long as it is what was seen. */
void unit_unmake_seen(struct unit_run *k, const struct bw_kube_kind *kind,
		      const struct bw_kube_meta *m);
/* The head of an object that is the Unit's: returns the root. */
struct cJSON *unit_put_head(const struct unit_run *k, struct bw_json_build *b, const char *api,
			    const char *kind, const char *name);
/*
 * Says in condition @type why an object is left alone; 0: it is not. One that exists and is in no
 * cache is read first, and nothing is said meanwhile.
 */
int unit_say_foreign(struct unit_run *k, const char *type, const char *what, const char *name,
		     enum unit_whose whose, const struct unit_refusal *refused);

/* THE SERVICE (service.c) */

struct unit_port {
	char name[32];
	int32_t port;
	const char *protocol;
};
/* Ports of the main container, each once; returns how many. */
size_t unit_ports(const struct bw_db_unit *u, struct unit_port out[UNIT_PORTS_MAX]);
/* Addresses of one family (AF_*) that the Service leads to; returns how many. */
size_t unit_service_ips(const struct unit_run *k, int family, const char **ret, size_t max);
