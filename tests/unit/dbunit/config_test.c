/* SPDX-License-Identifier: Apache-2.0 */
/* The files of Units: what is in them, when they are there, and who may not see what. */
#include "story.h"

#include "storyfail.h"

#define CONF(name_, on_change_, template_, more_)                                                  \
	UNIT_JSON(name_, "",                                                                       \
		  ",\"config\":{\"onChange\":\"" on_change_                                        \
		  "\",\"templates\":[{\"name\":\"conf\",\"template\":\"" template_ "\"}]}" more_)
#define PEERS ",\"peers\":{\"selector\":{\"matchLabels\":{\"app\":\"redis\"}}}"
#define SECRET_JSON(value_)                                                                        \
	"{\"kind\":\"Secret\",\"metadata\":{\"name\":\"auth\",\"namespace\":\"db\"},\"data\":{"    \
	"\"word\":\"" value_ "\"}}"
#define HUSH "aHVzaGh1c2g=" /* hushhush */
#define LOUD "bG91ZGxvdWQ=" /* loudloud */

static void make(const char *json)
{
	bed_put(&u->bed, json);
	ubed_live(u, 8000);
}

static void change(const char *name, const char *json)
{
	bed_merge(&u->bed, SIM_UNIT, "db", name, NULL, json);
	ubed_live(u, 8000);
}

static void template_is(const char *name, const char *text)
{
	char json[512];

	(void)snprintf(json, sizeof(json),
		       "{\"spec\":{\"config\":{\"templates\":[{\"name\":\"conf\",\"template\":"
		       "\"%s\"}]}}}",
		       text);
	change(name, json);
}

static void uid_of(enum sim_kind_id kind, const char *name, char out[256])
{
	bed_get(&u->bed, kind, "db", name, "metadata.uid", out);
}

static unsigned int writes(void)
{
	unsigned int n = 0;

	for (int k = 0; k < SIM_KIND_MAX_; k++)
		if (k != SIM_LEASE && k != SIM_EPOCH && k != SIM_EVENT)
			n += ubed_versions(u, (enum sim_kind_id)k);
	return n;
}

/* A pod of a Unit with files is born when they are there, with its address in them. */
static void on_commit(const struct sim_version *v, const char *by, void *arg)
{
	const struct sim_key *k = v->key;
	char config[300];
	char ip[256];
	char map[256];
	char secret[256];

	(void)by;
	sim_server_committed(arg);
	if (!story_pod_is_born(v))
		return;
	(void)snprintf(config, sizeof(config), "%s-config", k->name);
	bed_get(&u->bed, SIM_CLAIM, k->namespace, k->name, "status.interfaces.0.ips.0", ip);
	bed_get(&u->bed, SIM_CONFIGMAP, k->namespace, config, "data.conf", map);
	bed_get(&u->bed, SIM_SECRET, k->namespace, config, "data.conf", secret);
	assert_true(*secret || strstr(map, ip));
}

static void a_file_has_the_address_before_there_is_a_pod(void **state)
{
	char hash[256];

	(void)state;
	sim_store_on_commit(u->bed.store, on_commit, &u->bed.server);
	make(CONF("r", "Restart",
		  "bind {{unit.address}} of {{unit.name}} ({{unit.mac}}) announce "
		  "{{unit.announce}} mem {{#resources.memory}}x{{/resources.memory}}",
		  ""));
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf",
		    "bind 10.99.2.1 of r (02:90:0a:63:02:01) announce 10.99.2.1 mem ");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "metadata.ownerReferences.0.kind", "Unit");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.0.name", "data");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.configMap.name", "r-config");
	ubed_expect(u, SIM_POD, "r", "spec.containers.0.volumeMounts.1.mountPath", "/etc/barewire");
	bed_get(&u->bed, SIM_UNIT, "db", "r", "status.config.desired", hash);
	assert_int_equal(strlen(hash), 16);
	print_message("# a file costs: Unit %u of its writes, ConfigMap %u\n",
		      ubed_versions(u, SIM_UNIT) - 1, ubed_versions(u, SIM_CONFIGMAP));
	assert_in_range(ubed_versions(u, SIM_UNIT) - 1, 1, 6);
	assert_int_equal(ubed_versions(u, SIM_CONFIGMAP), 1);
	ubed_expect(u, SIM_UNIT, "r", "status.config.delivered", hash);
	reason_is("NotFollowed", "");
}

