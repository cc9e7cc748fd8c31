/*
 * One thread at a time renews (reads files, runs the plugin), without the
 * lock; the others wait for its result until their own deadlines. Who
 * waited for a renewal that failed gets the same error, except when it only
 * ran into the other's deadline or halt: then he tries himself.
 */
#include "common/kube/cred.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/base64.h"
#include "common/kube/credexec.h"
#include "common/kube/http.h"
#include "common/kube/impersonate.h"
#include "common/kube/kubeconfig.h"
#include "common/kube/pem.h"

#include <sys/stat.h>

#define TOKEN_FILE_MS    60000
#define EXPIRY_LEEWAY_MS 45000
#define ASK_AGAIN_MS     60000
#define RETRY_MS         10000
#define HALT_MS          100

/* Tells one state of a file from another. */
struct mark {
	ino_t ino;
	off_t size;
	struct timespec mtime;
};

struct marks {
	struct mark cert, key;
};

struct cred {
	struct cred_spec spec; /* immutable */

	pthread_mutex_t lock; /* all below */
	pthread_cond_t renewed;
	struct cred_now now; /* generation 0: nothing yet */
	struct marks marks;  /* of the certificate files behind now */
	int64_t token_read_ms;
	int64_t expires_wall_ms, renew_wall_ms; /* of a plugin's; 0: never */
	unsigned asked_again; /* the last rejected generation that was renewed for */
	int64_t ask_again_ms; /* from then on it may be once more */
	bool renewing;
	uint64_t renewals;
	int last_rc;
	struct err last_err;
};

static void wipe(char **at)
{
	if (*at)
		explicit_bzero(*at, strlen(*at));
	free(*at);
	*at = NULL;
}

void cred_now_fini(struct cred_now *now)
{
	if (!now)
		return;
	wipe(&now->authorization);
	wipe(&now->cert_pem);
	wipe(&now->key_pem);
}

static void spec_fini(struct cred_spec *s)
{
	char **all[] = { &s->who, &s->token_file, &s->token, &s->username, &s->password,
		&s->cert_file, &s->cert_pem, &s->key_file, &s->key_pem };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		wipe(all[i]);
	credexec_free(s->exec);
	s->exec = NULL;
}

