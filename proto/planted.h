/* planted - bugs that tests must find.
 *
 * PLANTED(name) is 0, and what depends on it is not compiled, unless the build has -DPLANTED_name=1:
 * then the naive variant of that place is back.  tests/planted/planted.def lists all of them with the test
 * that has to fail; `make planted` builds each and runs it.
 */
#ifndef PROTO_PLANTED_H
#define PROTO_PLANTED_H

/* The paste gives "0," for a name that is defined as 1, which moves the 1 to the second place. */
#define PLANTED_ARG_1 0,
#define PLANTED_SECOND(first, second, ...) second
#define PLANTED_TEST(junk) PLANTED_SECOND(junk 1, 0, 0)
#define PLANTED_PASTE(value) PLANTED_TEST(PLANTED_ARG_##value)
#define PLANTED_VALUE(value) PLANTED_PASTE(value)
#define PLANTED(name) PLANTED_VALUE(PLANTED_##name)

#endif
