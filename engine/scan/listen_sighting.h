/* Evidence of a frame as a sighting. */
#pragma once

#include "engine/model/sighting.h"
#include "engine/packet/hear_evidence.h"

/* The strings of *ret point into e. */
void listen_sighting(struct sighting *ret, const struct hear_evidence *e);
