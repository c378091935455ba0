-- Hands a worker the next records of one table to send, each once, in the order of change.
--
-- Claims take turns (one advisory lock), so that a claim sees every lease given before it.
-- Writers never take that lock. A record is due when its oldest open row is, and none of its
-- open rows is leased or waiting: a late row of an earlier id cannot slip past a lease. The
-- rows a claim covers are stamped with its epoch; finish closes exactly these. A second send that
-- waits until an unanswered first one can no longer arrive holds up nothing, and nothing sent
-- meanwhile replaces it.
--
-- Lookups of a record's rows can use idx_sync_queue_record alone, and none can be turned into a
-- join: the planner, who last saw the queue nearly empty, would read all open rows each time.
--
-- A property that has the shadow's value is left out, unless a row that names it, open or dead,
-- was handed to a worker before: HubSpot may hold what that worker sent.
create or replace function hubspot_sync.claim_changes(
  p_table text,
  p_limit integer default 100,
  p_lease interval default '2 minutes',
  p_lane text default null
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
  v_lane text;
  v_longest interval := hubspot_sync.setting('longest_request')::interval;
begin
  perform hubspot_sync.require_synchronised(p_table);
  if p_limit is null or p_limit not between 0 and 10000
     or p_lease is null or p_lease not between '1 second' and '1 day'
     or p_lane not in ('urgent', 'bulk') then
    raise exception 'cannot claim % records for % of lane %', p_limit, p_lease, left(p_lane, 100)
      using errcode = '22023',
            hint = 'Up to 10000 records, 1 second to 1 day, lane urgent or bulk.';
  end if;
  v_lane := coalesce(p_lane, case hubspot_sync.setting('profile')
                               when 'thrifty' then 'urgent' else 'bulk' end);
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.claim_changes', 0));
  v_now := hubspot_sync.clock();
  if exists (select from hubspot_sync.sync_pauses s
              where s.scope in ('*', p_table)
                and coalesce(s.until, 'infinity') > v_now
                -- One that was made while the clock was ahead need not wait for it.
                and (s.until is null or s.paused_at <= v_now + interval '1 minute')) then
    return;
  end if;
  v_epoch := nextval('hubspot_sync.sync_epochs');

  return query
    with urgent as materialized (
      select q.record, min(q.id) as id
        from hubspot_sync.sync_queue q
       where q.table_name = p_table
         and q.lane = 'urgent'
         and not q.synced
         and q.dead_at is null
         and q.next_attempt_at <= v_now
         and (
           select o.id
             from hubspot_sync.sync_queue o
            where o.record = q.record
              and not o.synced
              and coalesce(o.dead_at, '-infinity') = '-infinity'
              and not (o.operation = 'resend' and o.epoch is null and o.next_attempt_at > v_now)
              and o.next_attempt_at > v_now
              limit 1) is null
       group by q.record
       order by min(q.id)
       limit p_limit
    ), due as materialized (
      select u.record, u.id
        from urgent u
      union all
      (select q.record, q.id
         from hubspot_sync.sync_queue q
        where v_lane = 'bulk'
          and q.table_name = p_table
          and not q.synced
          and q.dead_at is null
          and q.next_attempt_at <= v_now
          and (
            select o.id
              from hubspot_sync.sync_queue o
             where o.record = q.record
               and not o.synced
               and coalesce(o.dead_at, '-infinity') = '-infinity'
               and not (o.operation = 'resend' and o.epoch is null and o.next_attempt_at > v_now)
               and (o.id < q.id or o.next_attempt_at > v_now)
               limit 1) is null
          and not exists (select from urgent u where u.record = q.record)
        order by q.id
        limit p_limit - (select count(*) from urgent))
    ), ids as materialized (
      select due.id as lead, r.id
        from due
       cross join lateral (
         select q.id
           from hubspot_sync.sync_queue q
          where q.record = due.record
            and q.table_name = p_table
            and not q.synced
            and coalesce(q.dead_at, '-infinity') = '-infinity'
            and not (q.operation = 'resend' and q.epoch is null and q.next_attempt_at > v_now)
         offset 0) r
    ), covered as materialized (
      -- In the order of ids, as a late acknowledgement takes them.
      select q.id, ids.lead, q.last_sync_attempt
        from ids
        join hubspot_sync.sync_queue q on q.id = ids.id
       where (q.synced or q.dead_at is not null) is not true
       order by q.id
         for update of q
    ), leased as (
      update hubspot_sync.sync_queue q
         set epoch = v_epoch,
             next_attempt_at = v_now + p_lease,
             last_sync_attempt = v_now,
             sync_attempts = q.sync_attempts + 1,
             unanswered = q.unanswered or q.epoch is not null
        from covered
       where q.id = covered.id
      returning q.record, covered.lead, covered.last_sync_attempt as tried_at,
                covered.last_sync_attempt is not null as tried, q.unanswered, q.operation, q.lane,
                q.old_data, q.new_data
    ), merged as (
      select l.record,
             min(l.lead) as lead,
             max(l.lane) as lane,
             bool_or(l.tried) as tried,
             bool_or(l.unanswered) as unanswered,
             max(l.tried_at) as tried_at,
             bool_or(l.operation = 'insert') as is_new,
             bool_or(l.operation = 'resend' and l.new_data is null) as all_again,
             array_agg(distinct k.key) filter (where k.key is not null) as keys,
             array_agg(distinct k.key)
               filter (where l.tried or l.operation = 'resend') as keys_tried,
             array_agg(distinct l.old_data ->> '@exam')
               filter (where l.old_data ->> '@exam' <> '') as left_exams,
             array_agg(distinct l.old_data ->> '@exam')
               filter (where l.tried or l.operation = 'resend')
               || array_agg(distinct l.new_data ->> '@exam') filter (where l.tried) as left_tried,
             max(l.old_data ->> 'hubspot_id') as deleted_hubspot_id,
             max(coalesce(l.old_data ->> 'booking_id', l.old_data ->> 'student_id'))
               filter (where l.operation in ('delete', 'resend')) as deleted_unique_value,
             array_agg(distinct coalesce(l.old_data ->> 'booking_id', l.old_data ->> 'student_id'))
               filter (where l.operation = 'update') as former_values
        from leased l
        left join lateral jsonb_object_keys(l.new_data) k (key) on true
       group by l.record
    ), states as materialized (
      select m.*,
             coalesce(b.hubspot_id, c.hubspot_id, e.hubspot_id, n.hubspot_id,
                      m.deleted_hubspot_id) as hubspot_id,
             coalesce(b.booking_id, c.student_id, m.deleted_unique_value) as unique_value,
             m.is_new or m.all_again
               or coalesce(b.hubspot_id, c.hubspot_id, e.hubspot_id, n.hubspot_id) is null
               as whole,
             case
               when b.id is not null then hubspot_sync.booking_properties(b)
               when c.id is not null then hubspot_sync.contact_properties(c)
               when e.id is not null then hubspot_sync.exam_properties(e)
               when n.id is not null then hubspot_sync.note_properties(n)
             end as state
        from merged m
        left join hubspot_sync.hubspot_bookings b
          on p_table = 'hubspot_bookings' and b.id = m.record
        left join hubspot_sync.hubspot_contact_credits c
          on p_table = 'hubspot_contact_credits' and c.id = m.record
        left join hubspot_sync.hubspot_mock_exams e
          on p_table = 'hubspot_mock_exams' and e.id = m.record
        left join hubspot_sync.sync_notes n
          on p_table = 'sync_notes' and n.id = m.record
    ), differing as (
      select s.*, d.properties - '{@contact,@exam}'::text[] as properties,
             array(select k.key
                     from jsonb_object_keys(d.properties) k (key)
                    where k.key in ('@contact', '@exam')
                    order by k.key) as associate,
             array(select x.exam
                     from unnest(s.left_exams) x (exam)
                    where x.exam <> s.state ->> '@exam'
                      and (x.exam = any (s.left_tried)
                           or x.exam is not distinct from
                              coalesce(h.properties ->> '@exam', x.exam))) as left_ids
        from states s
        left join hubspot_sync.sync_shadow h on h.record = s.record
       cross join lateral (
         select array_agg(distinct k.key) as keys
           from hubspot_sync.sync_queue o
          cross join lateral jsonb_object_keys(o.new_data) k (key)
          where o.record = s.record
            and not o.synced
            and coalesce(o.dead_at, '-infinity') <> '-infinity'
         offset 0) dead
       cross join lateral (
         select coalesce(jsonb_object_agg(p.key, p.value), '{}') as properties
           from jsonb_each(s.state) p
          where (s.whole
                 or p.key = any (s.keys)
                and (p.key = any (s.keys_tried)
                     or p.key = any (dead.keys)
                     or h.properties -> p.key is distinct from p.value))
            -- Of a contact HubSpot may have already, a name nobody gave here stays as it is there.
            and not (p_table = 'hubspot_contact_credits'
                     and s.hubspot_id is null
                     and not s.tried
                     and h.record is null
                     and p.value = '""')) d
    )
    select p_table,
           d.record,
           v_epoch,
           d.lane,
           case
             when d.state is null and d.is_new and not d.tried then 'nothing'
             -- Deleted and made again: what is there belongs to the new one.
             when d.state is null and hubspot_sync.is_taken(p_table, d.hubspot_id, d.unique_value)
               then 'nothing'
             when d.state is null then 'archive'
             -- HubSpot would take the one for the other.
             when p_table = 'hubspot_contact_credits' and d.hubspot_id is null
                  and hubspot_sync.is_doubled(d.record, d.unique_value) then 'refused'
             when d.properties = '{}' and d.associate = '{}' and d.left_ids = '{}' then 'nothing'
             else 'upsert'
           end,
           d.hubspot_id,
           d.unique_value,
           d.properties,
           nullif(d.state ->> '@contact', ''),
           nullif(d.state ->> '@exam', ''),
           d.associate,
           d.left_ids,
           coalesce('@create' = any (d.keys), false),
           d.tried,
           coalesce(d.tried_at < v_now - v_longest, true),
           case when d.tried and d.hubspot_id is null
             then array(select f.value
                          from unnest(d.former_values) f (value)
                         where f.value <> d.unique_value
                           and not hubspot_sync.is_taken(p_table, null, f.value))
             else '{}' end,
           d.unanswered
      from differing d
     order by d.lane desc, d.lead;

  if not found and p_lane is distinct from 'urgent' then
    -- Rows of the future were written while the clock was ahead: they need not wait for it.
    update hubspot_sync.sync_queue q
       set next_attempt_at = v_now
     where q.table_name = p_table
       and not q.synced
       and q.dead_at is null
       and q.next_attempt_at > v_now
       and coalesce(q.last_sync_attempt, q.created_at) > v_now + interval '1 minute';
  end if;
end;
$$;

comment on function hubspot_sync.claim_changes(text, integer, interval, text) is
  'Leases up to p_limit due records of a table for p_lease and answers each with its state as '
  'of the claim: all properties when HubSpot does not have the record, else those that changed '
  'and that HubSpot does not have already. p_lane: urgent takes records with an urgent change '
  'only, bulk all, those first; null is bulk, or urgent where the setting profile is thrifty. '
  'Answers nothing while the table is paused. Answer with finish_changes or fail_changes before '
  'the lease ends. Raises 22023 for an unknown table, lane or impossible numbers.';
revoke execute on function hubspot_sync.claim_changes(text, integer, interval, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.claim_changes(text, integer, interval, text)
  to service_role;
