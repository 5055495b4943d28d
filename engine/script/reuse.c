/* What a script's file makes, as a list of places to look at: variables of functions, fields of
 * tables.
 *
 * Objects ("nodes") are numbered as they are found from the rule, which is node 1.  A place belongs
 * to a node and holds another node, or a value that is the same in each instance.  Tables also have
 * a count of fields.  An instance in which a place holds anything else is none of the kind that was
 * learnt, or was changed.  Userdata and coroutines of an instance cannot be looked into: a script
 * that has them where its rule can reach them is never reused, nor is one with too many places.
 *
 * Everything is raw: no metamethod runs, so no script code does. */
#include "engine/script/reuse.h"

#include "engine/script/mark.h"

#include <lauxlib.h>
#include <stdlib.h>

#define PLACES_MAX 200 /* what running a file costs */
#define NODES_MAX  64

enum place_kind { PLACE_VARIABLE, PLACE_FIELD, PLACE_METATABLE, PLACE_COUNT };

struct place {
    enum place_kind kind;
    int of;   /* node */
    int node; /* that it holds; 0: the value at this place's index in `values` */
    int n;    /* number of the variable; count of fields */
};

/* An object of the instance.  Of a function: which one it is, so that a file that chooses between
 * two is told apart. */
struct node {
    int type, line, n_variables, first_place;
    const void *source;
};

enum learnt { LEARNT_NOTHING, LEARNT_ONE, LEARNT_NEVER, LEARNT_ALL };

struct reuse {
    enum learnt learnt;
    int first;        /* LEARNT_ONE: the rule of the first instance, in the registry */
    int keys, values; /* LEARNT_ALL: tables of them by place; values[0] is a rule that is no node */
    int n_nodes, n_places;
    struct node nodes[NODES_MAX]; /* node 1 first */
    struct place places[PLACES_MAX];
};

struct reuse *reuse_new(void)
{
    struct reuse *u = calloc(1, sizeof *u);

    if (u)
        u->first = u->keys = u->values = LUA_NOREF;
    return u;
}

struct reuse *reuse_free(lua_State *L, struct reuse *u)
{
    if (!u)
        return NULL;
    if (L) {
        luaL_unref(L, LUA_REGISTRYINDEX, u->first);
        luaL_unref(L, LUA_REGISTRYINDEX, u->keys);
        luaL_unref(L, LUA_REGISTRYINDEX, u->values);
    }
    free(u);
    return NULL;
}

/* ---- learning ---- */

/* Indexes on the stack.  Nodes are arrays; `numbers` has those of the first instance. */
struct lesson {
    struct reuse *u;
    int a, b, numbers, keys, values;
};

/* Of the object on top. */
static struct node describe(lua_State *L)
{
    struct node n = {.type = lua_type(L, -1)};
    lua_Debug ar;

    if (n.type != LUA_TFUNCTION)
        return n;
    lua_pushvalue(L, -1);
    lua_getinfo(L, ">Su", &ar);
    n.line = ar.linedefined;
    n.n_variables = ar.nups;
    n.source = ar.source;
    return n;
}

static bool is_same_kind(struct node a, struct node b)
{
    return a.type == b.type && a.line == b.line && a.n_variables == b.n_variables &&
           a.source == b.source;
}

static bool may_be_node(lua_State *L)
{
    return lua_type(L, -1) == LUA_TFUNCTION || lua_type(L, -1) == LUA_TTABLE;
}

/* Enters the pair of objects on top under a new number. */
static int node_new(lua_State *L, struct lesson *s)
{
    struct node node = describe(L);
    int n = s->u->n_nodes + 1;
    bool alike;

    lua_pushvalue(L, -2);
    alike = is_same_kind(node, describe(L));
    lua_pushinteger(L, n);
    lua_rawset(L, s->numbers);
    if (!alike || n > NODES_MAX)
        return 0;
    lua_pushvalue(L, -2);
    lua_rawseti(L, s->a, n);
    lua_pushvalue(L, -1);
    lua_rawseti(L, s->b, n);
    s->u->nodes[n - 1] = node;
    return s->u->n_nodes = n;
}

/* The number of the pair of objects on top; 0: they do not match, or there are too many. */
static int node_number(lua_State *L, struct lesson *s)
{
    int n;

    lua_pushvalue(L, -2);
    lua_rawget(L, s->numbers);
    n = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (n > 0) { /* met before: then both were */
        bool same = lua_rawgeti(L, s->b, n) != LUA_TNIL && lua_rawequal(L, -1, -2);

        lua_pop(L, 1);
        return same ? n : 0;
    }
    return node_new(L, s);
}

