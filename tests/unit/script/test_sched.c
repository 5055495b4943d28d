/* The coroutine scheduler: parking at any depth, completion before and after the wait, budgets,
 * death. */
#include "engine/script/sthread.h"

#include "tests/support/main.h"

#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

struct wait_op {
    struct op op;
    struct task task;
    struct loop *loop;
    int answer;
};

struct fixture {
    struct loop *loop;
    struct sched *sched;
    int ended[8]; /* threads by how they ended */
    char last_error[512];
    char log[256]; /* what scripts told with note() */
    unsigned cancelled, dtors;
};

static struct fixture *fix;

static void answer_later(struct task *task)
{
    struct wait_op *w = CONTAINER_OF(task, struct wait_op, task);

    op_complete(&w->op, w->answer);
}

static void wait_cancel(struct op *op)
{
    struct wait_op *w = (struct wait_op *)op;

    fix->cancelled++;
    task_cancel(w->loop, &w->task);
}

static int wait_k(lua_State *L, int status, lua_KContext ctx)
{
    const struct op *op = (const struct op *)ctx;

    (void)status;
    lua_pushinteger(L, op->status);
    return 1;
}

static struct wait_op *wait_new(lua_State *L)
{
    struct wait_op *w = (struct wait_op *)op_new(L, "wait", sizeof *w, NULL);

    w->loop = sched_loop(sched_of(L));
    w->task.run = answer_later;
    w->op.cancel = wait_cancel;
    return w;
}

/* wait(n) -> n, one turn of the loop later */
static int l_wait(lua_State *L)
{
    struct wait_op *w = wait_new(L);

    w->answer = (int)luaL_checkinteger(L, 1);
    loop_post(w->loop, &w->task);
    return sched_park(L, &w->op, USEC_INFINITY, wait_k);
}

/* hang(seconds or nil) -> status: never answered */
static int l_hang(lua_State *L)
{
    usec_t timeout =
        lua_isnoneornil(L, 1) ? USEC_INFINITY : (usec_t)(luaL_checknumber(L, 1) * USEC_PER_SEC);
    struct wait_op *w = wait_new(L);

    return sched_park(L, &w->op, timeout, wait_k);
}

/* early(n) -> n: complete before anybody waits */
static int l_early(lua_State *L)
{
    struct wait_op *w = wait_new(L);

    op_complete(&w->op, (int)luaL_checkinteger(L, 1));
    return sched_park(L, &w->op, USEC_INFINITY, wait_k);
}

static int l_note(lua_State *L)
{
    size_t used = strlen(fix->log);

    snprintf(fix->log + used, sizeof fix->log - used, "%s", luaL_checkstring(L, 1));
    return 0;
}

/* As a handler of a variable to be closed: whom would the watchdog blame? */
static int l_blame(lua_State *L)
{
    size_t used = strlen(fix->log);

    snprintf(fix->log + used, sizeof fix->log - used, "%s", sched_of(L)->current_script);
    return 0;
}

static void count_dtor(struct sthread *t, void *user)
{
    (void)t;
    (void)user;
    fix->dtors++;
}

static int l_guarded(lua_State *L)
{
    assert_int_equal(sthread_on_end(sched_current(L), fix, count_dtor, NULL), 0);
    return 0;
}

static int open_libs(lua_State *L)
{
    luaL_openlibs(L);
    coro_open(L);
    lua_register(L, "wait", l_wait);
    lua_register(L, "hang", l_hang);
    lua_register(L, "early", l_early);
    lua_register(L, "note", l_note);
    lua_register(L, "blame", l_blame);
    lua_register(L, "guarded", l_guarded);
    return 0;
}

static void thread_ended(struct sthread *t, enum sthread_end how)
{
    fix->ended[how]++;
    if (how == STHREAD_FAILED) {
        CLEANUP(freep) char *text = sthread_error_text(t, false);
        snprintf(fix->last_error, sizeof fix->last_error, "%s", text);
    }
    if (how == STHREAD_EXHAUSTED)
        snprintf(fix->last_error, sizeof fix->last_error, "%s", t->doom);
}

