/* coverage - in V=cov builds: what a child does counts, however it ends.
 *
 * gcov writes its counters when a process exits.  A child that ends by _exit or SIGKILL never does, and the signer's
 * may not open a file.  So the counters (gathered by coverage.ld) are one mapping that parent and children share, and
 * the program that was started writes them, alone.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern char coverage_begin[], coverage_end[];
void __real___gcov_exit(void);
void __wrap___gcov_exit(void);

static pid_t owner;

__attribute__((constructor(101), no_profile_instrument_function)) static void share(void)
{
    size_t size = (size_t)(coverage_end - coverage_begin);
    owner = getpid();
    if (mmap(coverage_begin, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        abort();
}

__attribute__((no_profile_instrument_function)) void __wrap___gcov_exit(void)
{
    if (getpid() == owner)
        __real___gcov_exit();
}
