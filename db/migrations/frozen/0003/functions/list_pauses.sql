-- What is paused now; a pause whose time is over pauses nothing and is not told.
create or replace function hubspot_sync.list_pauses()
  returns setof hubspot_sync.sync_pauses
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select p.*
    from hubspot_sync.sync_pauses p
   where p.until is null
      or p.until > hubspot_sync.clock()
   order by p.scope;
$$;

comment on function hubspot_sync.list_pauses() is
  'The pauses in force: scope, reason, who paused it when, and until when.';
revoke execute on function hubspot_sync.list_pauses() from public, anon, authenticated;
grant execute on function hubspot_sync.list_pauses() to service_role;
