#include "plugin/gcinstall.h"

#include "common/base/log.h"
#include "common/kube/json.h"
#include "plugin/pod.h"

#include <ctype.h>

#define ASK_MS 5000

/*
 * gc, or where the image has no kubectl-sbx its main part by kubectl alone: the same proof, the same
 * preconditions. Times are text of one form, so text compares them; %q keeps foreign annotations from
 * forging lines. The 15 seconds are LIFE_SLACK_MS.
 */
static const char script[] =
	"set -u\n"
	"command -v kubectl-sbx >/dev/null 2>&1 && exec kubectl-sbx gc $ALL\n"
	"now=$(date -u -d \"@$(($(date +%s) - 15))\" +%Y-%m-%dT%H:%M:%SZ) || exit 1\n"
	"over() { # over TIME\n"
	"  case $1 in '\"'20[0-9]*Z'\"') expr \"x$1\" \\< \"x\\\"$now\\\"\" >/dev/null ;; "
	"*) false ;; esac\n"
	"}\n"
	"list=$(kubectl get pods $ALL -l computesdk.io/managed=true -o go-template='\n"
	"  {{- range .items}}{{if not .metadata.deletionTimestamp}}{{with .metadata}}\n"
	"  {{- .namespace}} {{.name}} {{.uid}} {{.resourceVersion}}\n"
	"  {{- if .annotations}}\n"
	"  {{- printf \" %q\" (index .labels \"computesdk.io/sandbox-id\")}}\n"
	"  {{- printf \" %q\" (index .annotations \"kubectl-sbx/request\")}}\n"
	"  {{- printf \" %q\" (index .annotations \"kubectl-sbx/expires-at\")}}\n"
	"  {{- printf \" %q\" (index .annotations \"kubectl-sbx/idle-until\")}}\n"
	"  {{- printf \" %q\" (index .annotations \"kubectl-sbx/unfinished-until\")}}\n"
	"  {{- end}}{{\"\\n\"}}{{end}}{{end}}{{end}}') || exit 1\n"
	"bad=0\n"
	"while read -r ns name uid rv id request expires idle unfinished; do\n"
	"  [ \"$id\" = \"\\\"$name\\\"\" ] || continue\n"
	"  [ ${#request} = 18 ] || continue\n"
	"  for at in \"$expires\" \"$idle\" \"$unfinished\"; do\n"
	"    over \"$at\" || continue\n"
	"    echo \"$ns/$name: over since $at\"\n"
	"    printf '{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":"
	"{\"uid\":\"%s\",\"resourceVersion\":\"%s\"}}' \"$uid\" \"$rv\" |\n"
	"      kubectl delete --raw \"/api/v1/namespaces/$ns/pods/$name\" -f - >/dev/null || "
	"bad=1\n"
	"    break\n"
	"  done\n"
	"done <<END\n"
	"$list\n"
	"END\n"
	"exit $bad\n";

