-- Reads the event log on from a position. What append_events has not logged yet is not there.
create or replace function hubspot_sync.read_events(
  p_after bigint default 0,
  p_limit integer default 100
)
  returns setof hubspot_sync.event_log
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select l.*
    from hubspot_sync.event_log l
   where l.sequence_number > p_after
   order by l.sequence_number
   limit greatest(p_limit, 0);
$$;

comment on function hubspot_sync.read_events(bigint, integer) is
  'The events after a position, in order, p_limit at most. Keep the last sequence_number you have '
  'done with and give it as p_after: nothing is missed, whatever commits when.';
revoke execute on function hubspot_sync.read_events(bigint, integer)
  from public, anon, authenticated;
grant execute on function hubspot_sync.read_events(bigint, integer) to service_role;
