/* Shared by the files compile*.c. */
#pragma once

#include "service/config/compile.h"

#define PLACE_MAX 128
#define MINUTE    (60 * USEC_PER_SEC)
#define HOUR      (60 * MINUTE)

struct compile {
    struct config *c;
    const struct document *d;
    struct problems *p;
    bool no_memory;
};

/* A problem at a place such as "zones[0].rate". */
#define WRONG(k, place, ...) problem_at((k)->p, (k)->d, place, __VA_ARGS__)

struct bounds {
    usec_t min, max, normal;
};

struct limits {
    uint32_t min, max, normal;
};

/* compile.c */
void compile_text(struct compile *k, char **field, const char *value);
void compile_place(char ret[PLACE_MAX], const char *place, const char *key);
/* Whether the document has the key. */
bool compile_has(const struct compile *k, const char *place, const char *key);
/* The default where there is no text. */
usec_t compile_span(struct compile *k, const char *place, const char *key, const char *text,
                    struct bounds b);
uint32_t compile_number(struct compile *k, const char *place, const char *key, uint32_t value,
                        struct limits l);
void compile_name(struct compile *k, const char *place, const char *key, const char *name);
void compile_prefixes(struct compile *k, const char *place, char **texts, uint32_t n,
                      struct addr_set *set);
/* Makes a file name absolute: relative ones start where the configuration is. */
void compile_path(struct compile *k, char **path);
/* "file:/path" or "cred:NAME", or a problem. */
void compile_reference(struct compile *k, const char *place, const char *text);

/* compile_names.c: name servers of the whole, and of a zone. */
void compile_resolver(struct compile *k);
void compile_names(struct compile *k, struct config_zone *z, const char *place);

/* compile_route.c: routes of alerts, and the settings around them. */
void compile_routes(struct compile *k);

/* compile_endpoint.c */
void compile_endpoints(struct compile *k);

/* compile_pass.c: the passes of a zone, made when it has none. */
void compile_passes(struct compile *k, struct config_zone *z, const char *place);
