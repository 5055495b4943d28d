/* The core role: configuration, database, pass engine, alerts. */
#pragma once

/* Runs until the monitor says so.  Returns the exit status. */
int role_core(void);