static void what_cannot_be_followed_leaves_the_old_file(void **state)
{
	char uid[256];
	char now[256];

	(void)state;
	make(CONF("r", "Restart", "{{unit.adress}}", ""));
	reason_is("ConfigInvalid", "ConfigInvalid");
	reason_is("Ready", "ConfigInvalid");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Failed");
	ubed_expect(u, SIM_POD, "r", "metadata.name", "");
	template_is("r", "{{unit.address}}");
	reason_is("ConfigInvalid", "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	uid_of(SIM_POD, "r", uid);
	template_is("r", "{{nothing}}");
	reason_is("ConfigInvalid", "ConfigInvalid");
	reason_is("Ready", "Ready");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "10.99.2.1");
	uid_of(SIM_POD, "r", now);
	assert_string_equal(now, uid);
	/* And a pod that is lost meanwhile gets it. */
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 8000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
}

static void another_file_restarts_who_says_so(void **state)
{
	char hash[256];
	char uid[256];
	char now[256];

	(void)state;
	make(CONF("r", "None", "one {{unit.address}}", ""));
	uid_of(SIM_POD, "r", uid);
	bed_get(&u->bed, SIM_UNIT, "db", "r", "status.config.delivered", hash);
	template_is("r", "two {{unit.address}}");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "two 10.99.2.1");
	ubed_expect(u, SIM_UNIT, "r", "status.config.delivered", hash);
	uid_of(SIM_POD, "r", now);
	assert_string_equal(now, uid);
	change("r", "{\"spec\":{\"config\":{\"onChange\":\"Restart\"}}}");
	uid_of(SIM_POD, "r", now);
	assert_string_not_equal(now, uid);
	bed_get(&u->bed, SIM_UNIT, "db", "r", "status.config.desired", hash);
	ubed_expect(u, SIM_UNIT, "r", "status.config.delivered", hash);
	change("r", "{\"spec\":{\"config\":{\"onChange\":\"Signal\"}}}");
	reason_is("NotFollowed", "NotFollowed");
	/* Without files nothing is left of them. */
	change("r", "{\"spec\":{\"config\":null}}");
	ubed_live(u, 8000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_UNIT, "r", "status.config.desired", "");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "metadata.name", "");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.name", "");
}

static void peers_are_named_in_order(void **state)
{
	unsigned int n;

	(void)state;
	make(CONF("b", "None", "{{#peers}}{{name}}={{address}} {{/peers}}", PEERS));
	ubed_expect(u, SIM_CONFIGMAP, "b-config", "data.conf", "");
	make(UNIT_JSON("c", "", ""));
	make(CONF("a", "None", "{{#members}}{{name}} {{/members}}", PEERS));
	ubed_expect(u, SIM_CONFIGMAP, "b-config", "data.conf", "a=10.99.2.3 c=10.99.2.2 ");
	ubed_expect(u, SIM_CONFIGMAP, "a-config", "data.conf", "a b c ");
	n = writes();
	ubed_live(u, 600000);
	assert_int_equal(writes(), n);
	change("c", "{\"metadata\":{\"labels\":{\"app\":\"other\"}}}");
	ubed_expect(u, SIM_CONFIGMAP, "b-config", "data.conf", "a=10.99.2.3 ");
}

