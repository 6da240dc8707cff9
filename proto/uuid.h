/* uuid - identities as the seed spells them: 36 lower-case characters. */
#ifndef PROTO_UUID_H
#define PROTO_UUID_H

#include <stdint.h>

void uuid_make(char ret[37]);                               /* random, version 4 */
void uuid_from_bytes(const uint8_t bytes[16], char ret[37]);    /* the same bytes, the same text */
int  uuid_check(const char *text);                          /* ERR_SYNTAX unless it is one */

#endif
