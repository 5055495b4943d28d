/* The scanner role: raw packets for the core, and nothing else. */
#pragma once

/* Runs until the monitor says so.  Returns the exit status. */
int role_scanner(void);
