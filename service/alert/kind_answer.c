/* What receivers say in the body of an answer.  Foreign bytes, cut at a kilobyte: a body that is
 * not understood changes nothing. */
#include "service/alert/kind_priv.h"

#include <string.h>

#define PAUSE_MAX 86400.0

static usec_t seconds(const cJSON *v)
{
    double s = cJSON_IsNumber(v) ? v->valuedouble : 0;

    if (!(s > 0))
        return 0;
    return (usec_t)((s < PAUSE_MAX ? s : PAUSE_MAX) * (double)USEC_PER_SEC);
}

/* Slack and Mattermost say "ok" and nothing else; another text with 200 comes from somebody else,
 * a proxy or a login page. */
enum outcome chat_judge(enum outcome o, struct kind_answer *a)
{
    const char *text = a->body + strspn(a->body, " \r\n\t");

    if (o == OUTCOME_OK && (strncmp(text, "ok", 2) != 0 || text[2 + strspn(text + 2, " \r\n\t")]))
        return OUTCOME_ENDPOINT;
    return o;
}

enum outcome discord_judge(enum outcome o, struct kind_answer *a)
{
    cJSON *tree;

    if (a->code != 429)
        return o;
    tree = cJSON_Parse(a->body);
    a->pause = seconds(cJSON_GetObjectItemCaseSensitive(tree, "retry_after"));
    cJSON_Delete(tree);
    return o;
}

/* A workflow takes a message with 202 and no text; what went wrong behind it may stand in the text
 * of a success. */
enum outcome teams_judge(enum outcome o, struct kind_answer *a)
{
    if (o == OUTCOME_OK && strstr(a->body, "HTTP error 429"))
        return OUTCOME_THROTTLED;
    if (o == OUTCOME_OK && strstr(a->body, "delivery failed"))
        return OUTCOME_TRANSIENT;
    return o;
}

/* {"text": "...", "code": n}: 0 taken; 1 to 4, 7, 10, 11: token, index, channel; 5, 6, 12, 13: the
 * event; 9: busy. */
enum outcome splunk_judge(enum outcome o, struct kind_answer *a)
{
    cJSON *tree = cJSON_Parse(a->body);
    const cJSON *code = cJSON_GetObjectItemCaseSensitive(tree, "code");
    int n = cJSON_IsNumber(code) ? code->valueint : -1;

    cJSON_Delete(tree);
    if (o == OUTCOME_OK)
        return n == 0 ? o : OUTCOME_ENDPOINT;
    if (n == 9)
        return OUTCOME_THROTTLED;
    if (a->code == 400 && (n == 7 || n == 10 || n == 11))
        return OUTCOME_ENDPOINT;
    return o;
}