static int run_source(lua_State *L)
{
    const char *source = lua_touserdata(L, 1);

    if (luaL_loadbuffer(L, source, strlen(source), "=test") != LUA_OK)
        return lua_error(L);
    lua_call(L, 0, 0); /* replaced below where a wait is needed */
    return 0;
}

static int body_k(lua_State *L, int status, lua_KContext ctx)
{
    (void)L;
    (void)status;
    (void)ctx;
    return 0;
}

static int body(lua_State *L)
{
    const char *source = lua_touserdata(L, 1);

    if (luaL_loadbuffer(L, source, strlen(source), "=test") != LUA_OK)
        return lua_error(L);
    lua_callk(L, 0, 0, 0, body_k);
    return body_k(L, LUA_OK, 0);
}

static struct sthread *start(const char *source)
{
    struct sthread_opts o = {
        .script = "test", .user = (void *)(uintptr_t)source, .body = body, .ended = thread_ended};
    struct sthread *t = NULL;

    assert_int_equal(sthread_start(fix->sched, &o, &t), 0);
    return t;
}

static void run_until_quiet(void)
{
    for (int i = 0; i < 20000 && loop_turn(fix->loop, 0) > 0; i++)
        ;
}

static int setup_with(void **state, const struct sched_opts *o)
{
    static struct fixture f;

    memset(&f, 0, sizeof f);
    fix = &f;
    assert_int_equal(loop_new(&f.loop, NULL), 0);
    loop_fake_clock(f.loop, 1000000000);
    assert_int_equal(sched_new(&f.sched, f.loop, o, NULL), 0);
    assert_int_equal(sched_protected(f.sched, open_libs, NULL, NULL), 0);
    *state = &f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(
        state, &(struct sched_opts){.cpu_limit = 100 * USEC_PER_MSEC, .memory_limit = 16 << 20});
}

static int setup_timeout(void **state)
{
    return setup_with(state, &(struct sched_opts){.script_timeout = 5 * USEC_PER_SEC});
}

static int teardown(void **state)
{
    (void)state;
    fix->sched = sched_free(fix->sched);
    loop_free(fix->loop);
    return 0;
}

/* ---- parking ---- */

static const struct {
    const char *name, *source;
} passing[] = {
    {"plain wait", "assert(wait(7) == 7)"},
    {"complete before the wait", "assert(early(3) == 3)"},
    {"through pcall", "local ok, v = pcall(wait, 5) assert(ok and v == 5)"},
    {"through xpcall", "local ok, v = xpcall(wait, print, 5) assert(ok and v == 5)"},
    {"in a metamethod", "local t = setmetatable({}, {__index = function() return wait(9) end}) "
                        "assert(t.x == 9)"},
    {"in an iterator",
     "local n = 0 for i in function() n = n + 1 if n < 4 then return wait(n) end end do "
     "assert(i == n) end assert(n == 4)"},
    {"in a coroutine",
     "local co = coroutine.create(function(a) local b = coroutine.yield(a + wait(1)) return b + "
     "wait(2) end) "
     "local ok, v = coroutine.resume(co, 10) assert(ok and v == 11) "
     "ok, v = coroutine.resume(co, 20) assert(ok and v == 22) assert(coroutine.status(co) == "
     "'dead') "
     "ok, v = coroutine.resume(co) assert(not ok and v == 'cannot resume dead coroutine')"},
    {"in a wrapped generator", "local s = 0 for v in coroutine.wrap(function() for i = 1, 3 do "
                               "coroutine.yield(wait(i)) end end) do s = s + v end assert(s == 6)"},
    {"three coroutines deep",
     "local w = coroutine.wrap local f = w(function() return w(function() return w(function() "
     "return wait(4) end)() end)() end) assert(f() == 4)"},
    {"preempted inside a coroutine", "local f = coroutine.wrap(function() local n = 0 for i = 1, "
                                     "3000000 do n = n + 1 end return n end) "
                                     "assert(f() == 3000000)"},
    {"errors cross a wrap", "local f = coroutine.wrap(function() error({x = 1}) end) "
                            "local ok, e = pcall(f) assert(not ok and e.x == 1)"},
    {"a wait in string.gsub is an error there",
     "local ok, e = pcall(string.gsub, 'a', 'a', function() wait(1) end) "
     "assert(not ok and e:find('attempt to yield across', 1, true))"},
    {"a wait in a coroutine in string.gsub is an error there",
     "local ok, e = pcall(string.gsub, 'a', 'a', coroutine.wrap(function() wait(1) end)) "
     "assert(not ok and e:find('attempt to yield across', 1, true)) assert(wait(2) == 2)"},
    {"a timeout is a status", "assert(hang(0) == -110)"},
    {"nobody resumes the base",
     "local base = coroutine.running() local f = coroutine.wrap(function() "
     "return coroutine.resume(base) end) local ok, e = f() assert(ok == false)"},
    {"nobody closes the base",
     "local base = coroutine.running() local f = coroutine.wrap(function() "
     "return pcall(coroutine.close, base) end) local ok, e = f() assert(ok == false)"},
    {"close ends a coroutine", "local co = coroutine.create(function() coroutine.yield() end) "
                               "coroutine.resume(co) assert(coroutine.close(co)) "
                               "assert(coroutine.status(co) == 'dead')"},
};

