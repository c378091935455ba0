-- Where the event log ends, and how much of it the stream should hold.
create or replace function hubspot_sync.event_status()
  returns table (last_position bigint, last_at timestamptz, stream_length integer)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(max(l.sequence_number), 0), max(l.occurred_at),
         hubspot_sync.setting('stream_length')::integer
    from (select e.sequence_number, e.occurred_at
            from hubspot_sync.event_log e
           order by e.sequence_number desc
           limit 1) l;
$$;

comment on function hubspot_sync.event_status() is
  'One row: the last position of event_log (0: none), when that happened, and the setting '
  'stream_length.';
revoke execute on function hubspot_sync.event_status() from public, anon, authenticated;
grant execute on function hubspot_sync.event_status() to service_role;