/* Wherever people without a right to Secrets look. */
static void is_hushed(void)
{
	for (size_t i = 0; i < sim_store_log_size(u->bed.store); i++) {
		const struct sim_version *v = sim_store_log(u->bed.store, i);

		if (v->key->kind != &sim_kinds[SIM_SECRET] && v->text &&
		    (strstr(v->text, "hushhush") || strstr(v->text, "loudloud") ||
		     strstr(v->text, HUSH)))
			fail_msg("a secret is in %s %s", v->key->kind->kind.kind, v->text);
	}
}

static void a_secret_makes_it_a_secret(void **state)
{
	char uid[256];
	char now[256];
	unsigned int n;

	(void)state;
	make(CONF("r", "Restart", "pass {{secret.auth.word}}", ""));
	reason_is("ConfigInvalid", "ConfigInvalid");
	bed_put(&u->bed, SECRET_JSON(HUSH));
	ubed_live(u, 35000);
	reason_is("ConfigInvalid", "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_SECRET, "r-config", "data.conf", "cGFzcyBodXNoaHVzaA==");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "metadata.name", "");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.secret.secretName", "r-config");
	uid_of(SIM_POD, "r", uid);
	n = writes();
	ubed_live(u, 600000);
	assert_int_equal(writes(), n);
	bed_merge(&u->bed, SIM_SECRET, "db", "auth", NULL, "{\"data\":{\"word\":\"" LOUD "\"}}");
	ubed_live(u, 310000);
	ubed_expect(u, SIM_SECRET, "r-config", "data.conf", "cGFzcyBsb3VkbG91ZA==");
	uid_of(SIM_POD, "r", now);
	assert_string_not_equal(now, uid);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	/* And back. */
	template_is("r", "open");
	ubed_live(u, 8000);
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "open");
	ubed_expect(u, SIM_SECRET, "r-config", "metadata.name", "");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.configMap.name", "r-config");
	is_hushed();
}

static void what_a_pod_mounts_stays_until_it_does_not(void **state)
{
	(void)state;
	bed_put(&u->bed, SECRET_JSON(HUSH));
	make(CONF("r", "None", "open", ""));
	template_is("r", "{{secret.auth.word}}");
	ubed_expect(u, SIM_SECRET, "r-config", "metadata.name", "r-config");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "metadata.name", "r-config");
	bed_delete(&u->bed, SIM_POD, "db", "r");
	ubed_live(u, 8000);
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.secret.secretName", "r-config");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "metadata.name", "");
	is_hushed();
}

/* Nobody watches Secrets: the status has to know of one until it is gone. */
static void a_pod_that_has_not_begun_waits_for_no_object_of_before(void **state)
{
	char is[256];

	(void)state;
	bed_put(&u->bed, SECRET_JSON(HUSH));
	bed_merge(&u->bed, SIM_NODE, NULL, "n1", NULL,
		  "{\"spec\":{\"taints\":[{\"key\":\"x\",\"effect\":\"NoSchedule\"}]}}");
	make(CONF("r", "None", "a", ""));
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.configMap.name", "r-config");
	template_is("r", "{{secret.auth.word}}");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.secret.secretName", "r-config");
	assert_int_equal(bed_count(&u->bed, SIM_CONFIGMAP), 0);
	bed_get(&u->bed, SIM_POD, "db", "r", "metadata.uid", is);
	template_is("r", "{{secret.auth.word}} b");
	ubed_expect(u, SIM_POD, "r", "metadata.uid", is);
}

