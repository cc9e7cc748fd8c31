#include "plugin/local/access.h"
#include "common/base/base64.h"
#include "common/base/io.h"
#include "common/base/wire.h"
#include "plugin/local/folder.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/random.h>
#include <sys/socket.h>

#define TOKEN_BYTES 32

/* A port that nobody has at this moment. */
static int free_port(int *ret)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(a);
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return -errno;
	*ret = ntohs(a.sin_port);
	return 0;
}

int access_port(const char *home, int *ret, struct err *err)
{
	auto_free char *path = xprintf("%s/port", home);
	auto_free char *text = NULL;
	auto_buf old = BUF_INIT(16);
	uint64_t n;
	int port = 0, rc;

	if (io_read_file(path, &old) == 0 && parse_u64(buf_text(&old), 65535, &n) == 0 && n) {
		*ret = (int)n;
		return 0;
	}
	rc = free_port(&port);
	if (rc < 0)
		return err_set(err, rc, "finding a free port on 127.0.0.1: %s", strerror(-rc));
	text = xprintf("%d", port);
	rc = folder_write(home, "port", text, 0600);
	if (rc < 0)
		return err_set(err, rc, "writing %s: %s", path, strerror(-rc));
	*ret = port;
	return 0;
}

/* A process that was just killed still accepts, for a moment; only a living one shakes hands. */
static bool greets(int fd)
{
	struct timeval limit = { .tv_sec = 2 };
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = ctx ? SSL_new(ctx) : NULL;
	bool ok;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	ok = ssl && SSL_set_fd(ssl, fd) && SSL_connect(ssl) == 1;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	return ok;
}

bool access_answers(const char *home)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_free char *path = xprintf("%s/port", home);
	auto_buf text = BUF_INIT(16);
	uint64_t n;

	if (fd < 0 || io_read_file(path, &text) < 0 || parse_u64(buf_text(&text), 65535, &n) < 0)
		return false;
	a.sin_port = htons((uint16_t)n);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && greets(fd);
}

int access_token(const char *home, char **ret, struct err *err)
{
	auto_free char *path = xprintf("%s/token", home);
	auto_buf text = BUF_INIT(256);
	uint8_t bytes[TOKEN_BYTES];
	int rc;

	if (io_read_file(path, &text) == 0 && text.len == 2 * TOKEN_BYTES) {
		*ret = buf_steal(&text);
		return 0;
	}
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return err_set(err, -EIO, "the kernel gave no random bytes");
	buf_reset(&text);
	for (size_t i = 0; i < sizeof(bytes); i++)
		buf_printf(&text, "%02x", bytes[i]);
	rc = folder_write(home, "token", buf_text(&text), 0600);
	if (rc < 0)
		return err_set(err, rc, "writing %s: %s", path, strerror(-rc));
	*ret = buf_steal(&text);
	return 0;
}

int access_kubeconfig(const char *home, int port, const char *token, struct err *err)
{
	auto_free char *ca_path = xprintf("%s/tls/ca.crt", home);
	auto_buf ca = BUF_INIT(64 * 1024), text = BUF_INIT(256 * 1024);
	int rc = io_read_file(ca_path, &ca);

	if (rc < 0)
		return err_set(err, rc, "reading %s: %s", ca_path, strerror(-rc));
	buf_str(&text, "apiVersion: v1\nkind: Config\ncurrent-context: sbx-local\nclusters:\n"
		       "- name: sbx-local\n  cluster:\n");
	buf_printf(
		&text, "    server: https://127.0.0.1:%d\n    certificate-authority-data: ", port);
	base64_encode(buf_text(&ca), ca.len, &text);
	buf_str(&text, "\nusers:\n- name: sbx-local\n  user:\n");
	buf_printf(&text, "    token: %s\n", token);
	buf_str(&text, "contexts:\n- name: sbx-local\n  context:\n    cluster: sbx-local\n"
		       "    user: sbx-local\n    namespace: default\n");
	rc = folder_write(home, "kubeconfig", buf_text(&text), 0600);
	if (rc < 0)
		return err_set(err, rc, "writing %s/kubeconfig: %s", home, strerror(-rc));
	return 0;
}
