/*
 * What a person may wish of a new sandbox: the flags that all verbs share that
 * make one, which are also the settings of a profile (profile.h).
 */
#ifndef SBX_PLUGIN_WISHOPTS_H
#define SBX_PLUGIN_WISHOPTS_H

#include "plugin/opts.h"

/* Text is borrowed, of argv or of a profile; NULL, 0, OPT_UNSAID and an empty list: not wished. */
struct wish_opts {
	struct opt_list profiles;
	const char *image, *runtime, *file;
	struct opt_list env, env_files, meta, labels;
	const char *cpu, *memory, *limit_cpu, *limit_memory;
	int64_t ttl_ms, max_ttl_ms, idle_ms, pids;
	const char *network, *user, *workdir;
	enum opt_maybe non_root, read_only, host_paths;
	struct opt_list capabilities;
	const char *runtime_class, *service_account, *pull_policy;
	struct opt_list pull_secrets, node_selector, tolerations, volumes;
	int64_t pull_timeout_ms, schedule_timeout_ms;
};

#define WISH_PULL_TIMEOUT_MS     300000
#define WISH_SCHEDULE_TIMEOUT_MS 3000

/* To begin with: .wish = WISH_DEFAULTS */
#define WISH_DEFAULTS                                                                              \
	{                                                                                          \
		.pull_timeout_ms = WISH_PULL_TIMEOUT_MS,                                           \
		.schedule_timeout_ms = WISH_SCHEDULE_TIMEOUT_MS                                    \
	}