static void a_secret_is_not_forgotten(void **state)
{
	static const struct {
		const char *what;
		const char *before; /* of a Unit that runs with a secret */
		const char *spec; /* what is declared next */
		const char *after;
	} all[] = {
		{ "without files", NULL, "{\"config\":null}", NULL },
		{ "in maintenance", "{\"maintenance\":true}", "{\"config\":null}",
		  "{\"maintenance\":false}" },
		{ "offline", "{\"startup\":false}",
		  "{\"config\":{\"templates\":[{\"name\":\"conf\",\"template\":\"open\"}]}}",
		  NULL },
		{ "offline and without files", "{\"startup\":false}", "{\"config\":null}", NULL },
		{ "offline, in maintenance", "{\"startup\":false,\"maintenance\":true}",
		  "{\"config\":{\"templates\":[{\"name\":\"conf\",\"template\":\"open\"}]}}",
		  "{\"maintenance\":false}" },
	};

	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		const char *const steps[] = { all[i].before, all[i].spec, all[i].after };
		char text[300];

		if (i) {
			(void)story_tear_down(state); /* never fails, ignoring */
			(void)story_set_up(state); /* never fails, ignoring */
		}
		print_message("# %s\n", all[i].what);
		bed_put(&u->bed, SECRET_JSON(HUSH));
		make(CONF("r", "None", "{{secret.auth.word}}", ""));
		ubed_expect(u, SIM_SECRET, "r-config", "metadata.name", "r-config");
		for (size_t x = 0; x < BW_ARRAY_SIZE(steps); x++) {
			if (!steps[x])
				continue;
			(void)snprintf(text, sizeof(text), "{\"spec\":%s}", steps[x]);
			change("r", text);
			/* What was known of Secrets is gone with whoever knew it. */
			ctl_ipam_lead(u->bed.ipam, 0);
			ubed_boot(u);
			ubed_live(u, 15000);
		}
		ubed_expect(u, SIM_SECRET, "r-config", "metadata.name", "");
		bed_get(&u->bed, SIM_UNIT, "db", "r", "status.config.delivered", text);
		assert_null(strstr(text, "secret-"));
	}
}

static void what_is_somebody_elses_is_left_alone(void **state)
{
	(void)state;
	bed_put(&u->bed,
		"{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"r-config\",\"namespace\":"
		"\"db\"},\"data\":{\"mine\":\"1\"}}");
	make(CONF("r", "Restart", "{{unit.address}}", ""));
	reason_is("ConfigForeign", "Foreign");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.mine", "1");
	ubed_expect(u, SIM_POD, "r", "metadata.name", "");
	bed_delete(&u->bed, SIM_CONFIGMAP, "db", "r-config");
	ubed_live(u, 40000);
	reason_is("ConfigForeign", "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	/* Who changes ours is undone. */
	bed_merge(&u->bed, SIM_CONFIGMAP, "db", "r-config", NULL,
		  "{\"data\":{\"conf\":\"x\",\"more\":\"y\"}}");
	ubed_live(u, 8000);
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "10.99.2.1");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.more", "");
}

/* Nobody else has made anything. */
static void on_commit_blame(const struct sim_version *v, const char *by, void *arg)
{
	on_commit(v, by, arg);
	if (v->key->kind == &sim_kinds[SIM_UNIT])
		assert_null(strstr(v->text, "Foreign"));
}

/* Watches are spread over the server's replicas: what one shows, the other does not for a while. */
static void a_cache_that_is_behind_blames_nobody(void **state)
{
	for (size_t i = 0; i < SIM_REPLICAS; i++) {
		(void)story_tear_down(state); /* never fails, ignoring */
		(void)story_set_up(state); /* never fails, ignoring */
		sim_store_on_commit(u->bed.store, on_commit_blame, &u->bed.server);
		u->bed.server.replicas[i].lag_ns = 20000000000LL;
		make(CONF("r", "Restart", "{{unit.address}}", ""));
		ubed_live(u, 300000);
		ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	}
}

static void quantities_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: it is none that is read */
	} all[] = {
		{ "0", 0 },
		{ "512", 512 },
		{ "1Ki", 1024 },
		{ "1.5Gi", 1610612736 },
		{ "64M", 64000000 },
		{ "0.5k", 500 },
		{ "8192Pi", -1 },
		{ "", -1 },
		{ "Gi", -1 },
		{ "1e3", -1 },
		{ "-1", -1 },
		{ "1.2.3", -1 },
		{ "9999999999999999999", -1 },
	};

	(void)state;
	for (size_t i = 0; i < BW_ARRAY_SIZE(all); i++) {
		int64_t bytes = -1;
		int r = unit_quantity_bytes(all[i].text, &bytes);

		assert_int_equal(r < 0 ? -1 : bytes, all[i].bytes);
	}
}

