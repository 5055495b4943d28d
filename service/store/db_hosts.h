/* The hosts of a connection string, where it names several.  libpq tries them in their order, and
 * one that takes the connection and then says nothing takes all of the time that there is: so the
 * next try begins with the one behind it. */
#pragma once

#include <stddef.h>

#define DB_HOSTS_KEYS 3 /* host, hostaddr, port */

struct db_hosts {
    char *
        list[DB_HOSTS_KEYS]; /* as in the string, from the first that is tried; NULL: not several */
};

/* Of a string that libpq can read; else, as with one host, there is nothing in it.  -ENOMEM. */
int db_hosts_read(struct db_hosts *h, const char *conninfo);
void db_hosts_done(struct db_hosts *h);
size_t db_hosts_count(const struct db_hosts *h);
/* The first becomes the last.  -ENOMEM: they stay as they are. */
int db_hosts_rotate(struct db_hosts *h);
/* DB_HOSTS_KEYS parameters for libpq; behind "dbname" they win over the string.  What has no value
 * counts for nothing there. */
void db_hosts_params(const struct db_hosts *h, const char **keys, const char **values);
