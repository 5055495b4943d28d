/* The journal as the sink of engine/base/log: each record with its fields, and a MESSAGE_ID for the
 * events of systemd/muster.catalog. */
#pragma once

#include <stdbool.h>

/* Puts the sink in place when stderr is the journal ($JOURNAL_STREAM names it); else leaves the
 * sink alone and returns false. role: MUSTER_ROLE of each record; not copied. */
bool journal_install(const char *role);

/* The 128-bit id of an event as 32 hex digits; NULL when the catalog has none. */
const char *journal_message_id(const char *event);
