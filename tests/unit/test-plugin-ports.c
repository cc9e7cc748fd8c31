#include "plugin/ports.h"
#include "plugin/service.h"
#include "plugin/urltemplate.h"
#include "common/kube/json.h"
#include "tests/lib/test.h"

static void ports_are_read(void **state)
{
	static const struct {
		const char *word;
		uint16_t here, there;
	} cases[] = { { "80", 80, 80 }, { "8080:80", 8080, 80 }, { ":80", 0, 80 },
		{ "0:80", 0, 80 }, { "65535", 65535, 65535 }, { "1:2/tcp", 1, 2 } };
	struct port p;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_RC(port_parse_forward(cases[i].word, &p, NULL), 0);
		assert_int_equal(p.here, cases[i].here);
		assert_int_equal(p.there, cases[i].there);
	}
}

static void what_is_no_port_is_refused(void **state)
{
	static const char *const bad[] = { "", ":", "0", "80:", "80:0", "1:2:3", "65536", "-1",
		"+1", " 80", "80/", "80/sctp", "http", "8 0", "99999999999999999999" };
	struct port p = { 7, 7, false };
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_RC(port_parse_forward(bad[i], &p, &err), -EINVAL);
		CHECK_HAS(err.text, "from 1 to 65535");
		CHECK_RC(port_parse_service(bad[i], &p, &err), -EINVAL);
	}
	assert_int_equal(p.here, 7);
	CHECK_RC(port_parse_forward("53/udp", &p, &err), -EPROTONOSUPPORT);
	CHECK_HAS(err.text, "UDP");
	CHECK_RC(port_parse_service(":80", &p, &err), -EINVAL);
	CHECK_RC(port_parse_service("53:5353/udp", &p, &err), 0);
	assert_true(p.udp && p.here == 53 && p.there == 5353);
}

static void templates_are_filled(void **state)
{
	const struct url_words w = { "https", "web-svc", "dev", "web", 3000 };
	static const struct {
		const char *template, *url;
	} cases[] = {
		{ "x", "x" },
		{ "{protocol}://{port}-{service}.{namespace}.x", "https://3000-web-svc.dev.x" },
		{ "{name}{name}", "webweb" },
		{ "a}b", "a}b" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		auto_buf b = BUF_INIT(URL_MAX);

		CHECK_RC(url_template_check(cases[i].template, NULL), 0);
		url_fill(cases[i].template, &w, &b);
		CHECK_TEXT(buf_text(&b), cases[i].url);
	}
}

static void bad_templates_are_refused(void **state)
{
	static const char *const bad[] = { "", "{", "{port", "{Port}", "{}", "a b", "a\nb",
		"\x1b[m", "{host}", "{{port}}" };
	struct err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_RC(url_template_check(bad[i], &err), -EINVAL);
}

static cJSON *spec_of(const char *service, const struct port *ports, size_t n, const char *type)
{
	cJSON *s = service ? json_parse(service, strlen(service)) : NULL;
	cJSON *spec = service_spec(s, ports, n, type);

	cJSON_Delete(s);
	return spec;
}

static void check_spec(cJSON *spec, const char *wanted)
{
	char *text = cJSON_PrintUnformatted(spec);

	CHECK_TEXT(text, wanted);
	free(text);
	cJSON_Delete(spec);
}

static void a_services_ports_come_together(void **state)
{
	static const char there[] = "{\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"name\":\"tcp-"
				    "80\",\"protocol\":\"TCP\","
				    "\"port\":80,\"targetPort\":80,\"nodePort\":30080}]}}";
	const struct port more[] = { { 80, 8080, false }, { 80, 80, true } };

	check_spec(spec_of(NULL, more, 1, NULL),
		"{\"type\":\"ClusterIP\",\"ports\":[{\"name\":\"tcp-80\",\"protocol\":\"TCP\","
		"\"port\":80,\"targetPort\":8080}]}");
	check_spec(spec_of(there, more, 2, NULL),
		"{\"type\":\"NodePort\",\"ports\":[{\"name\":\"tcp-80\",\"protocol\":\"TCP\","
		"\"port\":80,\"nodePort\":30080,\"targetPort\":8080},{\"name\":\"udp-80\","
		"\"protocol\":\"UDP\",\"port\":80,\"targetPort\":80}]}");
	check_spec(spec_of(there, NULL, 0, "ClusterIP"),
		"{\"type\":\"ClusterIP\",\"ports\":[{\"name\":\"tcp-80\",\"protocol\":\"TCP\","
		"\"port\":80,\"targetPort\":80}]}");
}

static void check_url(const char *service, uint16_t port, const char *wanted)
{
	cJSON *s = json_parse(service, strlen(service));
	cJSON *pod = json_parse("{\"status\":{\"hostIP\":\"10.0.0.1\"}}", 32);
	const cJSON *entry = service_port(s, port);
	auto_buf b = BUF_INIT(256);

	assert_non_null(s);
	assert_non_null(pod);
	assert_non_null(entry);
	assert_int_equal(service_url(s, entry, pod, "http", &b), wanted != NULL);
	if (wanted)
		CHECK_TEXT(buf_text(&b), wanted);
	cJSON_Delete(pod);
	cJSON_Delete(s);
}

#define SERVICE(type, status)                                                                      \
	"{\"metadata\":{\"name\":\"w-svc\",\"namespace\":\"d\"},\"spec\":{\"type\":\"" type        \
	"\",\"ports\":[{\"port\":80,\"targetPort\":8080,\"nodePort\":30080}]},\"status\":" status  \
	"}"

static void a_service_is_reached_where_its_type_says(void **state)
{
	check_url(SERVICE("ClusterIP", "{}"), 8080, "http://w-svc.d.svc");
	check_url(SERVICE("NodePort", "{}"), 80, "http://10.0.0.1:30080");
	check_url(SERVICE("LoadBalancer", "{}"), 80, NULL);
	check_url(SERVICE("LoadBalancer",
			  "{\"loadBalancer\":{\"ingress\":[{\"hostname\":\"lb.x\"}]}}"),
		80, "http://lb.x");
	check_url(
		SERVICE("LoadBalancer", "{\"loadBalancer\":{\"ingress\":[{\"ip\":\"fd00::1\"}]}}"),
		80, "http://[fd00::1]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_read),
		cmocka_unit_test(what_is_no_port_is_refused),
		cmocka_unit_test(templates_are_filled),
		cmocka_unit_test(bad_templates_are_refused),
		cmocka_unit_test(a_services_ports_come_together),
		cmocka_unit_test(a_service_is_reached_where_its_type_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
