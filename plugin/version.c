#include "common/kube/json.h"
#include "common/base/log.h"
#include "plugin/cli.h"
#include "plugin/show.h"

#define SERVER_TIMEOUT_MS 5000

struct version {
	const char *output;
};

static const struct opt opts[] = {
	{ "output", 'o', OPT_TEXT, "FORMAT", "json", offsetof(struct version, output) },
	{ NULL },
};

static const struct example examples[] = {
	{ "of this program and of the cluster, if it can be reached", "version" },
	{ NULL },
};

/* malloc'ed; NULL when there is none to be had, and err says why */
static char *server_version(const struct cli *cli, struct err *err)
{
	struct rest_request rq = { .method = "GET",
		.path = "/version",
		.what = "ask the cluster's version",
		.timeout_ms = SERVER_TIMEOUT_MS };
	auto_kube k = NULL;
	auto_json answer = NULL;
	auto_buf shown = BUF_INIT(400);
	const char *text;
	int http;

	if (cli_open(cli, &k, err) < 0 || rest_call(k, &rq, &answer, &http, err) < 0)
		return NULL;
	text = json_str(answer, "gitVersion", "unknown");
	log_escape(&shown, text, strnlen(text, 80));
	return buf_steal(&shown);
}

static void print_json(const char *server)
{
	auto_json root = cJSON_CreateObject();
	auto_free char *text = NULL;

	cJSON_AddStringToObject(root, "clientVersion", SBX_VERSION);
	if (server)
		cJSON_AddStringToObject(root, "serverVersion", server);
	text = cJSON_Print(root);
	puts(text ? text : "{}");
}

static int run(struct cli *cli, const void *settings)
{
	const struct version *v = settings;
	auto_free char *server = NULL;
	struct err err = { 0 };

	if (cli->words.count || cli->words.dashes)
		return cli_usage(cli, "version takes no arguments");
	if (v->output && strcmp(v->output, "json"))
		return cli_usage(cli, "-o is json, not \"%.60s\"", v->output);
	server = server_version(cli, &err);
	if (v->output) {
		print_json(server);
		return cli_flush();
	}
	printf("client %s\n", SBX_VERSION);
	if (server)
		printf("server %s\n", server);
	else
		say("server unknown: %s", err_text(&err, -EIO));
	return cli_flush();
}

const struct verb verb_version = {
	.name = "version",
	.args = "[FLAGS]",
	.summary = "print the versions of client and cluster",
	.about =
		"Prints the version of this program, and that of the cluster if it can be reached.",
	.examples = examples,
	.opts = opts,
	.settings_bytes = sizeof(struct version),
	.run = run,
};
