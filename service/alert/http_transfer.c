/* One POST: how its easy handle is set up, and what is made of the answer.
 *
 * The address is fixed by CURLOPT_RESOLVE with what our resolver found and the policy passed;
 * libcurl's own resolver would block the whole loop while it waits for its thread.  The policy is
 * asked once more with the address of each socket, for all spellings that got past the first look.
 * No proxy of the environment, no redirect, no cookie, no compression: an answer is advisory and
 * never worth the risk. */
#include "engine/base/buf.h"
#include "service/alert/http_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT_MS 5000L
#define CONN_AGE_S         55L  /* below the 60 s after which servers close idle connections */
#define CONN_LIFE_S        300L /* then name and certificate are looked at again */

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct http_transfer *t = user;
    size_t len = size * n;
    size_t room = HTTP_HEAD_MAX - t->result.head_len;

    if (room > len)
        room = len;
    memcpy(t->result.head + t->result.head_len, data, room);
    t->result.head_len += room;
    t->body_len += len;
    return t->body_len > HTTP_ANSWER_MAX ? 0 : len; /* 0 ends the transfer */
}

/* Copies the value of a header line when it is the one named. */
static void take_header(char ret[HTTP_DATE_MAX], const char *name, const char *line, size_t len)
{
    size_t n = strlen(name);

    if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
        return;
    line += n + 1;
    len -= n + 1;
    while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == '\n' || line[len - 1] == ' '))
        len--;
    while (len > 0 && (*line == ' ' || *line == '\t'))
        line++, len--;
    if (len < HTTP_DATE_MAX)
        snprintf(ret, HTTP_DATE_MAX, "%.*s", (int)len, line);
}

static size_t on_header(char *line, size_t size, size_t n, void *user)
{
    struct http_transfer *t = user;
    size_t len = size * n;
    long code = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    if (len >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        t->date[0] = t->retry_after[0] = t->reset_after[0] = t->remaining[0] =
            '\0'; /* of a 1xx before */
    } else if (len <= 2 && code >= 200) {
        t->result.answer.headers_done = true;
        t->result.answer.code = code;
    }
    take_header(t->date, "Date", line, len);
    take_header(t->retry_after, "Retry-After", line, len);
    take_header(t->reset_after, "X-RateLimit-Reset-After", line, len);
    take_header(t->reset_after, "RateLimit-Reset", line, len);
    take_header(t->remaining, "X-RateLimit-Remaining", line, len);
    take_header(t->remaining, "RateLimit-Remaining", line, len);
    return len;
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct http_transfer *t = user;
    const char *why = "no address";
    struct addr addr = {0};

    (void)purpose;
    if (addr_from_sockaddr(&a->addr, &addr, NULL) == 0)
        why = reach_refusal(t->reach, &addr);
    if (why) {
        t->result.answer.denied = true;
        snprintf(t->result.error, sizeof t->result.error, "the address is refused: %s", why);
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* The connection keeps this beyond the transfer: its pointer is the engine. */
static int on_close(void *user, curl_socket_t fd)
{
    http_socket_forget(user, fd);
    return close(fd);
}

static int add(struct curl_slist **list, const char *text)
{
    struct curl_slist *more = curl_slist_append(*list, text);

    if (!more)
        return -ENOMEM;
    *list = more;
    return 0;
}

static int add_headers(struct http_transfer *t, const struct http_post *p)
{
    int r = add(&t->headers, "Expect:");

    for (size_t i = 0; r == 0 && i < p->n_headers; i++) {
        CLEANUP(buf_done) struct buf line = {0};

        buf_printf(&line, "%s: %s", p->headers[i].name, p->headers[i].value);
        r = line.failed ? -ENOMEM : add(&t->headers, line.data);
    }
    return r;
}

/* "host:port:addr,addr" */
static int add_resolve(struct http_transfer *t, const struct http_post *p)
{
    CLEANUP(buf_done) struct buf text = {0};
    char addr[ADDR_TEXT_MAX];

    if (p->where->literal)
        return 0;
    buf_printf(&text, "%s:%u:", p->where->host, p->where->port);
    for (size_t i = 0; i < p->n_addrs; i++) {
        const char *six = p->addrs[i].family == ADDR_V6 ? "[" : "";

        buf_printf(&text, "%s%s%s%s", i ? "," : "", six, addr_format(&p->addrs[i], addr),
                   *six ? "]" : "");
    }
    return text.failed ? -ENOMEM : add(&t->resolve, text.data);
}

static void set_limits(CURL *easy, usec_t timeout)
{
    long ms = (long)(timeout / USEC_PER_MSEC);

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     ms < CONNECT_TIMEOUT_MS ? ms : CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, CONN_AGE_S);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, CONN_LIFE_S);
}

static CURLcode set_blob(CURL *easy, CURLoption option, const char *pem)
{
    struct curl_blob blob = {.data = (void *)(uintptr_t)pem, .len = strlen(pem)};

    return curl_easy_setopt(easy, option, &blob); /* not copied: it outlives the transfer */
}

