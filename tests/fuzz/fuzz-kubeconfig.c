/*
 * YAML that is taken prints as YAML that is taken again as the same tree;
 * and a kubeconfig made of it loads or says why not, without touching files.
 */
#include "common/base/buf.h"
#include "common/kube/kubeconfig.h"
#include "common/kube/yaml.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* cJSON_Compare looks each member up by walking, twice: only for small trees. */
static size_t nodes(const cJSON *item)
{
	size_t n = 1;

	for (const cJSON *at = item->child; at; at = at->next)
		n += nodes(at);
	return n;
}

/* What is not UTF-8 changes when printed; libyaml lets none through. */
static void round_trip(const cJSON *tree)
{
	auto_buf text = BUF_INIT(64 << 20);
	cJSON *again = NULL;

	if (nodes(tree) > 2000 || yaml_print(tree, &text) < 0)
		return;
	assert(yaml_parse(buf_text(&text), text.len, &again, NULL) == 0);
	assert(cJSON_Compare(tree, again, true));
	cJSON_Delete(again);
}

static void fields(const struct kubeconfig *k, enum kubeconfig_kind kind)
{
	const struct kubeconfig_entry *e = kubeconfig_find(k, kind, "a");
	auto_free char *path = NULL, *bytes = NULL;
	const char *text = NULL;
	bool on;

	if (!e)
		return;
	kubeconfig_text(e, "server", &text, NULL);
	kubeconfig_bool(e, "insecure-skip-tls-verify", &on, NULL);
	if (kubeconfig_path(e, "tokenFile", &path, NULL) == 0 && path)
		assert(path[0] == '/');
	kubeconfig_data(e, "client-key-data", &bytes, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { "" };
	struct kubeconfig *k = NULL;
	cJSON *tree = NULL;
	int rc = yaml_parse((const char *)data, size, &tree, &err);

	assert((rc == 0) == (tree != NULL));
	assert(rc == 0 || err.text[0]);
	if (rc < 0)
		return 0;
	round_trip(tree);
	rc = kubeconfig_from_tree(tree, "FILE", "/dir", &k, &err);
	assert(rc == 0 || err.text[0]);
	for (int kind = KUBECONFIG_CLUSTER; rc == 0 && kind <= KUBECONFIG_CONTEXT; kind++)
		fields(k, (enum kubeconfig_kind)kind);
	kubeconfig_free(k);
	return 0;
}