static void waits_work_wherever_lua_can_yield(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        fix->last_error[0] = '\0';
        start(passing[i].source);
        run_until_quiet();
        loop_fake_advance(fix->loop, USEC_PER_MSEC);
        run_until_quiet();
        if (fix->ended[STHREAD_RETURNED] != (int)i + 1)
            fail_msg("%s: %s", passing[i].name, fix->last_error);
    }
}

static void threads_take_turns_in_order(void **state)
{
    (void)state;
    start("note('a') wait(1) note('b') wait(1) note('c')");
    start("note('1') wait(1) note('2') wait(1) note('3')");
    run_until_quiet();
    assert_string_equal(fix->log, "a1b2c3");
}

static void a_timeout_cancels_the_operation(void **state)
{
    (void)state;
    start("note(tostring(hang(2)))");
    run_until_quiet();
    loop_fake_advance(fix->loop, 1999 * USEC_PER_MSEC);
    assert_string_equal(fix->log, "");
    loop_fake_advance(fix->loop, 2 * USEC_PER_MSEC);
    run_until_quiet();
    assert_string_equal(fix->log, "-110");
    assert_int_equal(fix->cancelled, 1);
}

static void a_coroutine_that_waits_in_one_thread_cannot_be_resumed_by_another(void **state)
{
    (void)state;
    start("shared = coroutine.create(function() return hang(1) end) note('a') "
          "local ok, v = coroutine.resume(shared) note('c' .. tostring(v))");
    start("local ok, e = coroutine.resume(shared) assert(not ok) "
          "assert(not pcall(coroutine.close, shared)) note('b')");
    run_until_quiet();
    loop_fake_advance(fix->loop, 2 * USEC_PER_SEC);
    run_until_quiet();
    assert_string_equal(fix->log, "abc-110");
}

/* ---- budgets ---- */

#define LOOP_WHEN_CLOSED                                                                           \
    "local x <close> = setmetatable({}, {__close = function() while true do end end}) "

