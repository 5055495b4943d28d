#pragma once

/* `muster doctor`. */
#include "service/cli/verb.h"

int verb_doctor(struct verb_call *c);
