-- Takes records as a search or a listing found them, and asks for those to be read that are newer
-- than what was read, or of which nothing was.
--
-- What nobody has begun to read needs no second signal. A dead letter is not tried again because
-- the same version was seen once more; a newer one is. One that counts as archived is there again,
-- whatever its version. Our own writes are asked for, too: what
-- HubSpot's users wrote just before them has no other trace in a version.
create or replace function hubspot_sync.note_sightings(p_table text, p_rows jsonb, p_kind text)
  returns table (checked integer, queued integer, untold integer, ours text[])
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
begin
  perform hubspot_sync.require_readable(p_table);
  with seen as materialized (
    select distinct on (r.id) r.id, r.version
      from jsonb_to_recordset(p_rows) as r (id text, version timestamptz)
     where r.id <> '' and length(r.id) <= 500
     order by r.id, r.version desc nulls first
  ), looked as materialized (
    select s.id, s.version, coalesce(s.version = h.acknowledged, false) as ours,
           (h.read_version is null or s.version is null or s.version > h.read_version
             or h.properties ? '@archived')
             and not hubspot_sync.is_asked_for(p_table, s.id, s.version) as wanted
      from seen s
      left join hubspot_sync.sync_shadow h
        on h.record = hubspot_sync.known_record(p_table, s.id)
  ), added as (
    insert into hubspot_sync.webhook_inbox
      (table_name, hubspot_id, kind, event, received_at, next_attempt_at)
    select p_table, w.id, p_kind, jsonb_build_object('version', w.version), v_now, v_now
      from looked w
     where w.wanted
     order by w.id
    returning 1
  )
  select count(*)::integer, (select count(*)::integer from added),
         (count(*) filter (where l.wanted and not l.ours))::integer,
         coalesce(array_agg(l.id) filter (where l.ours), '{}')
    into checked, queued, untold, ours
    from looked l;
  return next;
end;
$$;

comment on function hubspot_sync.note_sightings(text, jsonb, text) is
  'Records HubSpot was seen to have, as an array of {id, version: when it was changed last}: '
  'those that are newer than what was read of them, or not known here, become signals of the kind '
  'p_kind. checked: how many were seen; queued: how many signals that made; untold: those of them '
  'that somebody else changed last; ours: ids of those seen that we did. Raises 22023 for a table '
  'that HubSpot says nothing of.';
revoke execute on function hubspot_sync.note_sightings(text, jsonb, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.note_sightings(text, jsonb, text) to service_role;
