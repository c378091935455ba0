-- How much is waiting to be sent, and for how long.
create or replace function hubspot_sync.queue_status()
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
         hubspot_sync.clock() - min(q.created_at) filter (where q.dead_at is null),
         count(*) filter (where q.dead_at is null and q.lane = 'urgent'),
         hubspot_sync.clock() - min(q.created_at)
           filter (where q.dead_at is null and q.lane = 'urgent'),
         exists (select from hubspot_sync.list_pauses() p where p.scope in ('*', q.table_name))
    from hubspot_sync.sync_queue q
   where not q.synced
   group by q.table_name
   order by q.table_name;
$$;

comment on function hubspot_sync.queue_status() is
  'Per table: open changes due now, those leased or waiting for a later attempt, dead letters, '
  'the age of the oldest open change; of the open ones how many are urgent and how old the oldest '
  'of these is; and whether the table is paused.';
revoke execute on function hubspot_sync.queue_status() from public, anon, authenticated;
grant execute on function hubspot_sync.queue_status() to service_role;
