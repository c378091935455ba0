-- Notes what HubSpot holds now of records, beside what it was known to hold.
--
-- HubSpot's modified date tells which of two states is newer. What is older than the newest state
-- known changes nothing: a late answer never overwrites a newer one.
create or replace function hubspot_sync.note_shadow(p_table text, p_records jsonb)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
begin
  insert into hubspot_sync.sync_shadow as s
    (record, table_name, properties, version, acknowledged, read_version, read_at, updated_at)
  select distinct on (r.record) r.record, p_table, r.properties, r.version,
         case when r.how = 'written' then r.version end,
         case when r.how = 'read' then r.version end,
         case when r.how = 'read' then v_now end, v_now
    from jsonb_to_recordset(p_records)
      as r (record uuid, properties jsonb, version timestamptz, how text)
   order by r.record
  on conflict (record) do update
     set properties = case
           when excluded.version < s.version then s.properties
           else s.properties || excluded.properties
         end,
         -- What somebody gave up counts as held until it is sent once more.
         let_be = case when s.let_be <> '{}' and excluded.acknowledged is not null
           then array(select f.field from unnest(s.let_be) f (field)
                       where not excluded.properties ? f.field)
           else s.let_be end,
         version = greatest(s.version, excluded.version),
         acknowledged = greatest(s.acknowledged, excluded.acknowledged),
         read_version = greatest(s.read_version, excluded.read_version),
         read_at = coalesce(excluded.read_at, s.read_at),
         updated_at = excluded.updated_at
   where not s.properties @> excluded.properties
      or excluded.version is not null
      or excluded.read_at is not null;
end;
$$;

comment on function hubspot_sync.note_shadow(text, jsonb) is
  'Adds properties that HubSpot acknowledged or was read to hold to sync_shadow. p_records: an '
  'array of {record, properties, version: HubSpot''s modified date of that state, how: written by '
  'us, read, or (null) read in part}, each record once; null does nothing, and neither does a '
  'state older than the newest known.';
revoke execute on function hubspot_sync.note_shadow(text, jsonb) from public, anon, authenticated;
