/* JSON of a script's structure as children of nmap's <script>. */
#include "engine/base/buf.h"
#include "service/cli/structure_xml.h"
#include "tests/support/main.h"

#include <string.h>

static const struct {
    const char *name, *json, *xml;
} cases[] = {
    {"nothing", NULL, ""},
    {"no JSON", "{", ""},
    {"a text alone", "\"x\"", ""},
    {"keys", "{\"b\":\"x\",\"a\":1}", "<elem key=\"b\">x</elem>\n<elem key=\"a\">1</elem>\n"},
    {"a list", "[\"x\",true,null,1.5,-3]",
     "<elem>x</elem>\n<elem>true</elem>\n<elem></elem>\n<elem>1.5</elem>\n<elem>-3</elem>\n"},
    {"tables", "{\"t\":[{\"k\":\"v\"},[]]}",
     "<table key=\"t\">\n<table>\n<elem key=\"k\">v</elem>\n</table>\n<table>\n</table>\n"
     "</table>\n"},
    {"what XML escapes", "{\"<\\\"\":\"&\\n\\u0001\"}",
     "<elem key=\"&lt;&quot;\">&amp;&#xa;\\x01</elem>\n"},
    {"what is no ASCII", "[\"\\u00e9\"]", "<elem>\xc3\xa9</elem>\n"},
};

static void members_become_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CLEANUP(buf_done) struct buf out = {0};
        const char *got;

        structure_xml(&out, cases[i].json);
        got = out.data ? out.data : "";
        if (out.failed || strcmp(got, cases[i].xml) != 0)
            fail_msg("%s: \"%s\" is not \"%s\"", cases[i].name, got, cases[i].xml);
    }
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(members_become_elements)};

TEST_MAIN(tests)
