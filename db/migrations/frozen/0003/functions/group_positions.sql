-- Lists the groups of consumers and how far each has come.
create or replace function hubspot_sync.group_positions()
  returns setof hubspot_sync.event_groups
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select g.* from hubspot_sync.event_groups g order by g.group_name;
$$;

comment on function hubspot_sync.group_positions() is
  'A row per group of consumers: the last position it has done with, and when it noted that.';
revoke execute on function hubspot_sync.group_positions() from public, anon, authenticated;
grant execute on function hubspot_sync.group_positions() to service_role;