static const struct {
    const char *name, *source;
} hostile[] = {
    {"plain loop", "while true do end"},
    {"in pcall", "while true do pcall(function() while true do end end) end"},
    {"in xpcall with a handler that loops",
     "xpcall(function() while true do end end, function() while true do end end)"},
    {"in a coroutine", "coroutine.wrap(function() while true do end end)()"},
    {"coroutines made for ever",
     "while true do pcall(coroutine.wrap(function() while true do end end)) end"},
    {"in a to-be-closed variable",
     "local x <close> = setmetatable({}, {__close = function() while true do end end})"},
    {"beside a to-be-closed variable", LOOP_WHEN_CLOSED "while true do end"},
    {"beside a to-be-closed variable, in a coroutine",
     "coroutine.wrap(function() " LOOP_WHEN_CLOSED "while true do end end)()"},
    {"beside a to-be-closed variable, where it cannot yield",
     LOOP_WHEN_CLOSED "string.gsub('a', 'a', function() while true do end end)"},
    {"beside a to-be-closed variable, in a coroutine where it cannot yield",
     "string.gsub('a', 'a', coroutine.wrap(function() " LOOP_WHEN_CLOSED "while true do end end))"},
    {"in a to-be-closed variable of a coroutine that fails",
     "coroutine.wrap(function() " LOOP_WHEN_CLOSED "error('x') end)()"},
    {"in a to-be-closed variable of a coroutine that is closed",
     "local co = coroutine.create(function() " LOOP_WHEN_CLOSED "coroutine.yield() end) "
     "coroutine.resume(co) coroutine.close(co)"},
    {"in short bursts", "while true do for i = 1, 200000 do end wait(1) end"},
    {"memory", "local t = {} while true do t[#t + 1] = string.rep('x', 100000) .. #t end"},
    {"memory under pcall", "local t = {} while true do pcall(function() t[#t + 1] = "
                           "string.rep('x', 100000) .. #t end) end"},
};

static void hostile_scripts_end_and_others_go_on(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        memset(fix->ended, 0, sizeof fix->ended);
        start(hostile[i].source);
        start("for i = 1, 50 do assert(wait(i) == i) end");
        run_until_quiet();
        if (fix->ended[STHREAD_RETURNED] != 1 ||
            fix->ended[STHREAD_EXHAUSTED] + fix->ended[STHREAD_FAILED] != 1)
            fail_msg("%s: returned %d exhausted %d failed %d: %s", hostile[i].name,
                     fix->ended[STHREAD_RETURNED], fix->ended[STHREAD_EXHAUSTED],
                     fix->ended[STHREAD_FAILED], fix->last_error);
    }
}

static const char *const unyielding[] = {
    "string.gsub('a', 'a', function() while true do end end)",
    "table.sort({1, 2, 3}, function() while true do end end)",
    "while true do pcall(string.gsub, 'a', 'a', function() while true do end end) end",
    "coroutine.wrap(function() string.gsub('a', 'a', function() while true do end end) end)()",
    "string.gsub('a', 'a', coroutine.wrap(function() while true do end end))",
};

static void loops_that_cannot_yield_hit_the_hard_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unyielding); i++) {
        memset(fix->ended, 0, sizeof fix->ended);
        start(unyielding[i]);
        run_until_quiet();
        if (fix->ended[STHREAD_EXHAUSTED] != 1)
            fail_msg("%s: %s", unyielding[i], fix->last_error);
    }
}

static void nothing_is_run_after_the_last_budget_is_used_up(void **state)
{
    static const char *const endings[] = {
        "pcall(function() while true do end end) note('pcall')",
        "coroutine.resume(coroutine.create(function() while true do end end)) note('resume')",
        "pcall(string.gsub, 'a', 'a', function() while true do end end) note('gsub')",
        "local x <close> = setmetatable({}, {__close = function() note('close') end}) "
        "while true do end",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(endings); i++)
        start(endings[i]);
    run_until_quiet();
    assert_int_equal(fix->ended[STHREAD_EXHAUSTED], ARRAY_LEN(endings));
    assert_string_equal(fix->log, "");
}

static void nobody_closes_what_a_doomed_thread_left(void **state)
{
    (void)state;
    start("shared = coroutine.create(function() " LOOP_WHEN_CLOSED
          "string.gsub('a', 'a', function() while true do end end) end) coroutine.resume(shared)");
    start("base = coroutine.running() " LOOP_WHEN_CLOSED
          "string.gsub('a', 'a', function() while true do end end)");
    start("while coroutine.status(shared) ~= 'dead' or coroutine.status(base) ~= 'dead' do wait(1) "
          "end note(tostring(pcall(coroutine.close, shared)))"
          "note(tostring(pcall(coroutine.close, base)))");
    run_until_quiet();
    assert_int_equal(fix->ended[STHREAD_EXHAUSTED], 2);
    assert_string_equal(fix->log, "falsefalse");
}

