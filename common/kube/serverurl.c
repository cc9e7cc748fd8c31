#include "common/kube/serverurl.h"
#include "common/base/buf.h"

#include <ctype.h>

struct parts {
	const char *scheme; /* not ended */
	size_t scheme_len;  /* 0: none */
	const char *host;   /* with brackets */
	size_t host_len;
	int port; /* 0: none */
	const char *rest;
	bool user_info;
};

static bool all_visible(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text <= ' ' || (unsigned char)*text >= 0x7f ||
			strchr("\"<>\\^`{|}", *text))
			return false;
	}
	return true;
}

static bool host_ok(const char *host, size_t n)
{
	if (n > 2 && host[0] == '[')
		return strspn(host + 1, "0123456789abcdefABCDEF:.") == n - 2 && host[n - 1] == ']';
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)host[i]) && !strchr("-._", host[i]))
			return false;
	}
	return n > 0 && n < 256;
}

static int port_parse(const char *text, size_t n, int *ret)
{
	int port = 0;

	if (n == 0 || n > 5 || strspn(text, "0123456789") < n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (text[i] - '0');
	if (port < 1 || port > 65535)
		return -EINVAL;
	*ret = port;
	return 0;
}

/* scheme://user@host:port/rest */
static int split(const char *text, struct parts *p, struct err *err)
{
	const char *at = strstr(text, "://"), *end, *colon;

	*p = (struct parts){ 0 };
	if (!all_visible(text))
		return err_set(err, -EINVAL, "holds blanks or characters that no URL may hold");
	if (at && strcspn(text, "/") > (size_t)(at - text)) {
		p->scheme = text;
		p->scheme_len = (size_t)(at - text);
		text = at + 3;
	}
	end = text + strcspn(text, "/?#");
	for (at = end; at > text && !p->user_info; at--)
		p->user_info = at[-1] == '@';
	p->host = p->user_info ? at + 1 : text;
	colon = p->host[0] == '[' ? memchr(p->host, ']', (size_t)(end - p->host)) : p->host;
	colon = colon ? memchr(colon, ':', (size_t)(end - colon)) : NULL;
	p->host_len = (size_t)((colon ? colon : end) - p->host);
	p->rest = end;
	if (!host_ok(p->host, p->host_len))
		return err_set(err, -EINVAL, "has no valid host name in it");
	if (colon && port_parse(colon + 1, (size_t)(end - colon - 1), &p->port) < 0)
		return err_set(err, -EINVAL, "has a port that is not a number from 1 to 65535");
	return 0;
}

static bool scheme_is(const struct parts *p, const char *name)
{
	return strlen(name) == p->scheme_len && strncasecmp(p->scheme, name, p->scheme_len) == 0;
}

static char *joined(const struct parts *p, bool tls)
{
	size_t n = strcspn(p->rest, "?#");
	auto_buf b = BUF_INIT(64 * 1024);

	while (n && p->rest[n - 1] == '/')
		n--;
	buf_str(&b, tls ? "https://" : "http://");
	buf_add(&b, p->host, p->host_len);
	if (p->port)
		buf_printf(&b, ":%d", p->port);
	buf_add(&b, p->rest, n);
	return buf_steal(&b);
}

int serverurl_parse(const char *text, bool tls_by_default, struct serverurl *ret, struct err *err)
{
	struct parts p;
	bool tls, bracket;
	int rc = strlen(text) < 8192 ? split(text, &p, err) : err_set(err, -EINVAL, "is too long");

	if (rc < 0)
		return rc;
	if (p.user_info)
		return err_set(err, -EINVAL,
			"has a user name in it; put \"username\" and \"password\" into the "
			"kubeconfig's user");
	if (p.scheme_len && !scheme_is(&p, "https") && !scheme_is(&p, "http"))
		return err_set(err, -EINVAL, "must begin with https:// or http://");
	tls = p.scheme_len ? scheme_is(&p, "https") : tls_by_default;
	bracket = p.host[0] == '[';
	*ret = (struct serverurl){
		.url = joined(&p, tls),
		.host = xstrndup(p.host + bracket, p.host_len - 2 * bracket),
		.port = p.port ? p.port
			: tls  ? 443
			       : 80,
		.tls = tls,
	};
	return 0;
}

void serverurl_fini(struct serverurl *u)
{
	free(u->url);
	free(u->host);
	*u = (struct serverurl){ 0 };
}

int proxyurl_check(const char *text, struct err *err)
{
	struct parts p;
	int rc = strlen(text) < 8192 ? split(text, &p, err) : err_set(err, -EINVAL, "is too long");

	if (rc < 0)
		return rc;
	if (!scheme_is(&p, "http") && !scheme_is(&p, "https") && !scheme_is(&p, "socks5"))
		return err_set(err, -EINVAL, "must begin with http://, https:// or socks5://");
	return 0;
}
