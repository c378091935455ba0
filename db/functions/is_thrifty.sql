-- Whether calls to HubSpot are to be saved: everything may wait for up to two hours.
create or replace function hubspot_sync.is_thrifty()
  returns boolean
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return hubspot_sync.setting('profile') = 'thrifty';
end;
$$;

comment on function hubspot_sync.is_thrifty() is
  'Whether the setting profile is thrifty: what is not urgent waits, so that one call carries '
  'much.';
revoke execute on function hubspot_sync.is_thrifty() from public, anon, authenticated;
grant execute on function hubspot_sync.is_thrifty() to service_role;
