-- Hands a worker the next records of one table to send, each once, in the order of change.
--
-- Claims take turns (one advisory lock), so that a claim sees every lease given before it.
-- Writers never take that lock. A record is due when its oldest open row is, and none of its
-- open rows is leased or waiting: a late row of an earlier id cannot slip past a lease. The
-- rows a claim covers are stamped with its epoch; finish closes exactly these. A second send that
-- waits until an unanswered first one can no longer arrive holds up nothing, and nothing sent
-- meanwhile replaces it.
create or replace function hubspot_sync.claim_changes(
  p_table text,
  p_limit integer default 100,
  p_lease interval default '2 minutes'
)
  returns setof hubspot_sync.claimed_change
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_epoch bigint;
begin
  if p_table is null
     or p_table not in ('hubspot_bookings', 'hubspot_contact_credits', 'hubspot_mock_exams') then
    raise exception 'table % is not synchronised', p_table
      using errcode = '22023',
            hint = 'hubspot_bookings, hubspot_contact_credits or hubspot_mock_exams.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.claim_changes', 0));
  v_now := hubspot_sync.clock();
  v_epoch := nextval('hubspot_sync.sync_epochs');

  return query
    with due as materialized (
      select q.record, q.id
        from hubspot_sync.sync_queue q
       where q.table_name = p_table
         and not q.synced
         and q.dead_at is null
         and q.next_attempt_at <= v_now
         and not exists (
           select
             from hubspot_sync.sync_queue o
            where o.record = q.record
              and o.table_name = q.table_name
              and not o.synced
              and o.dead_at is null
              and not (o.operation = 'resend' and o.epoch is null and o.next_attempt_at > v_now)
              and (o.id < q.id or o.next_attempt_at > v_now))
       order by q.id
       limit p_limit
    ), leased as (
      update hubspot_sync.sync_queue q
         set epoch = v_epoch,
             next_attempt_at = v_now + p_lease,
             last_sync_attempt = v_now,
             sync_attempts = q.sync_attempts + 1,
             unanswered = q.unanswered or q.epoch is not null
        from due
       where q.record = due.record
         and q.table_name = p_table
         and not q.synced
         and q.dead_at is null
         and not (q.operation = 'resend' and q.epoch is null and q.next_attempt_at > v_now)
      returning q.record, due.id as lead, q.operation, q.old_data, q.new_data
    ), merged as (
      select l.record,
             min(l.lead) as lead,
             array_agg(distinct k.key) filter (where k.key is not null) as keys,
             array_agg(distinct l.old_data ->> '@exam')
               filter (where l.old_data ->> '@exam' <> '') as left_exams,
             bool_or(l.operation = 'insert') as is_new,
             max(l.old_data ->> 'hubspot_id') as deleted_hubspot_id,
             max(coalesce(l.old_data ->> 'booking_id', l.old_data ->> 'student_id'))
               as deleted_unique_value
        from leased l
        left join lateral jsonb_object_keys(l.new_data) k (key) on true
       group by l.record
    )
    select p_table,
           m.record,
           v_epoch,
           case
             when s.state is not null then 'upsert'
             when m.is_new and not a.attempted then 'nothing'
             else 'archive'
           end,
           coalesce(b.hubspot_id, c.hubspot_id, e.hubspot_id, m.deleted_hubspot_id),
           coalesce(b.booking_id, c.student_id, m.deleted_unique_value),
           (select coalesce(jsonb_object_agg(p.key, p.value), '{}')
              from jsonb_each(s.state) p
             where p.key not like '@%'
               and (f.whole or p.key = any (m.keys))),
           nullif(s.state ->> '@contact', ''),
           nullif(s.state ->> '@exam', ''),
           p_table = 'hubspot_bookings' and s.state is not null
             and (f.whole or m.keys && '{@contact,@exam}'::text[]),
           coalesce(array_remove(m.left_exams, s.state ->> '@exam'), '{}')
      from merged m
      left join hubspot_sync.hubspot_bookings b
        on p_table = 'hubspot_bookings' and b.id = m.record
      left join hubspot_sync.hubspot_contact_credits c
        on p_table = 'hubspot_contact_credits' and c.id = m.record
      left join hubspot_sync.hubspot_mock_exams e
        on p_table = 'hubspot_mock_exams' and e.id = m.record
     cross join lateral (
       select case p_table
                when 'hubspot_bookings'
                  then case when b.id is not null then hubspot_sync.booking_properties(b) end
                when 'hubspot_contact_credits'
                  then case when c.id is not null then hubspot_sync.contact_properties(c) end
                when 'hubspot_mock_exams'
                  then case when e.id is not null then hubspot_sync.exam_properties(e) end
              end as state) s
     cross join lateral (
       select m.is_new or coalesce(b.hubspot_id, c.hubspot_id, e.hubspot_id) is null as whole) f
     cross join lateral (
       -- As the rows were before this claim: was any of them ever handed to a worker?
       select coalesce(bool_or(o.last_sync_attempt is not null), false) as attempted
         from hubspot_sync.sync_queue o
        where o.record = m.record
          and o.table_name = p_table
          and not o.synced
          and o.dead_at is null) a
     order by m.lead;
end;
$$;

comment on function hubspot_sync.claim_changes(text, integer, interval) is
  'Leases up to p_limit due records of a table for p_lease and answers each with its state as '
  'of the claim: all properties when HubSpot does not have the record, else those that changed. '
  'Answer with finish_changes or fail_changes before the lease ends. Raises 22023 for an '
  'unknown table.';
revoke execute on function hubspot_sync.claim_changes(text, integer, interval)
  from public, anon, authenticated;
grant execute on function hubspot_sync.claim_changes(text, integer, interval) to service_role;
