-- Rules: from events to incidents, and from incidents to notices.
--
-- alert.think() reads the log of events behind its cursor and writes, in the transaction that moves the cursor: a decision for each event
-- (which route took it, into which incident; or what kept it back), incidents, and notices.  So an event is decided exactly once, and a
-- notice is complete before anybody sends it.  Time is a parameter everywhere: tests bring their own.

ALTER TABLE alert.type ADD turns bool NOT NULL DEFAULT false;   -- an event of state `resolved` may end it
INSERT INTO alert.type (type, severity, turns) VALUES
  ('zone.baselined', 1, false), ('zone.storm', 3, true), ('zone.calm', 1, false), ('condition.flapping', 2, true), ('condition.stable', 1, false)
ON CONFLICT DO NOTHING;
UPDATE alert.type SET turns = true WHERE type IN ('host.gone', 'port.opened');

-- ------------------------------------------------------------------ what the configuration says

-- Each field that is there must fit; of a list, one.  Names are LIKE patterns.  A field that an event does not have fits nothing.
CREATE TYPE alert.matcher AS (
  zones text[], networks inet[], types text[], kinds text[], severity int2, tags text[], owners text[], scripts text[],
  ports int4multirange, assets text[]);
CREATE TYPE alert.fields AS (
  zone text, host inet, type text, kind text, severity int2, tags text[], owner text, script text, port int4, asset text);

-- One row: the last configuration that a musterd brought.
CREATE TABLE alert.ruleset (
  one         bool PRIMARY KEY DEFAULT true CHECK (one),
  hash        text NOT NULL,
  brought_by  text NOT NULL,
  brought_at  timestamptz NOT NULL DEFAULT now(),
  last_resort text,                           -- endpoint for what concerns the only other one
  close_after interval NOT NULL,              -- an incident that is quiet for so long takes no more events
  -- many changes of one sort at once
  storm_share  float8 NOT NULL,               -- of the hosts of a zone
  storm_least  int4 NOT NULL,                 -- hosts
  storm_window interval NOT NULL,
  storm_hold   interval NOT NULL,             -- a host that is gone is told of only after
  storm_settle interval NOT NULL,             -- nothing came back for so long: over
  storm_confirm interval NOT NULL,            -- when canaries are gone too: told as a fact
  canaries     int4 NOT NULL,
  -- one condition that comes and goes
  flap_changes int4 NOT NULL,                 -- more than so many
  flap_within  interval NOT NULL,
  flap_quiet   interval NOT NULL              -- until it is stable for so long
);

CREATE TABLE alert.route (                    -- rows stay when the configuration changes: incidents know them
  route_id        int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  live            bool NOT NULL DEFAULT true,
  ordinal         int4 NOT NULL,
  name            text NOT NULL,
  fits            alert.matcher NOT NULL,
  fits_not        alert.matcher,
  endpoints       text[],                     -- NULL: all; empty: recorded and not told
  goes_on         bool NOT NULL,              -- later routes may take the event too
  group_by        text[] NOT NULL,
  group_wait      interval NOT NULL,
  group_interval  interval NOT NULL,
  repeat_interval interval,
  digest          jsonb,                      -- {"every": s} or {"days": [1..7], "times": ["08:00"], "zone": "Europe/Berlin"}
  bypass          int2,                       -- this severe: not in the digest, at once
  max_events      int4 NOT NULL
);
CREATE INDEX route_live ON alert.route (ordinal) WHERE live;

