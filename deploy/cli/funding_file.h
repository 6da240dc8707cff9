/* funding_file - recorded funding rates from CSV, plain or gzip: ts_ms,rate.
 *
 * Format:  that header, then the settlement's UTC milliseconds and the rate as a plain decimal
 * fraction, positive when longs pay; rows ascend in time. Errors:  ERR_IO cannot open; ERR_CORRUPT
 * damaged gzip data; ERR_EMPTY no row; ERR_SYNTAX any other row, a rate beyond +-1 among them.  msg
 * then is "FILE:LINE: text". Memory:  *ret is the caller's, by free().
 */
#ifndef DEPLOY_CLI_FUNDING_FILE_H
#define DEPLOY_CLI_FUNDING_FILE_H

#include <stddef.h>

#include "libagent/core/backtest.h"

int funding_file_load(const char *path, struct backtest_funding **ret, size_t *n, char *msg,
                      size_t msg_size);

#endif
