-- By what id HubSpot's property history tells our writes, as far as that is known.
create or replace function hubspot_sync.known_source()
  returns text
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return hubspot_sync.setting('hubspot_source_id');
end;
$$;

comment on function hubspot_sync.known_source() is
  'The setting hubspot_source_id: the sourceId of our writes in HubSpot, null until it is set or '
  'learnt.';
revoke execute on function hubspot_sync.known_source() from public, anon, authenticated;
grant execute on function hubspot_sync.known_source() to service_role;
