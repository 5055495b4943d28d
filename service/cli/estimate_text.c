/* See estimate_text.h. */
#include "service/cli/estimate_text.h"

/* Two units are enough: it is an estimate. */
void estimate_span_write(struct buf *out, usec_t span)
{
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}};
    uint64_t s = span / USEC_PER_SEC;

    if (span == USEC_INFINITY) {
        buf_str(out, "centuries");
        return;
    }
    if (s == 0) {
        buf_str(out, "less than 1s");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (s < units[i].seconds)
            continue;
        buf_printf(out, "%llu%s", (unsigned long long)(s / units[i].seconds), units[i].unit);
        s %= units[i].seconds;
        if (i + 1 < ARRAY_LEN(units) && s / units[i + 1].seconds)
            buf_printf(out, " %llu%s", (unsigned long long)(s / units[i + 1].seconds),
                       units[i + 1].unit);
        return;
    }
}

void estimate_write(struct buf *out, const struct estimate_opts *o)
{
    struct estimate e;

    scan_estimate(o, &e);
    buf_printf(out, "%llu address%s", (unsigned long long)e.addresses,
               e.addresses == 1 ? "" : "es");
    if (e.networks)
        buf_printf(out, ", %llu asked at first (%u of each of %llu networks)",
                   (unsigned long long)e.asked, o->sample, (unsigned long long)e.networks);
    buf_printf(out, ": %llu", (unsigned long long)e.probes_min);
    if (e.probes_max > e.probes_min)
        buf_printf(out, " to %llu", (unsigned long long)e.probes_max);
    buf_str(out, " probes, ");
    estimate_span_write(out, e.time_min);
    if (e.probes_max > e.probes_min && e.time_max > e.time_min) {
        buf_str(out, " to ");
        estimate_span_write(out, e.time_max);
    }
    buf_printf(out, " at %.0f a second", o->rate);
}
