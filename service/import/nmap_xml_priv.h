/* Inside of the reader: where it stands, and what of the host at hand is known. */
#pragma once

#include "engine/base/buf.h"
#include "service/import/nmap_xml.h"
#include "service/import/structure.h"

#include <expat.h>

enum element {
    EL_TOP, /* outside of the root */
    EL_OTHER,
    EL_RUN,
    EL_FINISHED_IN, /* runstats */
    EL_FINISHED,
    EL_HOST,
    EL_STATUS,
    EL_ADDRESS,
    EL_HOSTNAMES,
    EL_HOSTNAME,
    EL_PORTS,
    EL_EXTRAPORTS,
    EL_PORT,
    EL_STATE,
    EL_SERVICE,
    EL_CPE,
    EL_HOSTSCRIPT,
    EL_SCRIPT,
    EL_TABLE,
    EL_ELEM,
};

/* Elements in each other: those of nmap and the tables of a script. */
#define XML_DEPTH_MAX (STRUCTURE_DEPTH_MAX + 16)
/* What one element says, at most: as much as a script may. */
#define XML_TEXT_MAX ((size_t)4 << 20)

struct nmap_xml {
    XML_Parser parser;
    char *name;
    struct nmap_run *run;
    struct err err; /* code 0: none so far */

    enum element stack[XML_DEPTH_MAX];
    unsigned depth;
    bool complete; /* the root is closed */

    struct nmap_host host; /* its findings wait here until it ends */
    bool has_status, has_address, answers;
    struct port_finding port;
    bool port_told; /* has a number and a protocol that the inventory knows */
    unsigned n_cpes;
    struct script_result script;
    struct structure structure;
    char *key;       /* of the <elem> at hand; NULL: none */
    struct buf text; /* of the element at hand, where it counts */
};

/* Stops the reading; the first failure counts.  The sentence says what was expected. */
void xml_fail(struct nmap_xml *x, int code, const char *fmt, ...) PRINTF(3, 4);
/* For a result < 0 of the run or a structure. */
void xml_check(struct nmap_xml *x, int r);
/* The value of an attribute; NULL: it is not there. */
const char *xml_attribute(const char **atts, const char *name);
/* The same as a number up to max; 0 when it is not there. */
uint64_t xml_number(struct nmap_xml *x, const char **atts, const char *name, uint64_t max);
/* A copy that the run keeps; NULL for NULL, and when it failed. */
const char *xml_keep(struct nmap_xml *x, const char *s);

/* nmap_elements.c.  What an element inside of another is, and does.  x->text is what it contained
 * when it ends. */
enum element xml_element(enum element parent, const char *name);
void xml_start(struct nmap_xml *x, enum element is, const char **atts);
void xml_end(struct nmap_xml *x, enum element is);
