/* Certificates as scripts see them (nse-contract 11): userdata with fields. */
#pragma once

#include <lua.h>

/* Not OpenSSL's header: it brings the system's <sched.h>, which does not go with our own sched.h.
 */
typedef struct ssl_st SSL;

void l_cert_init(lua_State *L); /* part of l_socket_open() */
/* Pushes the peer's certificate; nil when there is none; nil and a sentence when its key cannot be
 * read.  Returns the number of values. */
int l_cert_push_peer(lua_State *L, SSL *ssl);
/* parse_ssl_certificate(der) -> certificate | nil[, reason] */
int l_parse_ssl_certificate(lua_State *L);