static void who_hangs_while_it_is_closed_is_blamed(void **state)
{
    (void)state;
    start("local x <close> = setmetatable({}, {__close = blame}) error('x')");
    run_until_quiet();
    assert_string_equal(fix->log, "test");
    assert_string_equal(fix->sched->current_script, "");
}

static void loops_end_where_no_timer_interrupts_them(void **state)
{
    sched_tick_stop(fix->sched);
    hostile_scripts_end_and_others_go_on(state);
    loops_that_cannot_yield_hit_the_hard_limit(state);
}

static void a_long_script_is_preempted(void **state)
{
    (void)state;
    start("while not table.quick do end note('slow ')"); /* how fast the machine is, is no matter */
    start("table.quick = true note('quick ')");
    run_until_quiet();
    assert_string_equal(fix->log, "quick slow ");
    assert_true(fix->sched->stats.preemptions > 0);
}

static void who_computes_does_not_slow_down_who_waits(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        start("while true do end");
    start("for i = 1, 20 do wait(i) end note('fine')");
    while (!fix->log[0])
        loop_turn(fix->loop, 0);
    assert_true(fix->sched->stats.preemptions < 2 * 20 + 3 * 20); /* not 20 for each wait */
}

static void a_hoarder_goes_and_not_who_asks_next(void **state)
{
    (void)state;
    /* joined and not repeated: Lua collects before it gives up on a string, but not on the buffer
     * of a library function, whose script then fails for itself */
    start("local t, x = {}, string.rep('x', 100000) for i = 1, 147 do t[i] = x .. i end hang() "
          "return t, x");
    start("for i = 1, 100 do local s = string.rep('y', 1000) .. wait(i) end note('fine')");
    run_until_quiet();
    assert_string_equal(fix->log, "fine");
    assert_int_equal(fix->ended[STHREAD_EXHAUSTED], 1);
}

/* ---- death ---- */

static void the_wall_limit_ends_a_waiting_script(void **state)
{
    (void)state;
    start("guarded() pcall(hang) note('never')");
    run_until_quiet();
    loop_fake_advance(fix->loop, 4 * USEC_PER_SEC);
    assert_int_equal(fix->ended[STHREAD_TIMED_OUT], 0);
    loop_fake_advance(fix->loop, 2 * USEC_PER_SEC);
    run_until_quiet();
    assert_int_equal(fix->ended[STHREAD_TIMED_OUT], 1);
    assert_int_equal(fix->cancelled, 1);
    assert_int_equal(fix->dtors, 1);
    assert_string_equal(fix->log, "");
}

static void a_stray_yield_ends_the_thread(void **state)
{
    (void)state;
    start("guarded() coroutine.yield(1) note('never')");
    run_until_quiet();
    assert_int_equal(fix->ended[STHREAD_STRAYED], 1);
    assert_int_equal(fix->dtors, 1);
    assert_string_equal(fix->log, "");
}

static void a_kill_cancels_and_runs_destructors(void **state)
{
    struct sthread *t;

    (void)state;
    t = start("guarded() local x <close> = setmetatable({}, {__close = function() note('closed') "
              "end}) hang()");
    run_until_quiet();
    sthread_kill(t, STHREAD_KILLED);
    assert_int_equal(fix->ended[STHREAD_KILLED], 1);
    assert_int_equal(fix->cancelled, 1);
    assert_int_equal(fix->dtors, 1);
}