-- ------------------------------------------------------------------ what people say
CREATE TABLE alert.silence (
  silence_id int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  fits       alert.matcher NOT NULL,
  words      text NOT NULL,                   -- the matcher for people
  author     text NOT NULL CHECK (author <> ''),
  reason     text NOT NULL CHECK (reason <> ''),
  made_at    timestamptz NOT NULL DEFAULT now(),
  from_at    timestamptz NOT NULL DEFAULT now(),
  until_at   timestamptz NOT NULL CHECK (until_at > from_at),
  ended_at   timestamptz                      -- taken back before its time
);
CREATE TABLE alert.maintenance (
  window_id  int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  fits       alert.matcher NOT NULL,
  words      text NOT NULL,
  days       int4[] NOT NULL,                 -- 1 Monday .. 7
  start      time NOT NULL,                   -- wall clock in ...
  tz         text NOT NULL,                   -- ... this zone
  duration   interval NOT NULL CHECK (duration > '0' AND duration <= '7 days'),
  author     text NOT NULL CHECK (author <> ''),
  reason     text NOT NULL CHECK (reason <> ''),
  made_at    timestamptz NOT NULL DEFAULT now(),
  until_at   timestamptz NOT NULL DEFAULT 'infinity',
  ended_at   timestamptz
);

-- ------------------------------------------------------------------ what was decided
CREATE TABLE alert.incident (
  incident_id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  id          text NOT NULL UNIQUE,
  route_id    int4 NOT NULL REFERENCES alert.route,
  key         jsonb NOT NULL,                 -- what its events have in common
  zone        text NOT NULL,                  -- of its first event
  severity    int2 NOT NULL,                  -- the highest so far
  -- open: nothing told yet or once; updated: told more than once; resolved: all turned back, or quiet
  state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'updated', 'resolved')),
  why         text,                           -- it was resolved
  sealed      bool NOT NULL DEFAULT false,    -- takes no new conditions any more
  turns       bool NOT NULL DEFAULT false,    -- has conditions that can turn back
  opened_at   timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL,           -- last event
  resolved_at timestamptz,
  next_at     timestamptz,                    -- when to tell what is untold; NULL: nothing is
  not_before  timestamptz,                    -- group_interval since the last message
  repeat_at   timestamptz,
  told_at     timestamptz,
  told        int4 NOT NULL DEFAULT 0,        -- messages so far
  told_upto   int8 NOT NULL DEFAULT 0         -- decisions up to here are told
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX incident_live ON alert.incident (route_id, key) WHERE state <> 'resolved' AND NOT sealed;
CREATE INDEX incident_due ON alert.incident (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX incident_repeat ON alert.incident (repeat_at) WHERE repeat_at IS NOT NULL;
CREATE INDEX incident_quiet ON alert.incident (updated_at) WHERE NOT sealed AND state <> 'resolved';

CREATE TABLE alert.decision (
  decision_id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  at          timestamptz NOT NULL,
  seq         int8 NOT NULL,                  -- of the event
  -- grouped: into the incident.  turned: ends a condition of the incident.  dropped: a route without endpoints.  unmatched: no route.
  -- silenced, window: by `by`.  flapping.  waiting: until it is known whether many are gone.  Of the storm `by`: held; returned (the end of a held
  -- one); then confirmed (told as a whole), released (told by itself) or stilled (not told)
  outcome     text NOT NULL,
  route_id    int4,
  incident_id int8,
  by          int8,
  dedup       text NOT NULL,
  firing      bool NOT NULL
);
CREATE INDEX decision_event ON alert.decision (seq);
CREATE INDEX decision_incident ON alert.decision (incident_id, decision_id) WHERE incident_id IS NOT NULL;
CREATE INDEX decision_condition ON alert.decision (dedup, decision_id);
CREATE INDEX decision_when ON alert.decision USING brin (at) WITH (pages_per_range = 32);

-- Events that wait: for their time, or for the end of a storm.
CREATE TABLE alert.waiting (
  seq      int8 PRIMARY KEY,
  dedup    text NOT NULL,
  zone     text NOT NULL,
  sort     text NOT NULL,
  host     inet,
  due_at   timestamptz,                       -- NULL: the storm decides
  storm_id int8,
  back     bool NOT NULL DEFAULT false,       -- it has turned back meanwhile
  CHECK ((due_at IS NULL) = (storm_id IS NOT NULL))
);
CREATE INDEX waiting_due ON alert.waiting (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX waiting_sort ON alert.waiting (zone, sort) WHERE due_at IS NOT NULL;
CREATE INDEX waiting_storm ON alert.waiting (storm_id, dedup) WHERE storm_id IS NOT NULL;
CREATE INDEX waiting_condition ON alert.waiting (dedup);

CREATE TABLE alert.surge (                    -- events of one sort, by minute
  zone text NOT NULL, sort text NOT NULL, minute timestamptz NOT NULL, n int8 NOT NULL,
  PRIMARY KEY (zone, sort, minute)
);

CREATE TABLE alert.storm (
  storm_id  int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  zone      text NOT NULL,
  sort      text NOT NULL,
  type      text NOT NULL,
  dedup     text NOT NULL,
  -- open: holds.  confirmed: told as a fact, holds no new ones.  over.
  state     text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'confirmed', 'over')),
  verdict   text,                             -- of the canaries
  opened_at timestamptz NOT NULL,
  last_at   timestamptz NOT NULL,             -- it grew or shrank
  ended_at  timestamptz,
  hosts     int8 NOT NULL,                    -- of the zone, before
  canaries  inet[] NOT NULL DEFAULT '{}',
  event_seq int8
);
CREATE UNIQUE INDEX storm_live ON alert.storm (zone, sort) WHERE state = 'open';
CREATE INDEX storm_open ON alert.storm (state) WHERE state <> 'over';