/* The address of a socket is asked for in any case, so a proxy has to pass the policy too.  A
 * proxy of the environment would go round it.  Its port is said, because libcurl takes 1080 where
 * http://HOST has none, and the address of the name is known for that of the scheme.
 *
 * Without the directory of certificates: libcurl would trust it beside our own authority, and it
 * keeps the store of the system's file for the next connections only when there is none (reading
 * that file takes longer than a turn of the loop may). */
static int set_trust(CURL *easy, const struct http_post *p)
{
    const struct http_trust *trust = p->trust;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_PROXY, trust->proxy ? trust->proxy : "");

    if (code == CURLE_OK && trust->proxy)
        code = curl_easy_setopt(easy, CURLOPT_PROXYPORT, (long)p->where->port);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                                trust->http2 ? (long)CURL_HTTP_VERSION_2TLS
                                             : (long)CURL_HTTP_VERSION_1_1);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    if (code == CURLE_OK && trust->ca)
        code = set_blob(easy, CURLOPT_CAINFO_BLOB, trust->ca);
    if (code == CURLE_OK && trust->cert)
        code = set_blob(easy, CURLOPT_SSLCERT_BLOB, trust->cert);
    if (code == CURLE_OK && trust->key)
        code = set_blob(easy, CURLOPT_SSLKEY_BLOB, trust->key);
    return code == CURLE_OK ? 0 : -ENOMEM;
}

static void set_callbacks(struct http_transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(t->easy, CURLOPT_CLOSESOCKETDATA, t->http);
}

static int set_request(struct http_transfer *t, const struct http_post *p)
{
    int r = add_headers(t, p);

    if (r == 0)
        r = add_resolve(t, p);
    if (r < 0)
        return r;
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->len);
    if (curl_easy_setopt(t->easy, CURLOPT_URL, p->url) != CURLE_OK ||
        curl_easy_setopt(t->easy, CURLOPT_COPYPOSTFIELDS, p->body) != CURLE_OK)
        return -ENOMEM;
    return 0;
}

int transfer_new(struct http_transfer **ret, struct http *h, const struct http_post *p)
{
    struct http_transfer *t = calloc(1, sizeof *t);
    int r;

    if (!t)
        return -ENOMEM;
    t->http = h;
    t->reach = p->reach;
    t->easy = curl_easy_init();
    r = t->easy ? set_request(t, p) : -ENOMEM;
    if (r < 0) {
        transfer_free(t);
        return r;
    }
    r = set_trust(t->easy, p);
    if (r < 0) {
        transfer_free(t);
        return r;
    }
    set_limits(t->easy, p->timeout);
    set_callbacks(t);
    *ret = t;
    return 0;
}

struct http_transfer *transfer_free(struct http_transfer *t)
{
    if (t->added)
        curl_multi_remove_handle(t->http->multi, t->easy);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->resolve);
    free(t);
    return NULL;
}

static void take_numbers(struct http_transfer *t)
{
    struct http_result *r = &t->result;
    curl_off_t total = 0, connect = 0, first = 0, up = 0, down = 0;
    const char *ip = NULL;
    long connects = 0;

    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total);
    curl_easy_getinfo(t->easy, CURLINFO_APPCONNECT_TIME_T, &connect);
    if (!connect)
        curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connect);
    curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
    curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &connects);
    curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &ip);
    r->ms = (unsigned)(total / 1000);
    r->connect_ms = (unsigned)(connect / 1000);
    r->first_byte_ms = (unsigned)(first / 1000);
    r->bytes_out = (uint64_t)up;
    r->bytes_in = (uint64_t)down;
    r->connections = (unsigned)connects;
    if (!ip || addr_parse(ip, &r->remote) < 0)
        r->remote = (struct addr){0};
}

/* What the headers say of a budget of requests: used up, and for how long.  With 429 that is as
 * good as Retry-After; the longer one counts. */
static void take_limits(struct http_transfer *t)
{
    struct answer *a = &t->result.answer;
    usec_t wait;

    if (!t->reset_after[0] || retry_after_parse(t->reset_after, NULL, 0, &wait) < 0)
        return;
    if (a->code == 429 && wait > a->retry_after) {
        a->has_retry_after = true;
        a->retry_after = wait;
    } else if (strcmp(t->remaining, "0") == 0) {
        a->spent = wait;
    }
}

void transfer_finish(struct http_transfer *t, CURLcode code)
{
    struct http_result *r = &t->result;

    r->answer.curl = (int)code;
    take_numbers(t);
    if (code != CURLE_OK && !r->answer.denied)
        snprintf(r->error, sizeof r->error, "%s", curl_easy_strerror(code));
    if (t->retry_after[0] &&
        retry_after_parse(t->retry_after, t->date[0] ? t->date : NULL, loop_wall(t->http->loop),
                          &r->answer.retry_after) == 0)
        r->answer.has_retry_after = true;
    take_limits(t);
}
