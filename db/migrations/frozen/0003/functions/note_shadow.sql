-- Notes what HubSpot holds now of records, beside what it was known to hold.
create or replace function hubspot_sync.note_shadow(p_table text, p_records jsonb)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into hubspot_sync.sync_shadow as s (record, table_name, properties, updated_at)
  select distinct on (r.record) r.record, p_table, r.properties, hubspot_sync.clock()
    from jsonb_to_recordset(p_records) as r (record uuid, properties jsonb)
   order by r.record
  on conflict (record) do update
     set properties = s.properties || excluded.properties,
         updated_at = excluded.updated_at
   where not s.properties @> excluded.properties;
end;
$$;

comment on function hubspot_sync.note_shadow(text, jsonb) is
  'Adds properties that HubSpot acknowledged or was read to hold to sync_shadow. p_records: an '
  'array of {record, properties}, each record once; null does nothing.';
revoke execute on function hubspot_sync.note_shadow(text, jsonb) from public, anon, authenticated;