CREATE TABLE alert.flap (
  dedup   text PRIMARY KEY,
  since   timestamptz NOT NULL,
  last_at timestamptz NOT NULL,
  n       int8 NOT NULL,                      -- changes that were not told
  seq     int8 NOT NULL                       -- of an event of it
);
CREATE INDEX flap_last ON alert.flap (last_at);

CREATE TABLE alert.baseline (                 -- zones that have been told of, up to this block
  zone_id    int4 PRIMARY KEY,
  upto_block int4 NOT NULL
);
INSERT INTO alert.baseline
SELECT zone_id, max(block_id) FROM inv.schedule WHERE last_at IS NOT NULL GROUP BY zone_id;
ALTER TABLE alert.rule_cursor ADD look_at timestamptz NOT NULL DEFAULT '-infinity';   -- for baselines and old rows

-- ------------------------------------------------------------------ small things
-- STABLE where a function inside is: the planner inlines no others, and a call of a function that is not inlined costs more than its work.
CREATE FUNCTION alert.make_id(p_prefix text) RETURNS text LANGUAGE sql VOLATILE AS $$
  SELECT p_prefix || lpad(to_hex((EXTRACT(epoch FROM clock_timestamp()) * 1000)::int8), 12, '0') || encode(substr(uuid_send(gen_random_uuid()), 7), 'hex') $$;

CREATE FUNCTION alert.to_inet(p text) RETURNS inet LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN p::inet;
EXCEPTION WHEN invalid_text_representation THEN RETURN NULL;
END $$;

