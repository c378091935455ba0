-- What the claims under way cover, in words for people: the glue asks this beside a claim that it
-- rolls back, to tell what would be sent.
create or replace function hubspot_sync.look_at_claims(p_records uuid[])
  returns table (
    record uuid, name text, lane text, changes bigint, age interval, next_attempt_at timestamptz
  )
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select q.record,
         max(hubspot_sync.record_name(q.table_name, q.record, coalesce(q.old_data, q.new_data))),
         max(q.lane),
         count(*),
         hubspot_sync.clock() - min(q.created_at),
         max(q.next_attempt_at)
    from hubspot_sync.sync_queue q
   where q.record = any (p_records)
     and not q.synced
     and q.dead_at is null
     and q.epoch is not null
   group by q.record;
$$;

comment on function hubspot_sync.look_at_claims(uuid[]) is
  'Per record of p_records that is leased: what people call it, its lane (urgent if any change of '
  'it is), how many changes the lease covers, the age of the oldest, and when the lease ends.';
revoke execute on function hubspot_sync.look_at_claims(uuid[]) from public, anon, authenticated;
grant execute on function hubspot_sync.look_at_claims(uuid[]) to service_role;
