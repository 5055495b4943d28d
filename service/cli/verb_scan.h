#pragma once

/* `muster scan [TARGET...]` and `muster script run EXPR [TARGET...]`. */
#include "service/cli/verb.h"

int verb_scan(struct verb_call *c);
int verb_script_run(struct verb_call *c);
void verb_scan_init(void *args);
