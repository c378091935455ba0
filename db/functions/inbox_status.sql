-- How much is waiting to be read, and for how long.
create or replace function hubspot_sync.inbox_status()
  returns table (
    table_name text,
    due bigint,
    waiting bigint,
    dead bigint,
    oldest interval,
    urgent bigint,
    oldest_urgent interval,
    paused boolean
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select q.table_name,
         count(*) filter (where q.dead_at is null
                            and q.next_attempt_at <= hubspot_sync.clock()),
         count(*) filter (where q.dead_at is null
                            and q.next_attempt_at > hubspot_sync.clock()),
         count(*) filter (where q.dead_at is not null),
         hubspot_sync.clock() - min(q.received_at) filter (where q.dead_at is null),
         count(*) filter (where q.dead_at is null and q.lane = 'urgent'),
         hubspot_sync.clock() - min(q.received_at)
           filter (where q.dead_at is null and q.lane = 'urgent'),
         exists (select from hubspot_sync.list_pauses() p where p.scope in ('*', q.table_name))
    from hubspot_sync.webhook_inbox q
   where q.done_at is null
   group by q.table_name
   order by q.table_name;
$$;

comment on function hubspot_sync.inbox_status() is
  'Per table: open signals due now, those leased or waiting for a later attempt, dead letters, '
  'the age of the oldest open signal; of the open ones how many are urgent and how old the oldest '
  'of these is; and whether the table is paused.';
revoke execute on function hubspot_sync.inbox_status() from public, anon, authenticated;
grant execute on function hubspot_sync.inbox_status() to service_role;
