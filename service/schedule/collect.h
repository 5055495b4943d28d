/* Findings of a visit until their host is whole: hosts interleave on the way from scanner and
 * workers, and the store takes each once.
 *
 * Life of a host: findings in any order -> collect_done() -> handed out by collect_part() ->
 * collect_drop_part() when the store took it.  Everything is copied; memory is bounded by the
 * credits of the channel and by COLLECT_* below. */
#pragma once

#include "engine/base/addr.h"
#include "engine/model/finding.h"
#include "service/store/store.h"

struct collect;

#define COLLECT_PART_HOSTS 100           /* hosts of one part */
#define COLLECT_PORTS_MAX  65536         /* of a host; more are dropped and the host is unsure */
#define COLLECT_BYTES_MAX  (16ULL << 20) /* results of a host; more are dropped, likewise */
#define COLLECT_TEXTS_MAX  (16ULL << 20) /* all else that was said of it in words, likewise */
#define COLLECT_PART_BYTES (4ULL << 20)  /* a part ends early when its results are large */

struct collect *collect_new(void); /* NULL: no memory */
struct collect *collect_free(struct collect *c);
void collect_freep(struct collect **c);

/* 0, -ENOMEM; -EALREADY: the host was told already, the finding is late and dropped. */
int collect_host(struct collect *c, const struct host_finding *h) MUST_USE;
int collect_port(struct collect *c, const struct port_finding *p) MUST_USE;
int collect_result(struct collect *c, const struct script_result *r) MUST_USE;

enum collect_certainty { COLLECT_SURE, COLLECT_UNSURE };
/* No more comes for this host.  Hosts of which nothing else was said count as of unknown state. */
int collect_done(struct collect *c, const struct addr *a, enum collect_certainty how) MUST_USE;
/* The visit ends here: every host that is not done becomes done and unsure. */
void collect_end(struct collect *c);
/* Forgets what was found about a host that is not done: it will be asked again. */
void collect_forget(struct collect *c, const struct addr *a);

bool collect_is_done(struct collect *c, const struct addr *a);
size_t collect_waiting(const struct collect *c); /* hosts that are done and not dropped */
size_t
collect_told(const struct collect *c); /* hosts that were dropped after the store took them */
size_t collect_open(const struct collect *c); /* hosts that are not done */

/* Whether `is` holds for one of the hosts that are done and not dropped; user is passed on. */
bool collect_any(const struct collect *c, bool (*is)(void *user, const struct host_finding *h),
                 void *user);

/* The next part: up to COLLECT_PART_HOSTS hosts that are done, in the order in which they became
 * so.  The array is valid until collect_drop_part().  Returns their number; 0: none. */
size_t collect_part(struct collect *c, struct store_host **ret);
void collect_drop_part(struct collect *c);
