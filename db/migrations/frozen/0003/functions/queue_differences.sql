-- The full pass: compares records with what HubSpot was last known to hold, and queues those that
-- differ, with exactly the properties that do.
--
-- A record with an open change is on its way and left alone. A dead letter gets one more attempt,
-- alone: what else differs of its record goes in one pass, the dead letter in the next, lest the
-- same refusal takes both. Dead letters of records that are no longer here go with the first page.
-- Where nothing is known of what HubSpot holds (a row of the old layout), all that is ours to
-- decide is sent. p_all sends everything, whatever HubSpot is known to hold.
create or replace function hubspot_sync.queue_differences(
  p_table text,
  p_after uuid default null,
  p_limit integer default 1000,
  p_all boolean default false,
  p_since timestamptz default null
)
  returns table (checked integer, queued integer, last uuid)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_max integer := hubspot_sync.setting('max_sync_attempts')::integer;
begin
  perform hubspot_sync.require_synchronised(p_table);
  if p_limit is null or p_limit not between 1 and 100000 then
    raise exception 'cannot compare % records at a time', p_limit
      using errcode = '22023', hint = '1 to 100000.';
  end if;
  with page as materialized (
    (select b.id, b.hubspot_id, hubspot_sync.booking_properties(b) as state
       from hubspot_sync.hubspot_bookings b
      where p_table = 'hubspot_bookings' and (p_after is null or b.id > p_after)
        and (p_since is null or b.updated_at >= p_since)
      order by b.id
      limit p_limit)
    union all
    (select c.id, c.hubspot_id, hubspot_sync.contact_properties(c)
       from hubspot_sync.hubspot_contact_credits c
      where p_table = 'hubspot_contact_credits' and (p_after is null or c.id > p_after)
        and (p_since is null or c.updated_at >= p_since)
      order by c.id
      limit p_limit)
    union all
    -- HubSpot makes exams; only whoever sends everything may make one that is gone there.
    (select e.id, e.hubspot_id, hubspot_sync.exam_properties(e)
            || case when p_all then '{"@create": ""}' else '{}' end::jsonb
       from hubspot_sync.hubspot_mock_exams e
      where p_table = 'hubspot_mock_exams' and (p_after is null or e.id > p_after)
        and (p_since is null or e.updated_at >= p_since)
      order by e.id
      limit p_limit)
    union all
    -- A note never changes: one that HubSpot has is as it should be. A shadow has only one that
    -- somebody gave up.
    (select n.id, n.hubspot_id, hubspot_sync.note_properties(n)
       from hubspot_sync.sync_notes n
      where p_table = 'sync_notes'
        and n.hubspot_id is null
        and not exists (select from hubspot_sync.sync_shadow s where s.record = n.id)
        and (p_after is null or n.id > p_after)
      order by n.id
      limit p_limit)
  ), differing as materialized (
    select p.id, p.hubspot_id, d.properties
      from page p
      left join hubspot_sync.sync_shadow s on s.record = p.id
     -- Somebody gave it up, or its id went to another record here and a person was told.
     cross join lateral (
       select s.properties ? '@given_up'
              or exists (select from hubspot_sync.sync_errors e
                          where e.direction = 'supabase_to_hubspot'
                            and e.entity = p_table
                            and e.record = p.id
                            and e.resolved_at is null) as left_out
       offset 0) t
     cross join lateral (
       select jsonb_object_agg(n.key, n.value) as properties
         from jsonb_each(p.state) n
        where p_all
           or p.hubspot_id is null and (s.record is null or not t.left_out)
           or case
                when s.properties ? n.key then s.properties -> n.key <> n.value
                else n.key not in (select o.field
                                     from hubspot_sync.field_owners o
                                    where o.table_name = p_table and o.owner = 'hubspot')
                     and (s.record is null or n.value <> '""')
              end) d
     where d.properties is not null
       and not coalesce(s.properties ? '@gone', false)
       and (p_all or not coalesce(s.properties ? '@archived', false))
       and (p_all
            or not exists (select from hubspot_sync.sync_queue q
                            where q.record = p.id and not q.synced and q.dead_at is null))
  ), dead as materialized (
    select p.id, array_agg(distinct q.id) as ids, array_agg(distinct k.key) as keys,
           bool_or(q.new_data is null) as whole
      from page p
     cross join lateral (
       select o.id, o.new_data
         from hubspot_sync.sync_queue o
        where o.record = p.id and not o.synced and o.dead_at is not null
       offset 0) q
      left join lateral jsonb_object_keys(q.new_data) k (key) on true
     where not exists (select from hubspot_sync.sync_queue o
                        where o.record = p.id and not o.synced and o.dead_at is null)
     group by p.id
  ), first as materialized (
    select d.id, d.hubspot_id,
           case when f.whole then '{}'
                when f.id is null then d.properties
                else d.properties - array_remove(f.keys, null) end as properties
      from differing d
      left join dead f on f.id = d.id
  ), in_order as materialized (
    select q.id
      from hubspot_sync.sync_queue q
     where q.id in (
             select unnest(f.ids)
               from dead f
              where f.id not in (select o.id from first o where o.properties <> '{}')
             union all
             select o.id
               from hubspot_sync.sync_queue o
              where p_after is null
                and o.table_name = p_table
                and not o.synced
                and o.dead_at is not null
                and hubspot_sync.record_properties(p_table, o.record) is null)
       and not q.synced
     order by q.id
       for update
  ), revived as (
    update hubspot_sync.sync_queue q
       set dead_at = null, next_attempt_at = v_now,
           sync_attempts = least(q.sync_attempts, v_max - 1)
      from in_order i
     where q.id = i.id
       and not q.synced
    returning q.record
  ), added as (
    insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
    select p_table, d.id,
           case when d.hubspot_id is null then 'insert' else 'resend' end, d.properties
      from first d
     where d.properties <> '{}'
     order by d.id
    returning record
  )
  select (select count(*)::integer from page),
         (select count(*)::integer from added)
           + (select count(distinct r.record)::integer from revived r),
         (select max(p.id::text)::uuid from page p)
    into checked, queued, last;
  return next;
end;
$$;

comment on function hubspot_sync.queue_differences(text, uuid, integer, boolean, timestamptz) is
  'Compares the next p_limit records of a table after the id p_after, in the order of ids, with '
  'sync_shadow, and queues those that differ: checked and queued are how many, last is the id to '
  'go on after, null when there are no more. p_since leaves out what was changed here before. '
  'p_all queues all of them with everything. Of notes, '
  'which never change, only those HubSpot does not have are looked at. Raises '
  '22023 for an unknown table or an impossible limit.';
revoke execute on function hubspot_sync.queue_differences(
  text, uuid, integer, boolean, timestamptz) from public, anon, authenticated;
grant execute on function hubspot_sync.queue_differences(
  text, uuid, integer, boolean, timestamptz) to service_role;