static void indented(const char *text, const char *indent)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		printf("%s%.*s\n", indent, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

/* CronJob left beta with 1.21. */
static const char *cronjob_version(struct kube *k)
{
	struct rest_request rq = { .method = "GET",
		.path = "/apis/batch/v1",
		.what = "ask for the batch API",
		.timeout_ms = ASK_MS };
	auto_json answer = NULL;
	const cJSON *one;

	if (!k || rest_call(k, &rq, &answer, NULL, NULL) < 0)
		return "batch/v1";
	cJSON_ArrayForEach (one, json_at(answer, "resources"))
		if (!strcmp(json_str(one, "name", ""), "cronjobs"))
			return "batch/v1";
	return "batch/v1beta1";
}

static void print_role(const char *ns, bool all)
{
	const char *kind = all ? "ClusterRole" : "Role";
	auto_free char *space = all ? xstrdup("") : xprintf(", namespace: %s", ns);

	printf("---\n"
	       "apiVersion: rbac.authorization.k8s.io/v1\n"
	       "kind: %s\n"
	       "metadata: {name: sbx-gc%s}\n"
	       "rules:\n"
	       "- {apiGroups: [\"\"], resources: [pods, services, podtemplates%s], "
	       "verbs: [get, list, delete]}\n"
	       "- {apiGroups: [batch], resources: [jobs], verbs: [get, list, delete]}\n"
	       "- {apiGroups: [networking.k8s.io], resources: [networkpolicies], "
	       "verbs: [get, list, delete]}\n",
		kind, space, all ? ", namespaces" : "");
	printf("---\n"
	       "apiVersion: rbac.authorization.k8s.io/v1\n"
	       "kind: %sBinding\n"
	       "metadata: {name: sbx-gc%s}\n"
	       "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: %s, name: sbx-gc}\n"
	       "subjects:\n"
	       "- {kind: ServiceAccount, name: sbx-gc, namespace: %s}\n",
		kind, space, kind, ns);
}

static void print_cronjob(
	const char *version, const char *ns, const char *image, const char *schedule, bool all)
{
	printf("---\n"
	       "apiVersion: %s\n"
	       "kind: CronJob\n"
	       "metadata: {name: sbx-gc, namespace: %s}\n"
	       "spec:\n"
	       "  schedule: \"%s\"\n"
	       "  concurrencyPolicy: Forbid\n"
	       "  successfulJobsHistoryLimit: 1\n"
	       "  failedJobsHistoryLimit: 1\n"
	       "  jobTemplate:\n"
	       "    spec:\n"
	       "      backoffLimit: 0\n"
	       "      activeDeadlineSeconds: 240\n"
	       "      template:\n"
	       "        spec:\n"
	       "          serviceAccountName: sbx-gc\n"
	       "          restartPolicy: Never\n"
	       "          securityContext: {runAsNonRoot: true, runAsUser: 65534, "
	       "seccompProfile: {type: RuntimeDefault}}\n"
	       "          volumes: [{name: tmp, emptyDir: {}}]\n"
	       "          containers:\n"
	       "          - name: gc\n"
	       "            image: \"%s\"\n"
	       "            env: [{name: ALL, value: \"%s\"}, {name: HOME, value: /tmp}]\n"
	       "            volumeMounts: [{name: tmp, mountPath: /tmp}]\n"
	       "            resources: {requests: {cpu: 10m, memory: 32Mi}, "
	       "limits: {cpu: 500m, memory: 256Mi}}\n"
	       "            securityContext: {allowPrivilegeEscalation: false, "
	       "readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}\n"
	       "            command:\n"
	       "            - sh\n"
	       "            - -c\n"
	       "            - |\n",
		version, ns, schedule, image, all ? "-A" : "");
	indented(script, "              ");
}

/* Into YAML's double quotes, and nothing that would end them. */
static bool plain(const char *text)
{
	for (const char *at = text; *at; at++)
		if (!isprint((unsigned char)*at) || *at == '"' || *at == '\\')
			return false;
	return *text;
}

int gc_install(struct cli *cli, const char *image, const char *schedule, bool all)
{
	auto_kube k = NULL;
	struct err err = { 0 };
	const char *ns = cli->flags.ns;
	int rc;

	if (!image)
		image = GC_IMAGE;
	if (!plain(image) || strchr(image, ' '))
		return cli_usage(cli, "--image wants an image");
	if (!plain(schedule))
		return cli_usage(cli, "--schedule wants five fields, like \"*/5 * * * *\"");
	rc = cli_open(cli, &k, &err);
	if (rc < 0 && !ns)
		return cli_failed(&err, rc);
	if (!ns)
		ns = kube_target(k)->ns;
	printf("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sbx-gc, namespace: %s}\n",
		ns);
	print_role(ns, all);
	print_cronjob(cronjob_version(k), ns, image, schedule, all);
	return cli_flush();
}
