/* layer: import
 * Any bytes as a file of nmap's XML, in pieces.  What is taken has hosts in order, each once, ports
 * that are open, and texts that end. */
#include "service/import/nmap_xml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t texts(const struct nmap_host *h)
{
    size_t n = h->finding.hostname ? strlen(h->finding.hostname) : 0;

    for (size_t i = 0; i < h->n_ports; i++) {
        const struct service_info *s = &h->ports[i].service;

        if (h->ports[i].state != PORT_OPEN || !h->ports[i].protocol)
            abort();
        n += s->name ? strlen(s->name) : 0;
        for (size_t k = 0; k < SERVICE_CPE_MAX; k++)
            n += s->cpe[k] ? strlen(s->cpe[k]) : 0;
    }
    for (size_t i = 0; i < h->n_results; i++) {
        const struct script_result *r = &h->results[i];

        if (!r->script[0] || (r->output && strlen(r->output) != r->output_len))
            abort();
        n += r->data ? strlen(r->data) : 0;
    }
    return n;
}

static void check(const struct nmap_run *run)
{
    size_t n = 0;

    if (!run->started)
        abort();
    for (size_t i = 0; i < run->n_hosts; i++) {
        const struct nmap_host *h = &run->hosts[i];

        if (i && addr_cmp(&h[-1].finding.address, &h->finding.address) >= 0)
            abort();
        if (h->finding.state != HOST_UP || !nmap_run_seen(run, h))
            abort();
        n += texts(h);
    }
    if (n > run->bytes)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct nmap_run *run = NULL;
    struct nmap_xml *x = NULL;
    struct err e = {0};
    size_t step = size ? 1 + data[0] : 1;
    int r = nmap_xml_open(&x, "input", &e);

    for (size_t at = 0; r == 0 && at < size; at += step)
        r = nmap_xml_feed(x, data + at, size - at < step ? size - at : step, &e);
    if (r == 0)
        r = nmap_xml_close(x, &run, &e);
    nmap_xml_free(x);
    if (r == 0)
        check(run);
    else if (!e.code || !e.text[0])
        abort();
    nmap_run_free(run);
    return 0;
}
