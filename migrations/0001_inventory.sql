-- The inventory: zones and what is scheduled in them, facts as intervals, the ledger of changes, values, assets,
-- and the append-only log of alert events.  Needs nothing but the ownership of the database: no extension.
--
-- Times of observation (`at`, `since`) come from the sensor and are clamped by the server; `noted_at` is the
-- server's.  zone_id is the first key everywhere: the same 10.0.0.5 may exist in two zones.
CREATE SCHEMA inv;
CREATE SCHEMA api;
CREATE SCHEMA report;
CREATE SCHEMA alert;
COMMENT ON SCHEMA inv IS 'tables of the inventory; their shape may change with each version';
COMMENT ON SCHEMA api IS 'functions for musterd and its sensors: the only way in which findings get in';
COMMENT ON SCHEMA report IS 'views for people and tools; names and types here are kept';
COMMENT ON SCHEMA alert IS 'events and their delivery';

-- ------------------------------------------------------------------ the installation
CREATE TABLE ops.installation (
  one               bool PRIMARY KEY DEFAULT true CHECK (one),
  installation_id   uuid NOT NULL DEFAULT gen_random_uuid(),
  -- Key of the digests of values.  Random (2 x 122 bits from the server's strong source), so that nobody who does
  -- not read this database can prepare two values with one digest.
  digest_key        bytea NOT NULL DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
  system_identifier int8 NOT NULL DEFAULT (pg_control_system()).system_identifier
);
INSERT INTO ops.installation DEFAULT VALUES;

-- ------------------------------------------------------------------ what is looked at, by whom, when
CREATE TABLE inv.zone (
  zone_id     int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text NOT NULL UNIQUE,
  host_misses int2 NOT NULL DEFAULT 3 CHECK (host_misses > 0),
  retired_at  timestamptz
);

CREATE TABLE inv.sensor (
  sensor_id  int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       text NOT NULL UNIQUE,
  instance   uuid,                          -- of the running process: another one voids the leases of the last
  greeted_at timestamptz
);

-- What can be claimed about a subject.  0..99 are the core's own, scripts are numbered as they turn up.
CREATE SEQUENCE inv.attr_id MINVALUE 100;
CREATE TABLE inv.attr (
  attr_id  int4 PRIMARY KEY,
  kind     text NOT NULL CHECK (kind IN ('holder', 'presence', 'text', 'port', 'service', 'script')),
  name     text NOT NULL,
  noun     text,                            -- of its events, where it is not the kind: certificate.changed
  volatile text[] NOT NULL DEFAULT '{}',    -- keys that do not count when values are compared; '*': the whole text
  UNIQUE (kind, name)
);
INSERT INTO inv.attr (attr_id, kind, name) VALUES
  (0, 'holder', 'holder'), (1, 'presence', 'presence'), (2, 'text', 'mac'), (3, 'text', 'hostname'),
  (10, 'port', 'port'), (11, 'service', 'service');
INSERT INTO inv.attr (attr_id, kind, name, noun) VALUES
  (nextval('inv.attr_id'), 'script', 'ssl-cert', 'certificate'),
  (nextval('inv.attr_id'), 'script', 'ssh-hostkey', 'hostkey');

-- A pass of a zone.  What it asks makes it what it is: another kind or another set of ports is another profile, and the old
-- row stays (retired) as proof of what was covered.
CREATE TABLE inv.profile (
  profile_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  zone_id    int4 NOT NULL REFERENCES inv.zone,
  name       text NOT NULL,
  kind       text NOT NULL CHECK (kind IN ('presence', 'ports', 'services', 'scripts')),
  slots      int4multirange NOT NULL DEFAULT '{}',   -- transport << 16 | port (6 tcp, 17 udp, 132 sctp)
  misses     int2 NOT NULL DEFAULT 2 CHECK (misses > 0),
  every      interval NOT NULL,
  confirm    interval NOT NULL,
  retired_at timestamptz
);
CREATE UNIQUE INDEX profile_live ON inv.profile (zone_id, name) WHERE retired_at IS NULL;

-- Unit of leasing, locking and committing: at most 256 addresses.  Live blocks of a zone do not overlap.
CREATE TABLE inv.block (
  block_id   int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  zone_id    int4 NOT NULL REFERENCES inv.zone,
  lo         inet NOT NULL,
  hi         inet NOT NULL CHECK (lo <= hi AND family(lo) = family(hi)),
  retired_at timestamptz,
  UNIQUE (zone_id, lo, hi)
);

-- The scripts that a visit ran, each list once.
CREATE TABLE inv.script_set (
  set_id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  attrs  int4[] NOT NULL UNIQUE             -- ascending
);

-- Schedule, lease, fence, idempotency and present coverage of (block, profile): one row.
CREATE TABLE inv.schedule (
  schedule_id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  zone_id     int4 NOT NULL,
  block_id    int4 NOT NULL REFERENCES inv.block,
  profile_id  int4 NOT NULL REFERENCES inv.profile,
  kind        text NOT NULL,                -- of the profile: claims ask by kind
  wanted_at   timestamptz NOT NULL DEFAULT now(),   -- when the next full visit should start
  due_at      timestamptz NOT NULL DEFAULT now(),   -- nobody may take it before; a claim moves it to the end of its lease
  fence       int8 NOT NULL DEFAULT 0,      -- token of the latest claim; older ones can not commit
  sensor_id   int4,                         -- NULL: idle
  tries       int2 NOT NULL DEFAULT 0,      -- claims since the last visit that was completed
  confirms    int2 NOT NULL DEFAULT 0,      -- confirming visits since the last full one: they come less and less often
  asked       inet[] NOT NULL DEFAULT '{}', -- addresses that someone wants visited before the next full visit
  -- the running visit
  claimed_at  timestamptz,
  scope       inet[],                       -- these addresses alone; NULL: the whole block
  part_done   int4 NOT NULL DEFAULT 0,      -- parts already applied (a retry is a no-op)
  method      text,
  set_id      int4,
  up          int4 NOT NULL DEFAULT 0,
  down        int4 NOT NULL DEFAULT 0,
  opened      int4 NOT NULL DEFAULT 0,
  altered     int4 NOT NULL DEFAULT 0,
  closed      int4 NOT NULL DEFAULT 0,
  blind       inet[] NOT NULL DEFAULT '{}',
  -- coverage
  last_from   timestamptz,                  -- start and ...
  last_at     timestamptz,                  -- ... end of the last complete visit of the whole block
  visits      int8 NOT NULL DEFAULT 0,
  retired_at  timestamptz,
  UNIQUE (block_id, profile_id)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
CREATE INDEX schedule_due ON inv.schedule (kind, due_at) WHERE retired_at IS NULL;
CREATE SEQUENCE inv.fence;

-- Append-only proof of coverage: one row per visit, complete or not.
CREATE TABLE inv.coverage (
  at          timestamptz NOT NULL,         -- end
  from_at     timestamptz NOT NULL,         -- start: of the claim
  zone_id     int4 NOT NULL,
  block_id    int4 NOT NULL,
  profile_id  int4 NOT NULL,
  sensor_id   int4,
  set_id      int4,
  fence       int8 NOT NULL,
  parts       int4 NOT NULL,
  complete    bool NOT NULL,
  method      text,
  scope       inet[],                       -- NULL: the whole block
  blind       inet[],                       -- addresses in it without a conclusive result
  up int4 NOT NULL, down int4 NOT NULL,
  opened int4 NOT NULL, altered int4 NOT NULL, closed int4 NOT NULL,
  probes int8, retransmissions int8, drops int8, loss real, rate_pps real
) PARTITION BY RANGE (at);
CREATE INDEX coverage_when ON inv.coverage USING brin (at) WITH (pages_per_range = 32);
CREATE INDEX coverage_where ON inv.coverage (block_id, at);

-- ------------------------------------------------------------------ facts
-- Present state: one row per fact that holds.  A confirmation writes nothing: "last seen" follows from `since`, the last
-- complete visit and the doubts.  The facts of a host that is gone stay (dormant) until it returns or another takes its place.
-- No index may contain `value`, not even a partial one: it would end HOT updates and double the WAL.
CREATE TABLE inv.fact_now (
  since    timestamptz NOT NULL,
  zone_id  int4 NOT NULL,
  slot     int4 NOT NULL,                   -- 0: the host itself
  attr_id  int4 NOT NULL,
  value    uuid NOT NULL,                   -- keyed digest of the canonical value; the asset for holders
  strength int2 NOT NULL,                   -- presence: of the method that found it, a weaker one can not close it; else 0
  addr     inet NOT NULL,
  CONSTRAINT fact_now_pk PRIMARY KEY (zone_id, addr, slot, attr_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX fact_now_present ON inv.fact_now (zone_id, addr) WHERE attr_id = 1;

-- History and event log at once: every row ends the span [old_since, at) and/or starts a new one at `at`.
CREATE TABLE inv.change (
  at         timestamptz NOT NULL,
  old_since  timestamptz,                   -- NULL: opened
  seen_at    timestamptz,                   -- closed only: last conclusive sighting
  noted_at   timestamptz NOT NULL DEFAULT now(),
  change_id  int8 NOT NULL GENERATED BY DEFAULT AS IDENTITY,
  tx         xid8 NOT NULL DEFAULT pg_current_xact_id(),
  zone_id    int4 NOT NULL,
  slot       int4 NOT NULL,
  attr_id    int4 NOT NULL,
  profile_id int4 NOT NULL,
  -- o(pened) b(ack: a host that had gone) v(alue) c(losed) p(ort went) r(eassigned address)
  cause      "char" NOT NULL,
  news       bool NOT NULL,                 -- has a row in alert.event
  addr       inet NOT NULL,
  old_value  uuid,
  new_value  uuid,
  CHECK (old_value IS NOT NULL OR new_value IS NOT NULL),
  CHECK ((old_value IS NULL) = (old_since IS NULL)),
  CHECK (old_since < at)
) PARTITION BY RANGE (at);
CREATE INDEX change_subject ON inv.change (zone_id, addr, at);
CREATE INDEX change_order ON inv.change (tx, change_id);

-- Hysteresis: rows exist only while something is missing or could not be judged.
CREATE TABLE inv.doubt (
  zone_id    int4 NOT NULL,
  addr       inet NOT NULL,
  slot       int4 NOT NULL,
  attr_id    int4 NOT NULL,
  profile_id int4 NOT NULL,                 -- of the visit that missed it last
  misses     int2 NOT NULL,                 -- 0: inconclusive only
  first_at   timestamptz NOT NULL,          -- first miss: the end of the span if it closes
  last_at    timestamptz NOT NULL,          -- last miss that counted
  seen_at    timestamptz,                   -- last conclusive sighting before
  CONSTRAINT doubt_pk PRIMARY KEY (zone_id, addr, slot, attr_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- Which port profiles have looked at a host completely, and since when: a port that opens is news on these hosts alone.
CREATE TABLE inv.host_covered (
  zone_id    int4 NOT NULL,
  addr       inet NOT NULL,
  profile_id int4 NOT NULL,
  since      timestamptz NOT NULL,
  CONSTRAINT host_covered_pk PRIMARY KEY (zone_id, addr, profile_id)
);

-- What is nice to know of a host and no fact: as it was when it appeared.
CREATE TABLE inv.host_note (
  zone_id int4 NOT NULL,
  addr    inet NOT NULL,
  reason  text,
  ttl     int2,
  vendor  text,
  CONSTRAINT host_note_pk PRIMARY KEY (zone_id, addr)
);
-- Names of ports from the services table, for those that no probe has named.
CREATE TABLE inv.port_name (
  slot int4 PRIMARY KEY,
  name text NOT NULL
);

-- ------------------------------------------------------------------ values, each stored once
-- kept_at: refreshed at most daily; the collector spares fresh ones.
CREATE TABLE inv.value_text (
  value   uuid PRIMARY KEY,
  body    text NOT NULL,
  kept_at date NOT NULL DEFAULT current_date
);
CREATE TABLE inv.value_script (
  value   uuid PRIMARY KEY,
  output  text,                             -- what nmap would print
  data    jsonb,                            -- structured output
  kept_at date NOT NULL DEFAULT current_date
);
CREATE TABLE inv.value_service (
  value   uuid PRIMARY KEY,
  name text, product text, version text, extra text, hostname text, os text, device text, tunnel text,
  cpe     text[] NOT NULL DEFAULT '{}',
  kept_at date NOT NULL DEFAULT current_date
);
CREATE INDEX value_service_product ON inv.value_service (product, version);
CREATE INDEX value_service_cpe ON inv.value_service USING gin (cpe);

-- ------------------------------------------------------------------ identity
CREATE TABLE inv.asset (
  asset_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  zone_id  int4 NOT NULL REFERENCES inv.zone,
  made_at  timestamptz NOT NULL DEFAULT now(),
  label    text,
  note     text,
  grade    "char" NOT NULL DEFAULT 'p'      -- p(rovisional: weak evidence only) f(irm) v(irtual address)
);
CREATE TABLE inv.asset_key (                -- which keys an asset has shown, as spans
  zone_id  int4 NOT NULL,
  kind     int2 NOT NULL,                   -- 1 MAC address
  key      text NOT NULL,                   -- canonical
  asset_id uuid NOT NULL REFERENCES inv.asset ON DELETE CASCADE,
  since    timestamptz NOT NULL,
  until    timestamptz NOT NULL DEFAULT 'infinity',
  PRIMARY KEY (zone_id, kind, key, asset_id)
);
CREATE UNIQUE INDEX asset_key_live ON inv.asset_key (zone_id, kind, key) WHERE until = 'infinity';
CREATE INDEX asset_key_asset ON inv.asset_key (asset_id);
CREATE TABLE inv.asset_place (              -- reverse of holder: the addresses an asset holds, present or not
  asset_id uuid NOT NULL,
  zone_id  int4 NOT NULL,
  addr     inet NOT NULL,
  PRIMARY KEY (asset_id, zone_id, addr)
);

-- ------------------------------------------------------------------ events: the outbox
CREATE TABLE alert.type (                   -- what there is to tell, and how urgent it is
  type     text PRIMARY KEY,
  severity int2 NOT NULL CHECK (severity BETWEEN 0 AND 4)   -- debug info warning high critical
);
INSERT INTO alert.type VALUES
  ('host.appeared', 2), ('host.gone', 2), ('host.returned', 1), ('host.replaced', 2),
  ('port.opened', 2), ('port.closed', 1), ('service.changed', 1),
  ('script.appeared', 1), ('script.changed', 1), ('script.gone', 1),
  ('certificate.appeared', 1), ('certificate.changed', 2), ('certificate.gone', 1),
  ('hostkey.appeared', 1), ('hostkey.changed', 3), ('hostkey.gone', 1);

-- Append only; written in the transaction of the change it reports.  Readers take rows with
-- xid < pg_snapshot_xmin(pg_current_snapshot()): sequence order is not commit order.
CREATE TABLE alert.event (
  seq         int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id          text NOT NULL UNIQUE,         -- stable over every attempt; sorts by time; no full stop in it
  xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at          timestamptz NOT NULL DEFAULT now(),
  observed_at timestamptz NOT NULL,
  type        text NOT NULL,
  severity    int2 NOT NULL,
  zone        text NOT NULL,
  subject     text NOT NULL,                -- host/192.0.2.17/tcp/80/http-title
  dedup       text NOT NULL,                -- the same for opposite edges of one condition
  baseline    bool NOT NULL DEFAULT false,
  body        jsonb NOT NULL
);
CREATE INDEX event_order ON alert.event (xid, seq);
CREATE INDEX event_when ON alert.event USING brin (at) WITH (pages_per_range = 32);

-- ------------------------------------------------------------------ partitions by month
CREATE FUNCTION ops.make_partitions(p_from date, p_months int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE m timestamptz; t text; n int := 0;
BEGIN
  FOR i IN 0 .. p_months - 1 LOOP
    m := date_trunc('month', p_from::timestamptz) + make_interval(months => i);
    FOREACH t IN ARRAY ARRAY['change', 'coverage'] LOOP
      IF to_regclass(format('inv.%I', t || to_char(m, '_YYYY_MM'))) IS NULL THEN
        EXECUTE format('CREATE TABLE inv.%I PARTITION OF inv.%I FOR VALUES FROM (%L) TO (%L)',
          t || to_char(m, '_YYYY_MM'), t, m, m + interval '1 month');
        n := n + 1;
      END IF;
    END LOOP;
  END LOOP;
  RETURN n;
END $$;
ALTER FUNCTION ops.make_partitions(date, int) SET timezone = 'UTC';
-- Rows of a clock gone mad must not stop the service; these two stay empty otherwise.
CREATE TABLE inv.change_stray PARTITION OF inv.change DEFAULT;
CREATE TABLE inv.coverage_stray PARTITION OF inv.coverage DEFAULT;
SELECT ops.make_partitions(current_date - 31, 6);
