#include "common/kube/status.h"
#include "common/base/log.h"
#include "common/kube/json.h"

#include <ctype.h>

#define MESSAGE_BYTES 600 /* so that the hint behind it always fits into struct err */
#define CAUSES_MAX    5

/* What is known of a refusal, whatever form it came in. Strings are borrowed from json or empty. */
struct refusal {
	int http;
	cJSON *json; /* the Status, or NULL */
	const char *reason, *kind;
	struct buf text; /* the message, escaped and cut */
	bool page;       /* the answer was HTML: some proxy, not the API server */
};

static void drop_json(cJSON **json)
{
	cJSON_Delete(*json);
}

static void refusal_fini(struct refusal *r)
{
	cJSON_Delete(r->json);
	buf_fini(&r->text);
}

/* Where text may be cut at or before `cut`: neither inside a UTF-8 sequence nor inside an escape.
 */
static size_t clean_cut(const char *text, size_t cut)
{
	while (cut && ((unsigned char)text[cut] & 0xc0) == 0x80)
		cut--;
	for (size_t back = 1; back < 4 && back <= cut; back++) {
		if (text[cut - back] == '\\')
			return cut - back;
	}
	return cut;
}

/* Escaped, and the whole text cut at MESSAGE_BYTES. */
static void add_escaped(struct buf *text, const char *s, size_t n)
{
	auto_buf whole = BUF_INIT(4 * MESSAGE_BYTES);
	size_t room = text->len < MESSAGE_BYTES ? MESSAGE_BYTES - text->len : 0;

	log_escape(&whole, s, n < MESSAGE_BYTES ? n : MESSAGE_BYTES);
	if (whole.len <= room && n <= MESSAGE_BYTES) {
		buf_add(text, buf_text(&whole), whole.len);
		return;
	}
	if (room < 4)
		return;
	buf_add(text, buf_text(&whole),
		clean_cut(whole.data, whole.len < room - 3 ? whole.len : room - 3));
	buf_str(text, "...");
}

static size_t trimmed(const char **s, size_t n)
{
	while (n && isspace((unsigned char)**s)) {
		(*s)++;
		n--;
	}
	while (n && isspace((unsigned char)(*s)[n - 1]))
		n--;
	return n;
}

/* A proxy's error page says most in its title. */
static void add_page(struct buf *text, const char *body, size_t n)
{
	auto_free char *copy = xstrndup(body, n < 4096 ? n : 4096);
	const char *at = strcasestr(copy, "<title>");
	const char *end = at ? strcasestr(at, "</title>") : NULL;

	buf_str(text, "a web page came instead of the Kubernetes API");
	if (!end)
		return;
	at += strlen("<title>");
	n = trimmed(&at, (size_t)(end - at));
	buf_str(text, ", titled \"");
	add_escaped(text, at, n > 200 ? 200 : n);
	buf_char(text, '"');
}

/* Causes that the message doesn't already tell: 422 lists the fields there. */
static void add_causes(struct buf *text, const cJSON *status, const char *message)
{
	const cJSON *cause;
	int shown = 0;

	cJSON_ArrayForEach (cause, json_at(status, "details.causes")) {
		const char *field = json_str(cause, "field", "");
		const char *why = json_str(cause, "message", "");

		if (!*why || strstr(message, why))
			continue;
		if (++shown > CAUSES_MAX)
			break;
		buf_str(text, shown == 1 && !text->len ? "" : "; ");
		add_escaped(text, field, strlen(field));
		buf_str(text, *field ? ": " : "");
		add_escaped(text, why, strlen(why));
	}
}

static bool is_status(const cJSON *json)
{
	return cJSON_IsObject(json) && strcmp(json_str(json, "kind", ""), "Status") == 0;
}

static void read_refusal(struct refusal *r, int http, const char *body, size_t n)
{
	*r = (struct refusal){ .http = http, .reason = "", .kind = "" };
	buf_init(&r->text, 2 * MESSAGE_BYTES);
	n = trimmed(&body, n);
	r->json = json_parse(body, n);
	if (is_status(r->json)) {
		const char *message = json_str(r->json, "message", "");

		r->reason = json_str(r->json, "reason", "");
		r->kind = json_str(r->json, "details.kind", "");
		if (!r->http)
			r->http = json_int(r->json, "code", 0);
		add_escaped(&r->text, message, strlen(message));
		add_causes(&r->text, r->json, message);
	} else if (n && *body == '<') {
		r->page = true;
		add_page(&r->text, body, n);
	} else {
		add_escaped(&r->text, body, n);
	}
}

static bool says(const struct refusal *r, const char *words)
{
	return strcasestr(buf_text(&r->text), words) != NULL;
}

static bool no_rights(const struct refusal *r)
{
	return says(r, " cannot ") && says(r, "resource");
}

static bool over_quota(const struct refusal *r)
{
	return says(r, "exceeded quota");
}

static bool pod_security(const struct refusal *r)
{
	return says(r, "violates PodSecurity") || says(r, "pod security policy");
}

static bool no_account(const struct refusal *r)
{
	return says(r, "error looking up service account");
}

static bool no_class(const struct refusal *r)
{
	return says(r, "RuntimeClass \"");
}

static bool out_of_range(const struct refusal *r)
{
	return says(r, " usage per ") || says(r, "limit to request ratio per ");
}

static bool webhook(const struct refusal *r)
{
	return says(r, "admission webhook") || says(r, "admission policy") ||
	       says(r, "ValidatingAdmissionPolicy");
}

static bool ns_terminating(const struct refusal *r)
{
	return says(r, "being terminated");
}

static bool from_a_proxy(const struct refusal *r)
{
	return r->page;
}

