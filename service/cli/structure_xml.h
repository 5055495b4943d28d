/* The structured output of a script, as the inventory holds it, as children of nmap's <script>
 * element: the reverse of what service/import reads. */
#pragma once

struct buf;

/* Nothing for text that is no JSON.  Failure is out->failed. */
void structure_xml(struct buf *out, const char *json);
