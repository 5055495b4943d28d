/* The verbs about incidents, silences and maintenance windows. */
#pragma once

#include "service/cli/db_args.h"
#include "service/cli/verb.h"

struct alert_args {
    struct db_args db; /* first: the common options write here */
    struct option_list zones, networks, types, kinds, tags, owners, scripts, assets;
    const char *severity, *ports;
    const char *author, *reason;
    const char *from, *until;
    const char *on_end;
    usec_t span;
    bool lasting;
};

extern const struct option silence_options[], window_options[], ended_options[];

extern const struct verb incidents_verb, why_verb, silence_add_verb, silence_list_verb,
    silence_remove_verb, window_add_verb, window_list_verb, window_remove_verb;

int verb_silence_add(struct verb_call *c);
int verb_silence_list(struct verb_call *c);
int verb_silence_remove(struct verb_call *c);
int verb_window_add(struct verb_call *c);
int verb_window_list(struct verb_call *c);
int verb_window_remove(struct verb_call *c);
int verb_incidents(struct verb_call *c);
int verb_why(struct verb_call *c);
