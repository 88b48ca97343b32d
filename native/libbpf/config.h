/* What elfutils' configure would find on any Linux with glibc 2.28 or later. */
#define HAVE_DECL_MEMPCPY 1
#define HAVE_DECL_MEMRCHR 1
#define HAVE_DECL_POWEROF2 1
#define HAVE_DECL_RAWMEMCHR 1
#define HAVE_DECL_REALLOCARRAY 1
#define HAVE_ERR_H 1
#define HAVE_STDATOMIC_H 1
#define HAVE_STRERROR_R 1
#define HAVE_VISIBILITY 1
#define STRERROR_R_CHAR_P 1

#define _(text) text
#define N_(text) text

#include "eu-config.h"