/* Both instances' values of a place are on top, and are taken. */
static bool add_place(lua_State *L, struct lesson *s, struct place p)
{
    bool ok = s->u->n_places < PLACES_MAX;

    if (ok && lua_rawequal(L, -1, -2)) {
        lua_pushvalue(L, -1);
        lua_rawseti(L, s->values, s->u->n_places + 1);
    } else if (ok) {
        p.node = may_be_node(L) && lua_type(L, -1) == lua_type(L, -2) ? node_number(L, s) : 0;
        ok = p.node > 0;
    }
    if (ok)
        s->u->places[s->u->n_places++] = p;
    lua_pop(L, 2);
    return ok;
}

/* The pair of functions on top.  A variable that both share is a library's. */
static bool learn_function(lua_State *L, struct lesson *s, int node)
{
    int a = lua_gettop(L) - 1, b = a + 1;

    for (int i = 1; lua_getupvalue(L, a, i); i++) {
        if (!lua_getupvalue(L, b, i))
            return false;
        if (lua_upvalueid(L, a, i) == lua_upvalueid(L, b, i))
            lua_pop(L, 2);
        else if (!add_place(L, s, (struct place){.kind = PLACE_VARIABLE, .of = node, .n = i}))
            return false;
    }
    return true;
}

static bool is_plain_key(lua_State *L, int index)
{
    int type = lua_type(L, index);

    return type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN;
}

static int count_fields(lua_State *L, int table)
{
    int n = 0;

    lua_pushnil(L);
    while (lua_next(L, table)) {
        lua_pop(L, 1);
        n++;
    }
    return n;
}

/* nil when there is none */
static void push_metatable(lua_State *L, int index)
{
    if (!lua_getmetatable(L, index))
        lua_pushnil(L);
}

static bool learn_field(lua_State *L, struct lesson *s, int b, int node)
{
    int key = lua_gettop(L) - 1; /* above it: its value in a */

    if (!is_plain_key(L, key))
        return false;
    lua_pushvalue(L, key);
    lua_rawseti(L, s->keys, s->u->n_places + 1);
    lua_pushvalue(L, key);
    lua_rawget(L, b);
    return add_place(L, s, (struct place){.kind = PLACE_FIELD, .of = node});
}

static bool learn_table(lua_State *L, struct lesson *s, int node)
{
    int a = lua_gettop(L) - 1, b = a + 1, n = count_fields(L, a);

    if (n != count_fields(L, b))
        return false;
    lua_pushnil(L);
    lua_pushnil(L);
    if (!add_place(L, s, (struct place){.kind = PLACE_COUNT, .of = node, .n = n}))
        return false;
    push_metatable(L, a);
    push_metatable(L, b);
    if (!add_place(L, s, (struct place){.kind = PLACE_METATABLE, .of = node}))
        return false;
    lua_pushnil(L);
    while (lua_next(L, a))
        if (!learn_field(L, s, b, node))
            return false;
    return true;
}

/* The rules of both instances are on top. */
static bool learn_all(lua_State *L, struct lesson *s)
{
    int top = lua_gettop(L);
    bool ok = true;

    if (lua_rawequal(L, -1, -2)) { /* a library's own function */
        lua_pushvalue(L, -1);
        lua_rawseti(L, s->values, 0);
    } else {
        ok = may_be_node(L) && node_number(L, s) > 0;
    }
    for (int n = 1; ok && n <= s->u->n_nodes; n++) {
        lua_rawgeti(L, s->a, n);
        lua_rawgeti(L, s->b, n);
        s->u->nodes[n - 1].first_place = s->u->n_places;
        if (lua_type(L, -1) == LUA_TFUNCTION)
            ok = learn_function(L, s, n);
        else
            ok = learn_table(L, s, n);
        lua_settop(L, top);
    }
    return ok;
}

/* From the first instance's rule and that on top. */
static void learn(lua_State *L, struct reuse *u)
{
    int rule = lua_gettop(L);
    struct lesson s = {.u = u, .a = rule + 1, .b = rule + 2, .numbers = rule + 3};

    s.keys = rule + 4;
    s.values = rule + 5;
    u->learnt = LEARNT_NEVER; /* also when memory runs out on the way */
    for (int i = 0; i < 5; i++)
        lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, u->first);
    lua_pushvalue(L, rule);
    luaL_unref(L, LUA_REGISTRYINDEX, u->first);
    u->first = LUA_NOREF;
    if (learn_all(L, &s)) {
        lua_settop(L, s.values);
        u->values = luaL_ref(L, LUA_REGISTRYINDEX);
        u->keys = luaL_ref(L, LUA_REGISTRYINDEX);
        u->learnt = LEARNT_ALL;
    }
    lua_settop(L, rule);
}

/* ---- looking ---- */

struct look {
    const struct reuse *u;
    int nodes; /* indexes on the stack */
    int keys, values;
    int at; /* index of the node whose places are looked at */
    int n;  /* its number */
};

