/* Somebody nobody watches: stranger CALLS prints the nanoseconds that a read of one byte takes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int count, char **words)
{
	int zero = open("/dev/zero", O_RDONLY);
	long calls = count > 1 ? atol(words[1]) : 0;
	struct timespec start, end;
	char byte;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (long at = 0; at < calls; at++)
		if (read(zero, &byte, 1) != 1)
			return 1;
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.2f\n", ((end.tv_sec - start.tv_sec) * 1e9 + end.tv_nsec - start.tv_nsec) / calls);
	return 0;
}
