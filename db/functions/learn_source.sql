-- Learns who we are in HubSpot's property history, from an entry that is a write of ours: the same
-- value at the moment that HubSpot answered.
create or replace function hubspot_sync.learn_source(
  p_written jsonb,
  p_credit text,
  p_entries jsonb
)
  returns text
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_source text;
begin
  select nullif(e.value ->> 'sourceId', '') into v_source
    from jsonb_array_elements(p_entries) e
    join jsonb_to_recordset(p_written) as w (credit text, value text, at timestamptz)
      on w.credit = p_credit
     and w.value = e.value ->> 'value'
     and w.at = hubspot_sync.parse_moment(e.value ->> 'timestamp', p_credit)
   where e.value ->> 'sourceType' = 'INTEGRATION'
   limit 1;
  if v_source is not null then
    update hubspot_sync.settings s set value = v_source where s.key = 'hubspot_source_id';
    update hubspot_sync.sync_shadow s set written = null where s.written is not null;
  end if;
  return v_source;
end;
$$;

comment on function hubspot_sync.learn_source(jsonb, text, jsonb) is
  'Our sourceId, if an entry of p_entries (the history of p_credit) is one of p_written '
  '(sync_shadow.written); it is kept in the setting hubspot_source_id. Null when none is.';
revoke execute on function hubspot_sync.learn_source(jsonb, text, jsonb)
  from public, anon, authenticated;
