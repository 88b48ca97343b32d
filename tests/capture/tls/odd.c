/* The client of drive.c in odd circumstances: TWICE, FORKS or PADDED. */
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef PADDED
#define TEXT(number) #number
#define SPACE(number) ".text\n.space " TEXT(number) "\n"
__asm__(SPACE(PADDED)); /* all that is linked behind moves by so much */
#endif

/* The parent greets the server and leaves the rest to its child. */
static int connect_and_fork(SSL *session)
{
	int done = SSL_connect(session), status;
	pid_t child = fork();

	if (!child)
		return done;
	close(SSL_get_fd(session));
	_exit(waitpid(child, &status, 0) != child || status);
}

#ifdef FORKS
#define SSL_connect connect_and_fork
#endif
#define main drive
#include "drive.c"
#undef main

int main(int count, char **words)
{
#ifdef TWICE
	int library = open(TWICE, O_RDONLY);

	if (mmap(0, 1 << 20, PROT_READ | PROT_EXEC, MAP_PRIVATE, library, 0) == MAP_FAILED)
		return 1;
#endif
	(void)connect_and_fork;
	return drive(count, words);
}