void cred_free(struct cred *c)
{
	if (!c)
		return;
	spec_fini(&c->spec);
	cred_now_fini(&c->now);
	pthread_cond_destroy(&c->renewed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static bool uses_plugin(const struct cred *c)
{
	const struct cred_spec *s = &c->spec;

	return s->exec && !s->token && !s->token_file && !s->username && !s->cert_file &&
	       !s->cert_pem;
}

bool cred_renewable(const struct cred *c)
{
	return c->spec.token_file || c->spec.cert_file || c->spec.key_file || uses_plugin(c);
}

void cred_settings(const struct cred *c, cred_setting *fn, void *arg)
{
	const struct cred_spec *s = &c->spec;

	fn(arg, "token-file", s->token_file);
	fn(arg, "token", s->token);
	fn(arg, "username", s->username);
	fn(arg, "certificate-file", s->cert_file);
	fn(arg, "certificate", s->cert_file ? NULL : s->cert_pem);
	if (uses_plugin(c))
		credexec_settings(s->exec, fn, arg);
}

/* --- what there is now ----------------------------------------------------- */

static struct mark mark_of(const char *path)
{
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return (struct mark){ 0 };
	return (struct mark){ st.st_ino, st.st_size, st.st_mtim };
}

static struct marks marks_of(const struct cred *c)
{
	return (struct marks){ mark_of(c->spec.cert_file), mark_of(c->spec.key_file) };
}

static bool same_mark(const struct mark *a, const struct mark *b)
{
	return a->ino == b->ino && a->size == b->size && a->mtime.tv_sec == b->mtime.tv_sec &&
	       a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static char *trimmed(char *text)
{
	size_t n = strlen(text), lead = strspn(text, " \t\r\n");

	while (n > lead && strchr(" \t\r\n", text[n - 1]))
		n--;
	return xstrndup(text + lead, n - lead);
}

static int read_token_file(const struct cred_spec *s, char **ret, struct err *err)
{
	char *raw auto_with(wipe) = NULL, *token auto_with(wipe) = NULL;
	int rc = kubeconfig_read(s->token_file, &raw, err);

	if (rc < 0)
		return err_wrap(err, rc, "token file of %s", s->who);
	token = trimmed(raw);
	if (!*token || !header_value_ok(token))
		return err_set(err, -EINVAL, "token file %s of %s %s", s->token_file, s->who,
			*token ? "holds more than one line" : "is empty");
	*ret = take_ptr(token);
	return 0;
}

static char *basic(const char *username, const char *password)
{
	char *pair auto_with(wipe) = xprintf("%s:%s", username, password ? password : "");
	struct buf b = BUF_INIT(1 << 20);

	buf_str(&b, "Basic ");
	base64_encode(pair, strlen(pair), &b);
	return buf_steal(&b);
}

static int static_token(const struct cred_spec *s, char **ret, struct err *err)
{
	if (s->token_expires_wall_ms && clock_wall_ms() >= s->token_expires_wall_ms)
		return err_set(err, -EACCES,
			"the id-token of %s has expired and is not renewed here; log in again with "
			"the tool that "
			"wrote it, or change the user to an exec credential plugin (kubelogin)",
			s->who);
	*ret = xprintf("Bearer %s", s->token);
	return 0;
}

static int get_authorization(const struct cred_spec *s, char **ret, struct err *err)
{
	char *token auto_with(wipe) = NULL;
	int rc = s->token_file ? read_token_file(s, &token, err) : 0;

	if (rc < 0 && !s->token)
		return rc;
	if (token)
		*ret = xprintf("Bearer %s", token);
	else if (s->token)
		return static_token(s, ret, err);
	else if (s->username)
		*ret = basic(s->username, s->password);
	return 0;
}

static int get_certificate(const struct cred_spec *s, struct cred_now *now, struct err *err)
{
	char *cert auto_with(wipe) = xstrdup(s->cert_pem),
		   *key auto_with(wipe) = xstrdup(s->key_pem);
	int rc = 0;

	if (s->cert_file) {
		wipe(&cert);
		rc = kubeconfig_read(s->cert_file, &cert, err);
	}
	if (rc == 0 && s->key_file) {
		wipe(&key);
		rc = kubeconfig_read(s->key_file, &key, err);
	}
	if (rc == 0 && cert)
		rc = pem_check_pair(cert, key ? key : "", err);
	if (rc < 0)
		return err_wrap(err, rc, "%s", s->who);
	now->cert_pem = take_ptr(cert);
	now->key_pem = take_ptr(key);
	return 0;
}

/* --- renewing -------------------------------------------------------------- */

struct fresh {
	struct cred_now now;
	int64_t expires_wall_ms;
};

static int renew_by_plugin(const struct cred *c, int64_t deadline_ms, const struct halt *halt,
	struct fresh *f, struct err *err)
{
	struct credexec_answer a = { 0 };
	int rc = credexec_run(c->spec.exec, deadline_ms, halt, &a, err);

	if (rc < 0)
		return err_wrap(err, rc, "%s", c->spec.who);
	f->now.authorization = a.token ? xprintf("Bearer %s", a.token) : NULL;
	f->now.cert_pem = take_ptr(a.cert_pem);
	f->now.key_pem = take_ptr(a.key_pem);
	f->expires_wall_ms = a.expires_wall_ms;
	credexec_answer_fini(&a);
	return 0;
}

/* Without the lock. */
static int renew(const struct cred *c, int64_t deadline_ms, const struct halt *halt,
	struct fresh *f, struct err *err)
{
	int rc;

	if (uses_plugin(c))
		return renew_by_plugin(c, deadline_ms, halt, f, err);
	rc = get_authorization(&c->spec, &f->now.authorization, err);
	return rc < 0 ? rc : get_certificate(&c->spec, &f->now, err);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_now(const struct cred_now *a, const struct cred_now *b)
{
	return same_text(a->authorization, b->authorization) &&
	       same_text(a->cert_pem, b->cert_pem) && same_text(a->key_pem, b->key_pem);
}

/* Half of what is left, when that is longer than the leeway: a short-lived token is not asked for
 * always. */
static int64_t renew_at(int64_t expires_wall_ms)
{
	int64_t now = clock_wall_ms(), half = now + (expires_wall_ms - now) / 2;

	if (!expires_wall_ms)
		return 0;
	return expires_wall_ms - EXPIRY_LEEWAY_MS > half ? expires_wall_ms - EXPIRY_LEEWAY_MS
							 : half;
}

/* c->lock held. Takes what is in f. */
static void install(struct cred *c, struct fresh *f, const struct marks *marks)
{
	c->marks = *marks;
	c->token_read_ms = clock_now_ms();
	c->expires_wall_ms = f->expires_wall_ms;
	c->renew_wall_ms = renew_at(f->expires_wall_ms);
	if (c->now.generation && same_now(&c->now, &f->now)) {
		cred_now_fini(&f->now);
		return;
	}
	f->now.generation = c->now.generation + 1;
	cred_now_fini(&c->now);
	c->now = f->now;
}

/*
 * c->lock held. May the old ones serve on, though renewing failed? A file may be half replaced, a
 * plugin's server away for a moment. They may unless the server refused them or they have expired.
 */
static bool old_ones_serve(struct cred *c, unsigned rejected)
{
	int64_t now = clock_wall_ms();

	if (!c->now.generation || rejected == c->now.generation)
		return false;
	if (uses_plugin(c) && c->expires_wall_ms && now >= c->expires_wall_ms)
		return false;
	if (c->spec.token_expires_wall_ms && now >= c->spec.token_expires_wall_ms)
		return false;
	c->renew_wall_ms = uses_plugin(c) ? now + RETRY_MS : 0;
	c->token_read_ms = clock_now_ms();
	return true;
}

/* Of him who renewed alone. */
static bool is_own(int rc)
{
	return rc == -ETIMEDOUT || rc == -EINTR;
}

/* c->lock held; given up while it renews. */
static int renew_and_install(struct cred *c, unsigned rejected, const struct marks *marks,
	int64_t deadline_ms, const struct halt *halt, struct err *err)
{
	struct fresh f = { 0 };
	struct err why = { "" };
	int rc;

	c->renewing = true;
	pthread_mutex_unlock(&c->lock);
	rc = renew(c, deadline_ms, halt, &f, &why);
	pthread_mutex_lock(&c->lock);
	c->renewing = false;
	c->renewals++;
	if (rc == 0)
		install(c, &f, marks);
	else
		cred_now_fini(&f.now);
	if (rc <
		0) /* a failure is no answer, but is not to be repeated with every request either */
		c->ask_again_ms = clock_now_ms() + (is_own(rc) ? 0 : RETRY_MS);
	if (rc < 0 && old_ones_serve(c, rejected))
		rc = 0;
	c->last_rc = rc;
	c->last_err = why;
	pthread_cond_broadcast(&c->renewed);
	return rc < 0 ? err_set(err, rc, "%s", why.text) : 0;
}

/* c->lock held. */
static int wait_for_other(
	struct cred *c, int64_t deadline_ms, const struct halt *halt, struct err *err)
{
	uint64_t before = c->renewals;

	while (c->renewals == before) {
		int left = deadline_left(deadline_ms);
		struct timespec until =
			deadline_timespec(deadline_after(left < HALT_MS ? left : HALT_MS));

		if (halt && halted(halt))
			return err_set(err, -EINTR, "interrupted");
		if (pthread_cond_timedwait(&c->renewed, &c->lock, &until) == ETIMEDOUT &&
			c->renewals == before && deadline_passed(deadline_ms))
			return err_set(err, -ETIMEDOUT,
				"%s: its credentials are being asked for and did not come in time",
				c->spec.who);
	}
	if (c->last_rc < 0 && !is_own(c->last_rc))
		return err_set(err, c->last_rc, "%s", c->last_err.text);
	return 0;
}

/* c->lock held. */
static bool wants_renewal(struct cred *c, unsigned rejected, const struct marks *marks)
{
	if (!c->now.generation)
		return true;
	if (rejected && rejected == c->now.generation && cred_renewable(c) &&
		(c->asked_again != rejected || clock_now_ms() >= c->ask_again_ms))
		return true;
	if (c->renew_wall_ms && clock_wall_ms() >= c->renew_wall_ms)
		return true;
	if (c->spec.token_file && clock_now_ms() - c->token_read_ms >= TOKEN_FILE_MS)
		return true;
	if (c->spec.token_expires_wall_ms && clock_wall_ms() >= c->spec.token_expires_wall_ms)
		return true;
	return !same_mark(&marks->cert, &c->marks.cert) || !same_mark(&marks->key, &c->marks.key);
}

static int refused(const struct cred *c, struct err *err)
{
	if (!c->now.authorization && !c->now.cert_pem)
		return err_set(err, -EACCES,
			"the server wants credentials and %s has none; name another --user or "
			"--context",
			c->spec.who);
	return err_set(err, -EACCES,
		"the server does not accept the credentials of %s; log in again, or name another "
		"--user or --context",
		c->spec.who);
}

int cred_get(struct cred *c, unsigned rejected, int64_t deadline_ms, const struct halt *halt,
	struct cred_now *ret, struct err *err)
{
	struct marks marks = marks_of(c);
	scoped_lock(&c->lock);

	while (wants_renewal(c, rejected, &marks)) {
		int rc;

		if (c->renewing) {
			rc = wait_for_other(c, deadline_ms, halt, err);
			marks = c->marks;
		} else {
			c->asked_again = rejected == c->now.generation ? rejected : c->asked_again;
			c->ask_again_ms = clock_now_ms() + ASK_AGAIN_MS;
			rc = renew_and_install(c, rejected, &marks, deadline_ms, halt, err);
			if (rc == 0)
				break;
		}
		if (rc < 0)
			return rc;
	}
	if (rejected && rejected == c->now.generation)
		return refused(c, err);
	*ret = (struct cred_now){
		.authorization = xstrdup(c->now.authorization),
		.cert_pem = xstrdup(c->now.cert_pem),
		.key_pem = xstrdup(c->now.key_pem),
		.generation = c->now.generation,
	};
	return 0;
}

/* --- making one ------------------------------------------------------------ */

static int check(const struct cred_spec *s, struct err *err)
{
	if ((s->cert_file || s->cert_pem) && !s->key_file && !s->key_pem)
		return err_set(
			err, -EINVAL, "%s: a client certificate without a client key", s->who);
	if ((s->key_file || s->key_pem) && !s->cert_file && !s->cert_pem)
		return err_set(
			err, -EINVAL, "%s: a client key without a client certificate", s->who);
	if (s->token && !header_value_ok(s->token))
		return err_set(err, -EINVAL,
			"%s: its token holds a line break or another control character", s->who);
	return 0;
}

int cred_new(struct cred_spec *spec, struct cred **ret, struct err *err)
{
	struct cred *c = xcalloc(1, sizeof(*c));
	int rc;

	c->spec = *spec;
	*spec = (struct cred_spec){ 0 };
	if (!c->spec.who)
		c->spec.who = xstrdup("this user");
	pthread_mutex_init(&c->lock, NULL);
	clock_cond_init(&c->renewed);
	rc = check(&c->spec, err);
	if (rc < 0)
		cred_free(c);
	else
		*ret = c;
	return rc;
}

int cred_check(struct cred *c, struct err *err)
{
	struct marks marks = marks_of(c);
	struct fresh f = { 0 };
	int rc = uses_plugin(c) ? 0 : renew(c, 0, NULL, &f, err);

	if (rc < 0 || uses_plugin(c)) {
		cred_now_fini(&f.now);
		return rc;
	}
	{
		scoped_lock(&c->lock);
		install(c, &f, &marks);
	}
	return 0;
}
