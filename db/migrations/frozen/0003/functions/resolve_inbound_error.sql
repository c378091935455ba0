-- Marks a record of HubSpot's as healed: what was wrong with it no longer is.
create or replace function hubspot_sync.resolve_inbound_error(p_entity text, p_hubspot_id text)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  update hubspot_sync.sync_errors e
     set resolved_at = hubspot_sync.clock()
   where e.direction = 'hubspot_to_supabase'
     and e.entity = p_entity
     and e.record is null
     and e.hubspot_id = p_hubspot_id
     and e.resolved_at is null;
end;
$$;

comment on function hubspot_sync.resolve_inbound_error(text, text) is
  'Closes the open row of sync_errors of a record, if there is one.';
revoke execute on function hubspot_sync.resolve_inbound_error(text, text)
  from public, anon, authenticated;
