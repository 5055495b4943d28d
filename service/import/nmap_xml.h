/* Reads nmap's XML (-oX, nmap.dtd), in pieces as they come.
 *
 * The file is foreign: entities are refused (nmap declares none; nothing is ever fetched from
 * anywhere), depth, sizes and numbers have limits, and what the format's readers may ignore is
 * ignored.  A file that ends before </nmaprun> is refused as a whole: nmap was stopped, so what it
 * tells of its last hosts is cut, and nothing in it says which ones these are. */
#pragma once

#include "service/import/run.h"

struct nmap_xml;

/* name: of the file, for messages ("scan.xml:17: ..."); kept.  -ENOMEM. */
int nmap_xml_open(struct nmap_xml **ret, const char *name, struct err *e) MUST_USE;
struct nmap_xml *nmap_xml_free(struct nmap_xml *x);
void nmap_xml_freep(struct nmap_xml **x);

/* The next bytes.  -EBADMSG: the message says in which line, and what was expected; -E2BIG,
 * -ENOMEM.  After a failure nothing but nmap_xml_free() may be called. */
int nmap_xml_feed(struct nmap_xml *x, const void *data, size_t len, struct err *e) MUST_USE;
/* That was all.  *ret is the caller's.  As nmap_xml_feed(). */
int nmap_xml_close(struct nmap_xml *x, struct nmap_run **ret, struct err *e) MUST_USE;
