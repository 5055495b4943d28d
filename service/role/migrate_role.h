/* The migrate role: brings the database to this program's schema, and ends. */
#pragma once

#define MIGRATE_AGAIN                                                                              \
    75 /* exit status EX_TEMPFAIL: no connection; every other failure needs a person */

/* config: path of the configuration.  Returns the exit status. */
int role_migrate(const char *config);
