/* SPDX-License-Identifier: MIT
 *
 * Base64 (RFC 4648, section 4), for names in the journal that are no UTF-8.
 */
#ifndef CIPLUG_CORE_BASE64_H
#define CIPLUG_CORE_BASE64_H

#include "strbuf.h"

void base64_encode(struct strbuf *out, const void *data, size_t length);
/* Strict: whole groups of four, padded, nothing else. 0, or -1 (`out` then holds nothing of use).
 */
int base64_decode(struct strbuf *out, const char *text, size_t length);

#endif