CREATE FUNCTION alert.patterns(p text[]) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN p IS NOT NULL THEN
    ARRAY(SELECT replace(replace(replace(replace(replace(g, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'), '?', '_') FROM unnest(p) g) END $$;

-- As the configuration and the command line write it, with * and ? in names.
CREATE FUNCTION alert.matcher_of(p jsonb) RETURNS alert.matcher LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE m alert.matcher := jsonb_populate_record(NULL::alert.matcher, COALESCE(p, '{}'));
BEGIN
  m.zones := alert.patterns(m.zones); m.types := alert.patterns(m.types); m.kinds := alert.patterns(m.kinds);
  m.owners := alert.patterns(m.owners); m.scripts := alert.patterns(m.scripts); m.assets := alert.patterns(m.assets);
  RETURN m;
END $$;

CREATE FUNCTION alert.fits(m alert.matcher, f alert.fields) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
  SELECT COALESCE(
        ((m).zones IS NULL OR (f).zone LIKE ANY ((m).zones))
    AND ((m).networks IS NULL OR (f).host <<= ANY ((m).networks))
    AND ((m).types IS NULL OR (f).type LIKE ANY ((m).types))
    AND ((m).kinds IS NULL OR (f).kind LIKE ANY ((m).kinds))
    AND ((m).severity IS NULL OR (f).severity >= (m).severity)
    AND ((m).tags IS NULL OR (f).tags @> (m).tags)
    AND ((m).owners IS NULL OR (f).owner LIKE ANY ((m).owners))
    AND ((m).scripts IS NULL OR (f).script LIKE ANY ((m).scripts))
    AND ((m).ports IS NULL OR (f).port <@ (m).ports)
    AND ((m).assets IS NULL OR (f).asset LIKE ANY ((m).assets)), false) $$;

-- Events of one sort are changes in the same way.
CREATE FUNCTION alert.sort_of(p_type text, p_body jsonb) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT concat_ws(' ', p_type, (p_body -> 'subject' ->> 'proto') || '/' || (p_body -> 'subject' ->> 'port'), p_body -> 'subject' ->> 'script') $$;

CREATE FUNCTION alert.span(p interval) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN s >= 86400 AND s % 86400 = 0 THEN s / 86400 || 'd' WHEN s >= 3600 AND s % 3600 = 0 THEN s / 3600 || 'h'
              WHEN s >= 60 AND s % 60 = 0 THEN s / 60 || 'm' ELSE s || 's' END
    FROM (SELECT GREATEST(round(EXTRACT(epoch FROM p)), 0)::int8 AS s) q $$;

CREATE FUNCTION alert.stamp(p timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT to_char(p AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') $$;

CREATE FUNCTION alert.first_line(p_new int8, p_changed int8, p_gone int8, p_from timestamptz, p_to timestamptz) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT format('%s new, %s changed, %s gone since %s (window %s)', p_new, p_changed, p_gone, alert.stamp(p_from), alert.span(p_to - p_from)) $$;

-- When a digest is sent next; wall clock of its zone, whatever daylight saving time does.
CREATE FUNCTION alert.next_digest(p jsonb, p_now timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN p ? 'every' THEN date_bin(make_interval(secs => (p ->> 'every')::float8), p_now, '2001-01-01 00:00:00+00')
                                    + make_interval(secs => (p ->> 'every')::float8)
    ELSE (SELECT min(w.at) FROM generate_series(-1, 8) d, jsonb_array_elements_text(p -> 'times') t,
            LATERAL (SELECT (p_now AT TIME ZONE (p ->> 'zone'))::date + d AS day) y,
            LATERAL (SELECT (y.day + t::time) AT TIME ZONE (p ->> 'zone') AS at) w
           WHERE w.at > p_now AND p -> 'days' @> to_jsonb(EXTRACT(isodow FROM y.day)::int4)) END $$;

-- Until when a maintenance window that is open now stays open; NULL: it is not.
CREATE FUNCTION alert.window_until(w alert.maintenance, p_now timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT max(s.at + w.duration) FROM generate_series(0, 8) d,
    LATERAL (SELECT (p_now AT TIME ZONE w.tz)::date - d AS day) y, LATERAL (SELECT (y.day + w.start) AT TIME ZONE w.tz AS at) s
   WHERE w.ended_at IS NULL AND p_now < w.until_at AND EXTRACT(isodow FROM y.day)::int4 = ANY(w.days)
     AND s.at <= p_now AND p_now < s.at + w.duration AND s.at + w.duration > w.made_at $$;

-- What people know about an asset.
CREATE FUNCTION alert.annotated(p_zone int4, p_asset uuid, OUT owner text, OUT tags text[]) LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF p_asset IS NULL OR to_regclass('inv.annotation') IS NULL OR to_regclass('inv.asset_tag') IS NULL THEN RETURN; END IF;
  SELECT n.owner INTO owner FROM inv.annotation n WHERE n.zone_id = p_zone AND n.asset_id = p_asset;
  SELECT array_agg(t.tag::text) INTO tags FROM inv.asset_tag t WHERE t.zone_id = p_zone AND t.asset_id = p_asset;
END $$;

-- Puts an event into the log that no change in the inventory made.  state: firing, or resolved, which ends the condition `dedup`.
CREATE FUNCTION alert.raise(p_type text, p_state text, p_zone text, p_subject text, p_about jsonb, p_dedup text, p_summary text, p_more jsonb,
                            p_at timestamptz DEFAULT now()) RETURNS int8 LANGUAGE sql AS $$
  INSERT INTO alert.event (id, at, observed_at, type, severity, zone, subject, dedup, body)
  SELECT inv.event_id(), now(), p_at, p_type, s.severity, p_zone, p_subject, p_dedup,
         jsonb_build_object('severity', alert.severity_name(s.severity), 'state', p_state, 'dedup_key', p_dedup, 'zone', p_zone, 'subject', p_about,
           'summary', p_summary, 'old', NULL, 'new', NULL, 'labels', '{}'::jsonb, 'first_seen', p_at) || p_more
    FROM (SELECT COALESCE((SELECT t.severity FROM alert.type t WHERE t.type = p_type), 1::int2) AS severity) s
  RETURNING seq $$;

-- ------------------------------------------------------------------ the configuration arrives
-- {"close_after", "last_resort", "breaker": {"share", "least", "window", "hold", "settle", "confirm", "canaries"},
--  "flap": {"changes", "within", "quiet"}, "routes": [...]}; spans in seconds.  True: it was another one before.
CREATE FUNCTION alert.sync_rules(p_holder text, p jsonb) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE v_hash text := md5(p::text);
BEGIN
  LOCK TABLE alert.rule_cursor IN EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM alert.ruleset WHERE hash = v_hash) THEN RETURN false; END IF;
  DELETE FROM alert.ruleset;
  INSERT INTO alert.ruleset (hash, brought_by, last_resort, close_after, storm_share, storm_least, storm_window, storm_hold, storm_settle,
                             storm_confirm, canaries, flap_changes, flap_within, flap_quiet)
  SELECT v_hash, p_holder, p ->> 'last_resort', make_interval(secs => (p ->> 'close_after')::float8),
         b.share, b.least, make_interval(secs => b."window"), make_interval(secs => b.hold), make_interval(secs => b.settle),
         make_interval(secs => b.confirm), b.canaries, f.changes, make_interval(secs => f.within), make_interval(secs => f.quiet)
    FROM jsonb_to_record(p -> 'breaker') b(share float8, least int4, "window" float8, hold float8, settle float8, confirm float8, canaries int4),
         jsonb_to_record(p -> 'flap') f(changes int4, within float8, quiet float8);
  UPDATE alert.route SET live = false WHERE live;
  INSERT INTO alert.route (ordinal, name, fits, fits_not, endpoints, goes_on, group_by, group_wait, group_interval, repeat_interval, digest,
                           bypass, max_events)
  SELECT j.ordinal, r.name, alert.matcher_of(r.match), CASE WHEN r."except" IS NOT NULL THEN alert.matcher_of(r."except") END, r.endpoints,
         COALESCE(r."continue", false), r.group_by, make_interval(secs => r.group_wait), make_interval(secs => r.group_interval),
         make_interval(secs => r.repeat_interval), r.digest, r.bypass, COALESCE(r.max_events, 100)
    FROM jsonb_array_elements(p -> 'routes') WITH ORDINALITY AS j(route, ordinal),
         jsonb_to_record(j.route) r(name text, match jsonb, "except" jsonb, endpoints text[], "continue" bool, group_by text[], group_wait float8,
           group_interval float8, repeat_interval float8, digest jsonb, bypass int2, max_events int4);
  PERFORM alert.next_digest(r.digest, now()) FROM alert.route r WHERE r.live AND r.digest IS NOT NULL;    -- raises here, not at work
  PERFORM alert.know_endpoints(ARRAY(SELECT DISTINCT unnest(r.endpoints) FROM alert.route r WHERE r.live));
  NOTIFY alert_event;
  RETURN true;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA alert FROM PUBLIC;
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'muster_reader') THEN
    GRANT EXECUTE ON FUNCTION alert.severity_name(int4) TO muster_reader;
  END IF;
END $$;
