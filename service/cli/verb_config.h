#pragma once

/* `muster config check`. */
#include "service/cli/verb.h"

int verb_config_check(struct verb_call *c);
