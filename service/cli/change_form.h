/* A change of the inventory, written for people and programs. */
#pragma once

#include "service/cli/table.h"

/* Texts as the database gives them; all may be NULL. */
struct change {
    const char *at; /* timestamptz */
    const char *zone;
    const char *address;
    const char *protocol; /* "tcp"; NULL: about the host */
    const char *port;
    const char *
        kind; /* "host", "port", "service", "script", "certificate", "hostkey", "mac", "hostname" */
    const char *name; /* of the script */
    const char
        *what; /* "appeared", "gone", "returned", "opened", "closed", "changed", "replaced" */
    const char *old_value, *new_value; /* for people */
    const char *service;               /* name of the service on the port */
    const char *seen;                  /* last sighting of what is gone */
    const char *old_json, *new_json;   /* the whole values */
};

enum change_form { CHANGE_TEXT, CHANGE_JSON, CHANGE_CSV, CHANGE_NDIFF };

struct change_writer {
    enum change_form form;
    struct table_style style;
    bool many_zones;     /* texts name the zone */
    char last_host[128]; /* CHANGE_NDIFF: whose head was written */
    bool head_written;   /* CHANGE_CSV */
};

/* -EINVAL for an unknown name. */
int change_form_from(const char *name);
void change_write(struct buf *out, struct change_writer *w, const struct change *c);