/* What the place holds, pushed; PLACE_COUNT: its count. */
static void push_held(lua_State *L, const struct look *k, int i)
{
    const struct place *p = &k->u->places[i];

    switch (p->kind) {
    case PLACE_VARIABLE:
        if (!lua_getupvalue(L, k->at, p->n))
            lua_pushnil(L);
        break;
    case PLACE_FIELD:
        lua_rawgeti(L, k->keys, i + 1);
        lua_rawget(L, k->at);
        break;
    case PLACE_METATABLE:
        push_metatable(L, k->at);
        break;
    case PLACE_COUNT:
        lua_pushinteger(L, count_fields(L, k->at));
        break;
    }
}

static void push_expected(lua_State *L, const struct look *k, int i)
{
    const struct place *p = &k->u->places[i];

    if (p->kind == PLACE_COUNT)
        lua_pushinteger(L, p->n);
    else if (p->node > 0)
        lua_rawgeti(L, k->nodes, p->node);
    else
        lua_rawgeti(L, k->values, i + 1);
}

/* The object on top is this instance's node n, if it is of the kind and that one is not known yet.
 */
static bool take_node(lua_State *L, const struct look *k, int n)
{
    bool known = lua_rawgeti(L, k->nodes, n) != LUA_TNIL;

    lua_pop(L, 1);
    if (known || !is_same_kind(k->u->nodes[n - 1], describe(L)))
        return false;
    lua_pushvalue(L, -1);
    lua_rawseti(L, k->nodes, n);
    return true;
}

static bool place_is_right(lua_State *L, const struct look *k, int i)
{
    int node = k->u->places[i].node;
    bool ok;

    push_held(L, k, i);
    if (node > 0 && take_node(L, k, node)) {
        lua_pop(L, 1);
        return true;
    }
    push_expected(L, k, i);
    ok = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return ok;
}

static bool look(lua_State *L, struct look *k)
{
    int top = lua_gettop(L);
    bool ok = true;

    luaL_checkstack(L, 12, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->u->keys);
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->u->values);
    lua_pushnil(L); /* room for the node */
    k->keys = top + 1;
    k->values = top + 2;
    k->at = top + 3;
    for (int i = 0; ok && i < k->u->n_places; i++) {
        if (k->n != k->u->places[i].of) {
            k->n = k->u->places[i].of;
            lua_rawgeti(L, k->nodes, k->n);
            lua_replace(L, k->at);
        }
        ok = place_is_right(L, k, i);
    }
    lua_settop(L, top);
    return ok;
}

static bool is_known_rule(lua_State *L, const struct reuse *u)
{
    bool same;

    lua_rawgeti(L, LUA_REGISTRYINDEX, u->values);
    lua_rawgeti(L, -1, 0);
    same = lua_rawequal(L, -1, -3);
    lua_pop(L, 2);
    return same;
}

/* Pushes the nodes of the instance whose rule is on top. */
static bool take_instance(lua_State *L, const struct reuse *u)
{
    struct look k = {.u = u};

    lua_createtable(L, u->n_nodes, 0);
    k.nodes = lua_gettop(L);
    lua_pushvalue(L, -2);
    if (u->n_nodes == 0 ? !is_known_rule(L, u) : !take_node(L, &k, 1))
        return false;
    lua_pop(L, 1);
    return look(L, &k);
}

/* The variables of a function that are places; `i` is the first place of it or after it. */
static uint64_t mark_variables(lua_State *L, const struct reuse *u, int node, int i)
{
    uint64_t mark = 0;

    for (; i < u->n_places && u->places[i].of == node; i++) {
        if (lua_getupvalue(L, -1, u->places[i].n)) {
            mark = mark_mix(mark, mark_value(L, -1));
            lua_pop(L, 1);
        }
    }
    return mark;
}

static uint64_t mark_nodes(lua_State *L, const struct reuse *u, int nodes)
{
    uint64_t mark = 0;

    for (int n = 1; n <= u->n_nodes; n++) {
        if (lua_rawgeti(L, nodes, n) == LUA_TTABLE)
            mark = mark_mix(mark, mark_table(L, -1));
        else
            mark = mark_mix(mark, mark_variables(L, u, n, u->nodes[n - 1].first_place));
        lua_pop(L, 1);
    }
    return mark;
}

void reuse_watch(lua_State *L, struct reuse *u, struct watch *ret)
{
    int top = lua_gettop(L);

    luaL_checkstack(L, 24, NULL);
    ret->usable = false;
    if (u->learnt == LEARNT_NOTHING) {
        lua_pushvalue(L, -1);
        u->first = luaL_ref(L, LUA_REGISTRYINDEX);
        u->learnt = LEARNT_ONE;
    } else if (u->learnt == LEARNT_ONE) {
        learn(L, u);
    }
    if (u->learnt != LEARNT_ALL || !take_instance(L, u)) {
        lua_settop(L, top);
        lua_pushnil(L);
        return;
    }
    ret->usable = true;
    ret->mark = mark_nodes(L, u, lua_gettop(L));
}

bool reuse_is_clean(lua_State *L, const struct reuse *u, int nodes, const struct watch *w)
{
    return w->usable && mark_nodes(L, u, nodes) == w->mark;
}
