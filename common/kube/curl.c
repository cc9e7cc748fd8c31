#include "common/kube/curl.h"

#include "common/kube/crypto.h"
#include "common/kube/library.h"

#include <curl/curl.h>
#include <stdarg.h>

/* Here the functions are meant, not the macros that check what is given to them. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define FUNCTIONS(X)                                                                               \
	X(curl_easy_cleanup)                                                                       \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_init)                                                                          \
	X(curl_easy_recv)                                                                          \
	X(curl_easy_send)                                                                          \
	X(curl_easy_setopt)                                                                        \
	X(curl_easy_strerror)                                                                      \
	X(curl_getdate)                                                                            \
	X(curl_global_init)                                                                        \
	X(curl_multi_add_handle)                                                                   \
	X(curl_multi_cleanup)                                                                      \
	X(curl_multi_info_read)                                                                    \
	X(curl_multi_init)                                                                         \
	X(curl_multi_perform)                                                                      \
	X(curl_multi_poll)                                                                         \
	X(curl_multi_remove_handle)                                                                \
	X(curl_multi_setopt)                                                                       \
	X(curl_slist_append)                                                                       \
	X(curl_slist_free_all)

static struct {
	FUNCTIONS(LIBRARY_MEMBER)
} table;

/* libcurl counts its users in a global; its own lazy start is not safe everywhere. */
static void begin(void)
{
	table.curl_global_init(CURL_GLOBAL_DEFAULT);
}

static struct library library = LIBRARY_INIT("libcurl.so.4", table, FUNCTIONS, begin);

int curl_load(struct err *err)
{
	crypto_load(NULL); /* first, as it says; a libcurl over another TLS library does without */
	return library_need(&library, err);
}

/* --- options: one argument, whose type the option's number tells ------------------------------ */

CURLcode curl_easy_setopt(CURL *curl, CURLoption option, ...)
{
	CURLcode rc;
	va_list ap;

	va_start(ap, option);
	if (option < CURLOPTTYPE_OBJECTPOINT)
		rc = table.curl_easy_setopt(curl, option, va_arg(ap, long));
	else if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB)
		rc = table.curl_easy_setopt(curl, option, va_arg(ap, curl_off_t));
	else
		rc = table.curl_easy_setopt(curl, option, va_arg(ap, void *));
	va_end(ap);
	return rc;
}

CURLMcode curl_multi_setopt(CURLM *multi, CURLMoption option, ...)
{
	CURLMcode rc;
	va_list ap;

	va_start(ap, option);
	if ((int)option < CURLOPTTYPE_OBJECTPOINT)
		rc = table.curl_multi_setopt(multi, option, va_arg(ap, long));
	else if ((int)option >= CURLOPTTYPE_OFF_T)
		rc = table.curl_multi_setopt(multi, option, va_arg(ap, curl_off_t));
	else
		rc = table.curl_multi_setopt(multi, option, va_arg(ap, void *));
	va_end(ap);
	return rc;
}

CURLcode curl_easy_getinfo(CURL *curl, CURLINFO info, ...)
{
	CURLcode rc;
	va_list ap;

	va_start(ap, info);
	rc = table.curl_easy_getinfo(curl, info, va_arg(ap, void *));
	va_end(ap);
	return rc;
}

/* --- the rest ----------------------------------------------------------------------------------- */

CURL *curl_easy_init(void)
{
	return table.curl_easy_init();
}

/* Of a handle that was never made, too. */
void curl_easy_cleanup(CURL *curl)
{
	if (curl)
		table.curl_easy_cleanup(curl);
}

CURLcode curl_easy_recv(CURL *curl, void *buffer, size_t n, size_t *ret)
{
	return table.curl_easy_recv(curl, buffer, n, ret);
}

CURLcode curl_easy_send(CURL *curl, const void *buffer, size_t n, size_t *ret)
{
	return table.curl_easy_send(curl, buffer, n, ret);
}

const char *curl_easy_strerror(CURLcode code)
{
	return table.curl_easy_strerror(code);
}

time_t curl_getdate(const char *text, const time_t *unused)
{
	return table.curl_getdate(text, unused);
}

CURLM *curl_multi_init(void)
{
	return table.curl_multi_init();
}

CURLMcode curl_multi_cleanup(CURLM *multi)
{
	return multi ? table.curl_multi_cleanup(multi) : CURLM_OK;
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *curl)
{
	return table.curl_multi_add_handle(multi, curl);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *curl)
{
	return table.curl_multi_remove_handle(multi, curl);
}

CURLMcode curl_multi_perform(CURLM *multi, int *running)
{
	return table.curl_multi_perform(multi, running);
}

CURLMcode curl_multi_poll(
	CURLM *multi, struct curl_waitfd extra[], unsigned n, int timeout_ms, int *ret)
{
	return table.curl_multi_poll(multi, extra, n, timeout_ms, ret);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *left)
{
	return table.curl_multi_info_read(multi, left);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text)
{
	return table.curl_slist_append(list, text);
}

void curl_slist_free_all(struct curl_slist *list)
{
	if (list)
		table.curl_slist_free_all(list);
}