static bool no_namespace(const struct refusal *r)
{
	return strcmp(r->kind, "namespaces") == 0;
}

static bool no_pod(const struct refusal *r)
{
	return strcmp(r->kind, "pods") == 0;
}

static bool no_such_api(const struct refusal *r)
{
	return !is_status(r->json) || says(r, "could not find the requested resource");
}

static bool exists(const struct refusal *r)
{
	return strcmp(r->reason, "AlreadyExists") == 0;
}

static bool exists_dying(const struct refusal *r)
{
	return exists(r) && says(r, "is being deleted");
}

static bool precondition(const struct refusal *r)
{
	return says(r, "Precondition failed") || says(r, "UID in precondition");
}

static bool clock_skew(const struct refusal *r)
{
	return says(r, "expired or is not yet valid") || says(r, "current time");
}

/* The first row that fits decides. http 0 is any; NULL fits always. */
static const struct {
	int http;
	bool (*fits)(const struct refusal *r);
	int code;
	const char *what_to_do;
} rows[] = {
	{ 400, webhook, -EINVAL, "a policy of this cluster refuses it; ask its administrator" },
	{ 400, NULL, -EINVAL, "the API server does not take this request as it is" },
	{ 401, clock_skew, -EACCES, "check this machine's clock, or sign in to the cluster again" },
	{ 401, NULL, -EACCES,
		"the cluster does not know these credentials; sign in again or check the "
		"kubeconfig's user" },
	{ 403, over_quota, -EDQUOT, "remove sandboxes, ask for less, or have the quota raised" },
	{ 403, pod_security, -EACCES,
		"this namespace admits only stricter Pods; --profile restricted passes the "
		"strictest" },
	{ 403, no_account, -EACCES, "make the service account, or name another" },
	{ 403, no_class, -EACCES, "\"kubectl get runtimeclasses\" lists those there are" },
	{ 403, out_of_range, -EACCES, "ask for what the namespace's LimitRange allows" },
	{ 403, webhook, -EACCES, "a policy of this cluster refuses it; ask its administrator" },
	{ 403, ns_terminating, -EACCES, "the namespace is going away; use another one" },
	{ 403, no_rights, -EACCES, "ask for the role printed by \"kubectl sbx doctor --role\"" },
	{ 403, from_a_proxy, -EACCES,
		"something between here and the cluster refuses; check the server URL and proxy "
		"settings" },
	{ 403, NULL, -EACCES, "ask for the role printed by \"kubectl sbx doctor --role\"" },
	{ 404, no_namespace, -ENOENT, "check the namespace (-n), or have it created" },
	{ 404, no_pod, -ENOENT, "\"kubectl sbx ls\" shows what is there" },
	{ 404, no_such_api, -ENOENT,
		"this server has no such API; check the server URL of the kubeconfig" },
	{ 404, NULL, -ENOENT, "check the name and the namespace (-n)" },
	{ 405, NULL, -EOPNOTSUPP, "this server does not offer that" },
	{ 408, NULL, -ETIMEDOUT, "try again" },
	{ 409, exists_dying, -EEXIST,
		"the old one is still going away; wait, or take another name" },
	{ 409, exists, -EEXIST, "take another name, or remove the old one first" },
	{ 409, precondition, -EBUSY, "another object has this name now; look again" },
	{ 409, NULL, -EBUSY, "it has been changed meanwhile; try again" },
	{ 410, NULL, -ESTALE, "what was known is too old; list again" },
	{ 413, NULL, -EMSGSIZE, "send less" },
	{ 415, NULL, -EINVAL, "this server does not take that form of change" },
	{ 422, NULL, -EINVAL, "correct these fields" },
	{ 429, NULL, -EAGAIN, "the API server is overloaded; try again in a while" },
	{ 500, NULL, -EIO, "the API server failed; its log tells more" },
	{ 502, NULL, -EHOSTUNREACH,
		"the API server cannot be reached through its proxy; try again" },
	{ 503, NULL, -EHOSTUNREACH, "the API server is not ready; try again" },
	{ 504, NULL, -ETIMEDOUT, "the API server took too long; try again" },
};

static void fallback(int http, int *code, const char **what_to_do)
{
	if (http >= 300 && http < 400) {
		*code = -EIO;
		*what_to_do =
			"the server sends elsewhere, which an API server never does; check its URL";
		return;
	}
	*code = http >= 400 && http < 500 ? -EINVAL : -EIO;
	*what_to_do = "check that the server URL is that of a Kubernetes API server";
}

static int decide(const struct refusal *r, const char **what_to_do)
{
	int code;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (rows[i].http == r->http && (!rows[i].fits || rows[i].fits(r))) {
			*what_to_do = rows[i].what_to_do;
			return rows[i].code;
		}
	}
	fallback(r->http, &code, what_to_do);
	return code;
}

int status_error(int http, const char *body, size_t n, const char *what, struct err *err)
{
	struct refusal r auto_with(refusal_fini);
	const char *what_to_do;
	int code;

	read_refusal(&r, http, body, n);
	code = decide(&r, &what_to_do);
	return err_set(err, code, "cannot %.200s: %s (HTTP %d); %s", what,
		r.text.len ? buf_text(&r.text) : "the server gave no reason", r.http, what_to_do);
}

bool status_is_expired(int http, const char *body, size_t n)
{
	cJSON *json auto_with(drop_json) = NULL;
	const char *reason;

	if (http == 410)
		return true;
	json = json_parse(body, n);
	if (!is_status(json))
		return false;
	reason = json_str(json, "reason", "");
	return json_int(json, "code", 0) == 410 || strcmp(reason, "Expired") == 0 ||
	       strcmp(reason, "Gone") == 0;
}
