/* PORT REQUESTS: a keep-alive client by OpenSSL or, with -DGNUTLS, by GnuTLS; begins at a byte. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char request[] = "GET /850 HTTP/1.1\r\nHost: drive\r\n\r\n";
static char answer[65536];

#ifdef GNUTLS
#include <gnutls/gnutls.h>
static gnutls_session_t session;
static void open_session(int fd)
{
	static gnutls_certificate_credentials_t nobody;

	gnutls_certificate_allocate_credentials(&nobody);
	gnutls_init(&session, GNUTLS_CLIENT);
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, nobody);
	gnutls_transport_set_int(session, fd);
	if (gnutls_handshake(session))
		exit(1);
}
#define WRITE(data, size) gnutls_record_send(session, data, size)
#define READ(data, size) gnutls_record_recv(session, data, size)
#define CLOSE() (gnutls_bye(session, GNUTLS_SHUT_RDWR), gnutls_deinit(session))
#else
#include <openssl/ssl.h>
static SSL *session;
static void open_session(int fd)
{
	session = SSL_new(SSL_CTX_new(TLS_client_method()));
	SSL_set_fd(session, fd);
	if (SSL_connect(session) != 1)
		exit(1);
}
#define WRITE(data, size) SSL_write(session, data, size)
#define READ(data, size) SSL_read(session, data, size)
#define CLOSE() (SSL_shutdown(session), SSL_shutdown(session), SSL_free(session))
#endif

int main(int count, char **words)
{
	struct sockaddr_in at = {AF_INET, htons(atoi(words[1])), {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0), size, read_now;
	char *body;

	puts("ready");
	fflush(stdout);
	getchar();
	if (count != 3 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return 1;
	open_session(fd);
	for (int left = atoi(words[2]); left; left--) {
		WRITE(request, sizeof(request) - 1);
		memset(answer, 0, sizeof(answer));
		for (size = 0; !(body = strstr(answer, "\r\n\r\n")) || answer + size < body + 854;) {
			read_now = READ(answer + size, 99);
			size += read_now > 0 ? read_now : 0;
		}
	}
	CLOSE();
	return read(fd, answer, 1); /* the server has closed */
}
