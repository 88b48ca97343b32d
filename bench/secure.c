/* PORT REQUESTS: asks over one TLS connection, by OpenSSL or with -DGNUTLS; begins at a byte. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char request[] = "GET /850 HTTP/1.1\r\nHost: bench\r\n\r\n";
static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 850\r\n\r\n";
static char answer[16384];

#ifdef GNUTLS
#include <gnutls/gnutls.h>
static gnutls_session_t session;

static int open_session(int fd)
{
	gnutls_certificate_credentials_t nobody;

	gnutls_certificate_allocate_credentials(&nobody);
	gnutls_init(&session, GNUTLS_CLIENT);
	gnutls_set_default_priority(session);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, nobody);
	gnutls_transport_set_int(session, fd);
	return gnutls_handshake(session);
}
#define WRITE(data, size) gnutls_record_send(session, data, size)
#define READ(data, size) gnutls_record_recv(session, data, size)
#else
#include <openssl/ssl.h>
static SSL *session;

static int open_session(int fd)
{
	session = SSL_new(SSL_CTX_new(TLS_client_method()));
	SSL_set_fd(session, fd);
	return SSL_connect(session) != 1;
}
#define WRITE(data, size) SSL_write(session, data, size)
#define READ(data, size) SSL_read(session, data, size)
#endif

int main(int count, char **words)
{
	struct sockaddr_in at = {AF_INET, 0, {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	puts("ready");
	fflush(stdout);
	getchar();
	if (count != 3)
		return 2;
	at.sin_port = htons(atoi(words[1]));
	if (connect(fd, (struct sockaddr *)&at, sizeof(at)) || open_session(fd))
		return 1;
	for (int left = atoi(words[2]); left; left--) {
		WRITE(request, sizeof(request) - 1);
		for (int size = sizeof(head) - 1 + 850, now; size > 0; size -= now) {
			now = READ(answer, sizeof(answer));
			if (now < 0) /* a ticket, not an answer */
				now = 0;
		}
	}
	return 0;
}