/* The flags that are settings too; at: the offset of a member of struct wish_opts in the verb's own. */
#define WISH_SETTINGS(at)                                                                          \
	{ "image", 0, OPT_TEXT, "IMAGE", "container image (debian:12-slim); it needs sh",          \
		at(image) },                                                                       \
		{ "runtime", 0, OPT_TEXT, "node|python", "its usual image, and the label for it",  \
			at(runtime) },                                                             \
		{ "env", 'e', OPT_LIST, "NAME=VALUE", "environment of the container; repeatable",  \
			at(env) },                                                                 \
		{ "env-file", 0, OPT_LIST, "FILE",                                                 \
			"NAME=VALUE lines, # comments; -e wins; repeatable", at(env_files) },      \
		{ "meta", 0, OPT_LIST, "KEY=VALUE", "kept with it as annotation; repeatable",      \
			at(meta) },                                                                \
		{ "label", 0, OPT_LIST, "KEY=VALUE", "a label of the Pod, for -l; repeatable",     \
			at(labels) },                                                              \
		{ "cpu", 0, OPT_TEXT, "AMOUNT", "CPU it asks for (250m)", at(cpu) },               \
		{ "memory", 0, OPT_TEXT, "AMOUNT", "memory it asks for (256Mi)", at(memory) },     \
		{ "limit-cpu", 0, OPT_TEXT, "AMOUNT", "CPU it gets at most (1)", at(limit_cpu) },  \
		{ "limit-memory", 0, OPT_TEXT, "AMOUNT", "memory it gets at most (1Gi)",           \
			at(limit_memory) },                                                        \
		{ "ttl", 0, OPT_SPAN, "TIME",                                                      \
			"it ends after this long: 30m, 8h; \"ttl\" changes it", at(ttl_ms) },      \
		{ "max-ttl", 0, OPT_SPAN, "TIME",                                                  \
			"the kubelet stops it then, whatever was said later\n"                     \
			"(with --ttl: 24h, or --ttl where that is longer)",                        \
			at(max_ttl_ms) },                                                          \
		{ "idle", 0, OPT_SPAN, "TIME",                                                     \
			"\"gc\" deletes it when for so long nothing was run in\n"                  \
			"it and no mount has shown it",                                            \
			at(idle_ms) },                                                             \
		{ "network", 0, OPT_TEXT, "none|egress|default",                                   \
			"none: reaches nobody and nobody reaches it; egress:\n"                    \
			"outwards only; default: as the namespace has it",                         \
			at(network) },                                                             \
		{ "user", 0, OPT_TEXT, "UID[:GID]", "whom it runs as (the image's user)",          \
			at(user) },                                                                \
		{ "non-root", 0, OPT_MAYBE, NULL,                                                  \
			"refuse to run as root, whatever the image says", at(non_root) },          \
		{ "read-only", 0, OPT_MAYBE, NULL,                                                 \
			"its files cannot be written, but /tmp and volumes", at(read_only) },      \
		{ "cap-add", 0, OPT_LIST, "NAME",                                                  \
			"a capability it has (none); \"default\": those of the\n"                  \
			"container runtime, as apt-get and su want; repeatable",                   \
			at(capabilities) },                                                        \
		{ "pids", 0, OPT_NUMBER, "N",                                                      \
			"at most so many processes of its user, not of root", at(pids) },          \
		{ "workdir", 0, OPT_TEXT, "DIR", "where its processes begin (the image's)",        \
			at(workdir) },                                                             \
		{ "volume", 'v', OPT_LIST, "VOLUME",                                               \
			"emptyDir:DIR[:SIZE], pvc:NAME:DIR[:ro],\n"                                \
			"configMap:NAME:DIR, secret:NAME:DIR; repeatable",                         \
			at(volumes) },                                                             \
		{ "allow-host-path", 0, OPT_MAYBE, NULL,                                           \
			"let -v hostPath:PATH:DIR[:ro] show the node's files", at(host_paths) },   \
		{ "service-account", 0, OPT_TEXT, "NAME",                                          \
			"its service account; no token is mounted", at(service_account) },         \
		{ "runtime-class", 0, OPT_TEXT, "NAME", "its RuntimeClass (gvisor, kata)",         \
			at(runtime_class) },                                                       \
		{ "node-selector", 0, OPT_LIST, "KEY=VALUE",                                       \
			"only on nodes with this label; repeatable", at(node_selector) },          \
		{ "toleration", 0, OPT_LIST, "KEY[=VALUE][:EFFECT]",                               \
			"also on nodes with this taint; repeatable", at(tolerations) },            \
		{ "pull-policy", 0, OPT_TEXT, "POLICY",                                            \
			"Always, IfNotPresent or Never (IfNotPresent)", at(pull_policy) },         \
		{ "pull-secret", 0, OPT_LIST, "NAME",                                              \
			"Secret for the image's registry; repeatable", at(pull_secrets) },         \
		{ "pull-timeout", 0, OPT_SPAN, "TIME", "how long its image may be pulled (5m)",    \
			at(pull_timeout_ms) },                                                     \
	{                                                                                          \
		"schedule-timeout", 0, OPT_SPAN, "TIME",                                           \
			"how long no node may have room for it (3s); longer\n"                     \
			"where an autoscaler brings nodes",                                        \
			at(schedule_timeout_ms)                                                    \
	}

/* Those that are not. */
#define WISH_OPTS(at)                                                                              \
	{ "profile", 0, OPT_LIST, "NAME", "flags kept under a name (see below); repeatable",       \
		at(profiles) },                                                                    \
	{                                                                                          \
		"filename", 'f', OPT_TEXT, "POD.yaml",                                             \
			"Pod to begin with, YAML or JSON; - is stdin.\n"                           \
			"Flags win over it, it wins over defaults",                                \
			at(file)                                                                   \
	}

/* What the help of each such verb says of profiles. */
#define WISH_ABOUT                                                                                 \
	"Profiles are flags under a name, in sbx/config.yaml of $XDG_CONFIG_HOME (~/.config), "    \
	"or $SBX_CONFIG:\n"                                                                        \
	"\n"                                                                                       \
	"{profile: small, profiles: {small: {cpu: 100m, env: {CI: 1}}}}\n"                         \
	"\n"                                                                                       \
	"The one called by \"profile\" is used when neither --profile nor -f is given. Of "        \
	"several the later wins, flags win over all. \"restricted\" is built in: what Pod "        \
	"Security \"restricted\" wants, as user 1000."

#endif
