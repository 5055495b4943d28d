/* The shape of muster.yaml as one libcyaml schema: what cyaml_load() fills struct config from, and
 * what document.c checks the file against. */
#pragma once

#include <cyaml/cyaml.h>

extern const cyaml_schema_value_t config_schema;
