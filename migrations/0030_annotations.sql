-- What people say about assets: owner, criticality, tags, notes, what is expected of it, which services are approved.
--
-- Keyed by asset, never by address, and never removed by retention.  When one asset turns out to be another, the merge calls
-- inv.annotations_moved(); when that is undone, inv.annotations_moved_back().  Each edit is kept in inv.annotation_log.
CREATE TABLE inv.annotation (
  zone_id     int4 NOT NULL,
  asset_id    uuid NOT NULL,
  owner       text CHECK (owner <> ''),
  criticality text CHECK (criticality IN ('low', 'medium', 'high', 'critical')),
  presence    text CHECK (presence IN ('always', 'sometimes', 'never')),   -- what is expected
  changed_at  timestamptz NOT NULL DEFAULT now(),
  changed_by  text NOT NULL,
  CONSTRAINT annotation_pk PRIMARY KEY (zone_id, asset_id)
);
CREATE TABLE inv.asset_tag (
  zone_id  int4 NOT NULL,
  asset_id uuid NOT NULL,
  tag      text NOT NULL CHECK (tag ~ '^[a-z0-9][a-z0-9_.:/=-]{0,62}$'),
  made_at  timestamptz NOT NULL DEFAULT now(),
  made_by  text NOT NULL,
  CONSTRAINT asset_tag_pk PRIMARY KEY (zone_id, asset_id, tag)
);
CREATE INDEX asset_tag_tag ON inv.asset_tag (tag);
-- A service that may be there, or a policy that the asset may violate, by whom and until when.
CREATE TABLE inv.approval (
  zone_id     int4 NOT NULL,
  approval_id int8 GENERATED ALWAYS AS IDENTITY,
  asset_id    uuid NOT NULL,
  slot        int4,                         -- a service: transport << 16 | port
  policy      text,                         -- or a policy, by name
  author      text NOT NULL CHECK (author <> ''),
  reason      text,
  made_at     timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz,                  -- NULL: never
  ended_at    timestamptz,                  -- taken back
  ended_by    text,
  CONSTRAINT approval_pk PRIMARY KEY (zone_id, approval_id),
  CHECK ((slot IS NULL) <> (policy IS NULL)),
  CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
CREATE UNIQUE INDEX approval_service ON inv.approval (zone_id, asset_id, slot) WHERE slot IS NOT NULL AND ended_at IS NULL;
CREATE UNIQUE INDEX approval_policy ON inv.approval (zone_id, asset_id, policy) WHERE policy IS NOT NULL AND ended_at IS NULL;
-- Every edit, and what a merge carried over.
CREATE TABLE inv.annotation_log (
  zone_id  int4 NOT NULL,
  asset_id uuid NOT NULL,
  at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  by_whom  text NOT NULL,
  field    text NOT NULL,                   -- label, note, owner, criticality, presence, tag, approval, moved
  old      text,
  new      text
);
CREATE INDEX annotation_log_asset ON inv.annotation_log (asset_id, at);

-- The annotations of an asset as one object: what a merge keeps of the asset that it ends.
CREATE FUNCTION inv.annotations_of(p_asset uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('label', a.label, 'note', a.note, 'owner', n.owner, 'criticality', n.criticality, 'presence', n.presence,
           'tags', (SELECT COALESCE(jsonb_agg(t.tag ORDER BY t.tag), '[]') FROM inv.asset_tag t WHERE t.zone_id = a.zone_id AND t.asset_id = p_asset),
           'approvals', (SELECT COALESCE(jsonb_agg(p.approval_id ORDER BY p.approval_id), '[]') FROM inv.approval p
                          WHERE p.zone_id = a.zone_id AND p.asset_id = p_asset))
    FROM inv.asset a LEFT JOIN inv.annotation n ON n.zone_id = a.zone_id AND n.asset_id = a.asset_id WHERE a.asset_id = p_asset $$;

-- One asset turned out to be another.  What both have: the asset that stays keeps its own, notes are put together, the higher
-- criticality and the stricter expectation hold; tags and approvals are joined.  Nothing is lost: the log has what both had.
CREATE FUNCTION inv.annotations_moved(p_from uuid, p_into uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  f inv.asset%ROWTYPE; i inv.asset%ROWTYPE;
  fa inv.annotation%ROWTYPE; ia inv.annotation%ROWTYPE;
  c_crit CONSTANT text[] := '{low,medium,high,critical}'; c_pres CONSTANT text[] := '{sometimes,always,never}';
BEGIN
  SELECT * INTO f FROM inv.asset WHERE asset_id = p_from;
  SELECT * INTO i FROM inv.asset WHERE asset_id = p_into;
  IF f.asset_id IS NULL OR i.asset_id IS NULL OR p_from = p_into THEN RETURN; END IF;
  INSERT INTO inv.annotation_log(zone_id, asset_id, by_whom, field, old, new)
  VALUES (i.zone_id, p_into, 'merge', 'moved', inv.annotations_of(p_into)::text,
          (inv.annotations_of(p_from) || jsonb_build_object('from', p_from))::text);
  UPDATE inv.asset SET label = COALESCE(i.label, f.label),
         note = CASE WHEN i.note IS NULL OR i.note = f.note THEN COALESCE(i.note, f.note) WHEN f.note IS NULL THEN i.note
                     ELSE i.note || E'\n' || f.note END
   WHERE asset_id = p_into AND (f.label IS NOT NULL OR f.note IS NOT NULL);
  SELECT * INTO fa FROM inv.annotation n WHERE n.zone_id = f.zone_id AND n.asset_id = p_from;
  IF FOUND THEN
    INSERT INTO inv.annotation(zone_id, asset_id, owner, criticality, presence, changed_at, changed_by)
    VALUES (i.zone_id, p_into, fa.owner, fa.criticality, fa.presence, fa.changed_at, fa.changed_by)
    ON CONFLICT ON CONSTRAINT annotation_pk DO UPDATE
      SET owner = COALESCE(annotation.owner, excluded.owner),
          criticality = c_crit[GREATEST(array_position(c_crit, annotation.criticality), array_position(c_crit, excluded.criticality))],
          presence = c_pres[GREATEST(array_position(c_pres, annotation.presence), array_position(c_pres, excluded.presence))],
          changed_at = GREATEST(annotation.changed_at, excluded.changed_at);
    DELETE FROM inv.annotation n WHERE n.zone_id = f.zone_id AND n.asset_id = p_from;
  END IF;
  INSERT INTO inv.asset_tag(zone_id, asset_id, tag, made_at, made_by)
  SELECT i.zone_id, p_into, t.tag, t.made_at, t.made_by FROM inv.asset_tag t WHERE t.zone_id = f.zone_id AND t.asset_id = p_from
  ON CONFLICT DO NOTHING;
  DELETE FROM inv.asset_tag t WHERE t.zone_id = f.zone_id AND t.asset_id = p_from;
  -- of two living approvals of one service the one that the asset has stays; the other moves as a thing of the past
  UPDATE inv.approval a SET ended_at = now(), ended_by = 'merge'
   WHERE a.zone_id = f.zone_id AND a.asset_id = p_from AND a.ended_at IS NULL
     AND EXISTS (SELECT FROM inv.approval o WHERE o.zone_id = i.zone_id AND o.asset_id = p_into AND o.ended_at IS NULL
                    AND (o.slot = a.slot OR o.policy = a.policy));
  UPDATE inv.approval a SET asset_id = p_into, zone_id = i.zone_id WHERE a.zone_id = f.zone_id AND a.asset_id = p_from;
END $$;

-- A merge was undone: the asset that is back gets what it had before; the other keeps what it has, for a person to take away.
CREATE FUNCTION inv.annotations_moved_back(p_from uuid, p_into uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE v jsonb; v_zone int4; v_living int8[];
BEGIN
  SELECT l.new::jsonb, l.zone_id INTO v, v_zone FROM inv.annotation_log l
   WHERE l.asset_id = p_into AND l.field = 'moved' AND l.new::jsonb ->> 'from' = p_from::text ORDER BY l.at DESC LIMIT 1;
  IF NOT FOUND OR NOT EXISTS (SELECT FROM inv.asset WHERE asset_id = p_from) THEN RETURN; END IF;
  UPDATE inv.asset SET label = v ->> 'label', note = v ->> 'note' WHERE asset_id = p_from;
  IF v ->> 'owner' IS NOT NULL OR v ->> 'criticality' IS NOT NULL OR v ->> 'presence' IS NOT NULL THEN
    INSERT INTO inv.annotation(zone_id, asset_id, owner, criticality, presence, changed_by)
    VALUES (v_zone, p_from, v ->> 'owner', v ->> 'criticality', v ->> 'presence', 'split')
    ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO inv.asset_tag(zone_id, asset_id, tag, made_by)
  SELECT v_zone, p_from, t, 'split' FROM jsonb_array_elements_text(v -> 'tags') t ON CONFLICT DO NOTHING;
  v_living := ARRAY(SELECT p::int8 FROM jsonb_array_elements_text(v -> 'approvals') p);
  UPDATE inv.approval a SET asset_id = p_from,
         ended_at = CASE WHEN a.ended_by = 'merge' THEN NULL ELSE a.ended_at END, ended_by = NULLIF(a.ended_by, 'merge')
   WHERE a.zone_id = v_zone AND a.asset_id = p_into AND a.approval_id = ANY(v_living);
  INSERT INTO inv.annotation_log(zone_id, asset_id, by_whom, field, new) VALUES (v_zone, p_from, 'split', 'moved', v::text);
END $$;

-- ------------------------------------------------------------------ people

CREATE FUNCTION inv.annotated(p_asset uuid, p_by text, p_field text, p_old text, p_new text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO inv.annotation_log(zone_id, asset_id, by_whom, field, old, new)
  SELECT a.zone_id, p_asset, p_by, p_field, p_old, p_new FROM inv.asset a WHERE a.asset_id = p_asset AND p_old IS DISTINCT FROM p_new $$;

-- Sets what the object names: label, note, owner, criticality, presence; an empty text takes it away.  False: no such asset.
CREATE FUNCTION api.annotate(p_asset uuid, p_by text, p jsonb) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_zone int4; k text; v text; old jsonb;
BEGIN
  SELECT zone_id INTO v_zone FROM asset WHERE asset_id = p_asset FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  SELECT string_agg(key, ', ') INTO k FROM jsonb_object_keys(p) key WHERE key NOT IN ('label', 'note', 'owner', 'criticality', 'presence');
  IF k IS NOT NULL THEN RAISE EXCEPTION 'an asset has no %', k USING ERRCODE = 'M0001'; END IF;
  IF NULLIF(p ->> 'criticality', '') NOT IN ('low', 'medium', 'high', 'critical') THEN
    RAISE EXCEPTION 'criticality %: expected low, medium, high or critical', p ->> 'criticality' USING ERRCODE = 'M0001';
  END IF;
  IF NULLIF(p ->> 'presence', '') NOT IN ('always', 'sometimes', 'never') THEN
    RAISE EXCEPTION 'presence %: expected always, sometimes or never', p ->> 'presence' USING ERRCODE = 'M0001';
  END IF;
  old := annotations_of(p_asset);
  FOR k, v IN SELECT key, NULLIF(value, '') FROM jsonb_each_text(p) LOOP
    PERFORM annotated(p_asset, p_by, k, old ->> k, v);
    p := jsonb_set(p, ARRAY[k], COALESCE(to_jsonb(v), 'null'));
  END LOOP;
  p := old || p;
  UPDATE asset SET label = p ->> 'label', note = p ->> 'note' WHERE asset_id = p_asset;
  INSERT INTO annotation(zone_id, asset_id, owner, criticality, presence, changed_by)
  VALUES (v_zone, p_asset, p ->> 'owner', p ->> 'criticality', p ->> 'presence', p_by)
  ON CONFLICT ON CONSTRAINT annotation_pk DO UPDATE SET owner = excluded.owner, criticality = excluded.criticality,
    presence = excluded.presence, changed_at = now(), changed_by = excluded.changed_by;
  RETURN true;
END $$;

-- How many tags were added and removed; -1: no such asset.
CREATE FUNCTION api.tag(p_asset uuid, p_by text, p_add text[], p_remove text[]) RETURNS int4
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_zone int4; t text; n int4 := 0;
BEGIN
  SELECT zone_id INTO v_zone FROM asset WHERE asset_id = p_asset FOR UPDATE;
  IF NOT FOUND THEN RETURN -1; END IF;
  SELECT min(x) INTO t FROM unnest(p_add) x WHERE x !~ '^[a-z0-9][a-z0-9_.:/=-]{0,62}$';
  IF t IS NOT NULL THEN
    RAISE EXCEPTION 'tag ''%'': expected lower-case letters, digits and _ . : / = -, a letter or digit first, at most 63', t USING ERRCODE = 'M0001';
  END IF;
  FOREACH t IN ARRAY p_remove LOOP
    DELETE FROM asset_tag a WHERE a.zone_id = v_zone AND a.asset_id = p_asset AND a.tag = t;
    CONTINUE WHEN NOT FOUND;
    PERFORM annotated(p_asset, p_by, 'tag', t, NULL); n := n + 1;
  END LOOP;
  FOREACH t IN ARRAY p_add LOOP
    INSERT INTO asset_tag(zone_id, asset_id, tag, made_by) VALUES (v_zone, p_asset, t, p_by) ON CONFLICT DO NOTHING;
    CONTINUE WHEN NOT FOUND;
    PERFORM annotated(p_asset, p_by, 'tag', NULL, t); n := n + 1;
  END LOOP;
  RETURN n;
END $$;

CREATE FUNCTION inv.approval_text(p_slot int4, p_policy text, p_until timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT COALESCE((p_slot & 65535) || '/' || inv.protocol(p_slot), 'policy ' || p_policy) || COALESCE(' until ' || p_until, '') $$;

-- Approves a service (protocol and port) or an exception from a policy; a second approval replaces the first.  False: no such asset.
CREATE FUNCTION api.approve(p_asset uuid, p_by text, p_protocol text, p_port int4, p_policy text, p_reason text, p_until timestamptz) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE v_zone int4; v_slot int4 := (CASE p_protocol WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 WHEN 'sctp' THEN 132 END << 16) | p_port;
BEGIN
  SELECT zone_id INTO v_zone FROM asset WHERE asset_id = p_asset FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  IF p_until <= now() THEN RAISE EXCEPTION 'the approval would end at %, which has passed', p_until USING ERRCODE = 'M0001'; END IF;
  UPDATE approval a SET ended_at = now(), ended_by = p_by
   WHERE a.zone_id = v_zone AND a.asset_id = p_asset AND a.ended_at IS NULL AND (a.slot = v_slot OR a.policy = p_policy);
  INSERT INTO approval(zone_id, asset_id, slot, policy, author, reason, expires_at)
  VALUES (v_zone, p_asset, v_slot, p_policy, p_by, p_reason, p_until);
  PERFORM annotated(p_asset, p_by, 'approval', NULL, approval_text(v_slot, p_policy, p_until));
  RETURN true;
END $$;

-- Takes an approval back.  False: there is none.
CREATE FUNCTION api.unapprove(p_asset uuid, p_by text, p_protocol text, p_port int4, p_policy text) RETURNS bool
LANGUAGE plpgsql SECURITY DEFINER SET search_path = inv, pg_temp AS $$
DECLARE a approval%ROWTYPE; v_slot int4 := (CASE p_protocol WHEN 'tcp' THEN 6 WHEN 'udp' THEN 17 WHEN 'sctp' THEN 132 END << 16) | p_port;
BEGIN
  UPDATE approval q SET ended_at = now(), ended_by = p_by
   WHERE q.asset_id = p_asset AND q.ended_at IS NULL AND (q.slot = v_slot OR q.policy = p_policy) RETURNING * INTO a;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM annotated(p_asset, p_by, 'approval', approval_text(a.slot, a.policy, a.expires_at), NULL);
  RETURN true;
END $$;

-- ------------------------------------------------------------------ reports
CREATE VIEW report.annotation AS
SELECT a.asset_id, z.name AS zone, a.label, n.owner, n.criticality, n.presence AS expected_presence,
       ARRAY(SELECT t.tag FROM inv.asset_tag t WHERE t.zone_id = a.zone_id AND t.asset_id = a.asset_id ORDER BY t.tag) AS tags,
       a.note, n.changed_at, n.changed_by
  FROM inv.asset a JOIN inv.zone z USING (zone_id)
  LEFT JOIN inv.annotation n ON n.zone_id = a.zone_id AND n.asset_id = a.asset_id
 WHERE n.asset_id IS NOT NULL OR a.label IS NOT NULL OR a.note IS NOT NULL
    OR EXISTS (SELECT FROM inv.asset_tag t WHERE t.zone_id = a.zone_id AND t.asset_id = a.asset_id);
COMMENT ON VIEW report.annotation IS 'what people say about assets; one row per asset of which something is said';
COMMENT ON COLUMN report.annotation.asset_id IS 'the asset (report.asset)';
COMMENT ON COLUMN report.annotation.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.annotation.label IS 'name given by a person';
COMMENT ON COLUMN report.annotation.owner IS 'who answers for it';
COMMENT ON COLUMN report.annotation.criticality IS 'low, medium, high or critical';
COMMENT ON COLUMN report.annotation.expected_presence IS 'always: it should be there; sometimes; never: it should not be there any more';
COMMENT ON COLUMN report.annotation.tags IS 'words to find it by';
COMMENT ON COLUMN report.annotation.note IS 'remark of a person';
COMMENT ON COLUMN report.annotation.changed_at IS 'last edit of owner, criticality or expectation';
COMMENT ON COLUMN report.annotation.changed_by IS 'who made it';

CREATE VIEW report.approval AS
SELECT z.name AS zone, p.asset_id, inv.protocol(p.slot) AS protocol, p.slot & 65535 AS port, p.policy,
       CASE WHEN p.ended_at IS NOT NULL THEN 'ended' WHEN p.expires_at <= now() THEN 'expired' ELSE 'approved' END AS state,
       p.author, p.reason, p.made_at, p.expires_at, p.ended_at, p.ended_by
  FROM inv.approval p JOIN inv.zone z USING (zone_id);
COMMENT ON VIEW report.approval IS 'services and exceptions from policies that somebody approved, also those of the past';
COMMENT ON COLUMN report.approval.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.approval.asset_id IS 'the asset (report.asset)';
COMMENT ON COLUMN report.approval.protocol IS 'tcp, udp or sctp; NULL: an exception from a policy';
COMMENT ON COLUMN report.approval.port IS 'port number; NULL: an exception from a policy';
COMMENT ON COLUMN report.approval.policy IS 'the policy that the asset may violate; NULL: a service';
COMMENT ON COLUMN report.approval.state IS 'approved; expired: its time is over; ended: taken back or replaced';
COMMENT ON COLUMN report.approval.author IS 'who approved it';
COMMENT ON COLUMN report.approval.reason IS 'why';
COMMENT ON COLUMN report.approval.made_at IS 'when';
COMMENT ON COLUMN report.approval.expires_at IS 'until when; NULL: for good';
COMMENT ON COLUMN report.approval.ended_at IS 'when it was taken back';
COMMENT ON COLUMN report.approval.ended_by IS 'by whom';

CREATE VIEW report.annotation_log AS
SELECT l.at, z.name AS zone, l.asset_id, l.by_whom, l.field, l.old, l.new FROM inv.annotation_log l JOIN inv.zone z USING (zone_id);
COMMENT ON VIEW report.annotation_log IS 'every edit of what people say about assets, and what merges carried over';
COMMENT ON COLUMN report.annotation_log.at IS 'when';
COMMENT ON COLUMN report.annotation_log.zone IS 'routing domain; the same address may be in use in two zones';
COMMENT ON COLUMN report.annotation_log.asset_id IS 'the asset (report.asset)';
COMMENT ON COLUMN report.annotation_log.by_whom IS 'who; merge or split: Muster itself';
COMMENT ON COLUMN report.annotation_log.field IS 'label, note, owner, criticality, presence, tag, approval; moved: all of them, with a merge';
COMMENT ON COLUMN report.annotation_log.old IS 'before';
COMMENT ON COLUMN report.annotation_log.new IS 'after';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA inv, api, report FROM PUBLIC;
SELECT ops.grant_roles();