static void freeing_the_scheduler_ends_what_is_left(void **state)
{
    (void)state;
    start("guarded() hang()");
    start("guarded() coroutine.wrap(hang)()");
    run_until_quiet();
    start("note('never')");
    fix->sched = sched_free(fix->sched);
    assert_int_equal(fix->ended[STHREAD_KILLED], 3);
    assert_int_equal(fix->dtors, 2);
    assert_string_equal(fix->log, "");
}

static void errors_carry_text_and_place(void **state)
{
    (void)state;
    start("local t = nil\nreturn t.x");
    run_until_quiet();
    assert_string_equal(fix->last_error, "test:2: attempt to index a nil value (local 't')");
    start("error({})");
    run_until_quiet();
    assert_string_equal(fix->last_error, "(error object is a table value)");
}

static void a_run_at_once_cannot_wait(void **state)
{
    struct sthread_opts o = {.script = "test",
                             .user = (void *)(uintptr_t) "wait(1)",
                             .body = body,
                             .ended = thread_ended};

    (void)state;
    assert_int_equal(sthread_run_now(fix->sched, &o), 0);
    assert_int_equal(fix->ended[STHREAD_FAILED], 1);
    o.user = (void *)(uintptr_t) "for i = 1, 3000000 do end note('loaded')";
    o.body = run_source;
    assert_int_equal(sthread_run_now(fix->sched, &o), 0);
    assert_string_equal(fix->log, "loaded");
}

static void memory_comes_back_after_many_threads(void **state)
{
    size_t before = 0;

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 2000; i++)
            start("local t = {} for i = 1, 20 do t[i] = tostring(i) end wait(1)");
        run_until_quiet();
        lua_gc(fix->sched->L, LUA_GCCOLLECT);
        if (round == 0)
            before = fix->sched->memory.used;
    }
    assert_true(fix->sched->memory.used < before + 4096);
    assert_int_equal(fix->sched->stats.live, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(waits_work_wherever_lua_can_yield, setup, teardown),
    cmocka_unit_test_setup_teardown(threads_take_turns_in_order, setup, teardown),
    cmocka_unit_test_setup_teardown(a_timeout_cancels_the_operation, setup, teardown),
    cmocka_unit_test_setup_teardown(
        a_coroutine_that_waits_in_one_thread_cannot_be_resumed_by_another, setup, teardown),
    cmocka_unit_test_setup_teardown(hostile_scripts_end_and_others_go_on, setup, teardown),
    cmocka_unit_test_setup_teardown(loops_that_cannot_yield_hit_the_hard_limit, setup, teardown),
    cmocka_unit_test_setup_teardown(nothing_is_run_after_the_last_budget_is_used_up, setup,
                                    teardown),
    cmocka_unit_test_setup_teardown(nobody_closes_what_a_doomed_thread_left, setup, teardown),
    cmocka_unit_test_setup_teardown(who_hangs_while_it_is_closed_is_blamed, setup, teardown),
    cmocka_unit_test_setup_teardown(loops_end_where_no_timer_interrupts_them, setup, teardown),
    cmocka_unit_test_setup_teardown(a_long_script_is_preempted, setup, teardown),
    cmocka_unit_test_setup_teardown(who_computes_does_not_slow_down_who_waits, setup, teardown),
    cmocka_unit_test_setup_teardown(a_hoarder_goes_and_not_who_asks_next, setup, teardown),
    cmocka_unit_test_setup_teardown(the_wall_limit_ends_a_waiting_script, setup_timeout, teardown),
    cmocka_unit_test_setup_teardown(a_stray_yield_ends_the_thread, setup, teardown),
    cmocka_unit_test_setup_teardown(a_kill_cancels_and_runs_destructors, setup, teardown),
    cmocka_unit_test_setup_teardown(freeing_the_scheduler_ends_what_is_left, setup, teardown),
    cmocka_unit_test_setup_teardown(errors_carry_text_and_place, setup, teardown),
    cmocka_unit_test_setup_teardown(a_run_at_once_cannot_wait, setup, teardown),
    cmocka_unit_test_setup_teardown(memory_comes_back_after_many_threads, setup, teardown),
};

TEST_MAIN(tests)
