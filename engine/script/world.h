/* All that the script host may ask of whoever embeds it.  No call blocks; none calls back before it
 * returns. */
#pragma once

#include "engine/model/finding.h"

#include <stdint.h>

/* What a script wants to capture; valid during the call. */
struct script_capture {
    const char *device, *filter; /* libpcap expression */
    size_t snaplen;
    bool promiscuous;
};

struct script_world {
    void *user;
    /* One outcome for each (script, host, port) whose rule was evaluated true, and for each that
     * failed or was skipped for a reason. */
    void (*result)(void *user, uint64_t job, const struct script_result *r);
    /* A script changed a port's state or version (nmap.set_port_state, set_port_version). */
    void (*port_seen)(void *user, uint64_t job, const struct port_finding *p);
    /* nmap.add_targets; returns how many were taken.  May be NULL. */
    size_t (*target_add)(void *user, uint64_t job, const char *name);
    /* Raw frames; all NULL where there are none.  Send one on this device: Ethernet.  -EPERM out of
     * scope, -EAGAIN later, -ENODEV. */
    int (*raw_send)(void *user, uint64_t job, const char *device, const void *frame, size_t len);
    /* The same for a packet that begins with its IP header. */
    int (*raw_send_ip)(void *user, uint64_t job, const void *packet, size_t len);
    /* Frames come by script_host_raw_frame(). */
    int (*raw_open)(void *user, uint64_t job, const struct script_capture *c, uint32_t *ret_id);
    void (*raw_close)(void *user, uint32_t id);
    /* The prerules of the job ended; its hosts begin.  May be NULL. */
    void (*prerules_over)(void *user, uint64_t job);
    /* All threads of the job ended (its script_job_finish() was called before). */
    void (*job_done)(void *user, uint64_t job);
    /* One host of the job is through: all its host and port scripts ended. */
    void (*host_done)(void *user, uint64_t job, const struct addr *a);
    /* A script has held the processor for so much CPU time without a break, more than a second: it
     * is in a C function, which nothing interrupts.  Called again and again, FROM A SIGNAL HANDLER.
     * May leave by siglongjmp(3): then neither host nor loop may be touched any more.  May be NULL.
     */
    void (*stuck)(void *user, const char *script, usec_t cpu);
    /* stdnse.debug/verbose and log_write lines. */
    void (*log)(void *user, int pri, const char *script, const char *text);
};
