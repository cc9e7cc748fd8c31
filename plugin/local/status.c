#include "plugin/local/status.h"

static const struct {
	int code;
	const char *reason;
	const char *text;
} codes[] = {
	{ 200, "", "OK" },
	{ 201, "", "Created" },
	{ 400, "BadRequest", "Bad Request" },
	{ 401, "Unauthorized", "Unauthorized" },
	{ 403, "Forbidden", "Forbidden" },
	{ 404, "NotFound", "Not Found" },
	{ 405, "MethodNotAllowed", "Method Not Allowed" },
	{ 406, "NotAcceptable", "Not Acceptable" },
	{ 409, "Conflict", "Conflict" },
	{ 410, "Expired", "Gone" },
	{ 411, "BadRequest", "Length Required" },
	{ 413, "RequestEntityTooLarge", "Request Entity Too Large" },
	{ 415, "UnsupportedMediaType", "Unsupported Media Type" },
	{ 422, "Invalid", "Unprocessable Entity" },
	{ 429, "TooManyRequests", "Too Many Requests" },
	{ 500, "InternalError", "Internal Server Error" },
	{ 501, "NotImplemented", "Not Implemented" },
	{ 503, "ServiceUnavailable", "Service Unavailable" },
};

static size_t row(int code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return i;
	return sizeof(codes) / sizeof(codes[0]) - 3;
}

const char *status_http_text(int code)
{
	return codes[row(code)].text;
}

static cJSON *blank(const char *status)
{
	cJSON *s = cJSON_CreateObject();

	json_put_text(s, "kind", "Status");
	json_put_text(s, "apiVersion", "v1");
	cJSON_AddObjectToObject(s, "metadata");
	json_put_text(s, "status", status);
	return s;
}

cJSON *status_make(int code, const char *reason, const char *fmt, ...)
{
	auto_buf text = BUF_INIT(4096);
	cJSON *s = blank(code < 400 ? "Success" : "Failure");
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	json_put_text(s, "message", buf_text(&text));
	json_put_text(s, "reason", reason ? reason : codes[row(code)].reason);
	json_put_int(s, "code", code);
	return s;
}

cJSON *status_of(cJSON *status, const char *plural, const char *name)
{
	cJSON *details = json_object_at(status, "details");

	if (name && *name)
		json_put_text(details, "name", name);
	json_put_text(details, "kind", plural);
	return status;
}

int status_code(const cJSON *status)
{
	return (int)json_int(status, "code", 500);
}

cJSON *status_success(void)
{
	return blank("Success");
}

cJSON *status_exit(int code)
{
	cJSON *s = blank("Failure");
	cJSON *cause = cJSON_CreateObject();
	char number[16];

	snprintf(number, sizeof(number), "%d", code);
	cJSON_AddItemToObject(
		s, "message", cJSON_CreateString("command terminated with non-zero exit code"));
	json_put_text(s, "reason", "NonZeroExitCode");
	json_put_text(cause, "reason", "ExitCode");
	json_put_text(cause, "message", number);
	cJSON_AddItemToArray(json_array_at(json_object_at(s, "details"), "causes"), cause);
	return s;
}