static void no_file_with_a_part_missing(const char *plan)
{
	if (strstr(plan, "\"data\":"))
		assert_non_null(strstr(plan, "\"data\":{\"more\":\"aHVzaGh1c2gxMC45OS4yLjE="));
}

static void a_failed_allocation_writes_nothing_wrong(void **state)
{
	bw_autofree char *want = NULL;
	int r;

	(void)state;
	bed_put(&u->bed, SECRET_JSON(HUSH));
	make(CONF("r", "Restart", "{{secret.auth.word}} {{#members}}{{address}}{{/members}}",
		  PEERS));
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ctl_ipam_lead(u->bed.ipam, 0);
	bed_merge(&u->bed, SIM_UNIT, "db", "r", NULL,
		  "{\"spec\":{\"config\":{\"templates\":[{\"name\":\"more\",\"template\":"
		  "\"{{secret.auth.word}}{{unit.address}}\"}]}}}");
	bed_delete(&u->bed, SIM_SERVICE, "db", "r");
	bed_delete(&u->bed, SIM_SLICE, "db", "r-ipv4");
	bed_run(&u->bed, 1000);
	want = story_plan(&r);
	assert_int_equal(r, 0);
	assert_non_null(strstr(want, "\"data\":{\"more\":"));
	assert_non_null(strstr(want, "\"conf\":null"));
	assert_non_null(strstr(want, "\"kind\":\"Service\""));
	assert_non_null(strstr(want, "\"kind\":\"EndpointSlice\""));
	story_fail_allocations(want, 100, no_file_with_a_part_missing);
}

/* CRASHES */

static unsigned int live_once(unsigned int crash_at)
{
	u->crash_at = crash_at;
	u->sent = 0;
	bed_put(&u->bed, SECRET_JSON(HUSH));
	make(CONF("r", "Restart", "bind {{unit.address}}", PEERS));
	ubed_live(u, 15000);
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	template_is("r", "pass {{secret.auth.word}} {{unit.address}}");
	ubed_live(u, 15000);
	ubed_expect(u, SIM_SECRET, "r-config", "data.conf", "cGFzcyBodXNoaHVzaCAxMC45OS4yLjE=");
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "metadata.name", "");
	ubed_expect(u, SIM_POD, "r", "spec.volumes.1.secret.secretName", "r-config");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	template_is("r", "open {{unit.address}}");
	ubed_live(u, 15000);
	ubed_expect(u, SIM_CONFIGMAP, "r-config", "data.conf", "open 10.99.2.1");
	ubed_expect(u, SIM_SECRET, "r-config", "metadata.name", "");
	ubed_expect(u, SIM_UNIT, "r", "status.phase", "Ready");
	ubed_expect(u, SIM_SLICE, "r-ipv4", "endpoints.0.addresses.0", "10.99.2.1");
	is_hushed();
	return u->sent;
}

static void a_crash_before_any_write_changes_nothing_in_the_end(void **state)
{
	(void)state;
	story_crash_everywhere(live_once, on_commit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORY(a_file_has_the_address_before_there_is_a_pod),
		STORY(what_cannot_be_followed_leaves_the_old_file),
		STORY(another_file_restarts_who_says_so),
		STORY(peers_are_named_in_order),
		STORY(a_secret_makes_it_a_secret),
		STORY(what_a_pod_mounts_stays_until_it_does_not),
		STORY(a_pod_that_has_not_begun_waits_for_no_object_of_before),
		STORY(a_secret_is_not_forgotten),
		STORY(what_is_somebody_elses_is_left_alone),
		STORY(a_cache_that_is_behind_blames_nobody),
		STORY(quantities_are_read),
		STORY(a_failed_allocation_writes_nothing_wrong),
		STORY(a_crash_before_any_write_changes_nothing_in_the_end),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
