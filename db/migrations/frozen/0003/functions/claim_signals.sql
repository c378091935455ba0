-- Hands a worker the next records of one table to read from HubSpot, each once: what is urgent
-- first, then the longest waiting.
--
-- Claims take turns by an advisory lock of their own; who writes signals never takes it. All open
-- rows of a record are one read: they are stamped with the claim's epoch, and what was read closes
-- exactly these, for one that commits later, whatever its id, may tell of a later change. A record
-- with a row that is leased or waits is passed over. A lease that ended is claimed again: to read
-- twice changes nothing.
--
-- Lookups of a record's rows can use idx_webhook_inbox_record alone; see claim_changes.
create or replace function hubspot_sync.claim_signals(
  p_table text,
  p_limit integer default 100,
  p_lease interval default '2 minutes',
  p_lane text default 'bulk'
)
  returns setof hubspot_sync.claimed_signal
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz;
  v_epoch bigint;
  v_lane text;
begin
  perform hubspot_sync.require_readable(p_table);
  if p_limit is null or p_limit not between 0 and 10000
     or p_lease is null or p_lease not between '1 second' and '1 day'
     or p_lane not in ('urgent', 'bulk') then
    raise exception 'cannot claim % records for % of lane %', p_limit, p_lease, left(p_lane, 100)
      using errcode = '22023',
            hint = 'Up to 10000 records, 1 second to 1 day, lane urgent or bulk.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.claim_signals', 0));
  v_now := hubspot_sync.clock();
  if exists (select from hubspot_sync.sync_pauses s
              where s.scope in ('*', p_table)
                and coalesce(s.until, 'infinity') > v_now
                -- One that was made while the clock was ahead need not wait for it.
                and (s.until is null or s.paused_at <= v_now + interval '1 minute')) then
    return;
  end if;
  v_lane := coalesce(
    p_lane, case when hubspot_sync.reads_now(p_table) then 'bulk' else 'urgent' end);
  v_epoch := nextval('hubspot_sync.sync_epochs');

  return query
    with urgent as materialized (
      select u.hubspot_id, u.id
        from (select q.hubspot_id, min(q.id) as id
                from hubspot_sync.webhook_inbox q
               where q.table_name = p_table
                 and q.lane = 'urgent'
                 and q.done_at is null
                 and q.dead_at is null
                 and q.next_attempt_at <= v_now
               group by q.hubspot_id
               order by min(q.id)
              offset 0) u
       where (
         select o.id
           from hubspot_sync.webhook_inbox o
          where o.hubspot_id = u.hubspot_id
            and o.table_name = p_table
            and o.done_at is null
            and coalesce(o.dead_at, '-infinity') = '-infinity'
            and o.next_attempt_at > v_now
            limit 1) is null
       order by u.id
       limit p_limit
    ), due as materialized (
      select u.hubspot_id, u.id
        from urgent u
      union all
      (select q.hubspot_id, q.id
         from hubspot_sync.webhook_inbox q
        where v_lane = 'bulk'
          and q.table_name = p_table
          and q.done_at is null
          and q.dead_at is null
          and q.next_attempt_at <= v_now
          and (
            select o.id
              from hubspot_sync.webhook_inbox o
             where o.hubspot_id = q.hubspot_id
               and o.table_name = p_table
               and o.done_at is null
               and coalesce(o.dead_at, '-infinity') = '-infinity'
               and (o.id < q.id or o.next_attempt_at > v_now)
             -- Of thousands of a record the first tells.
             order by o.id
             limit 1) is null
          and not exists (select from urgent u where u.hubspot_id = q.hubspot_id)
        order by q.id
        limit p_limit - (select count(*) from urgent))
    ), ids as materialized (
      select due.id as lead, r.id
        from due
       cross join lateral (
         select q.id
           from hubspot_sync.webhook_inbox q
          where q.hubspot_id = due.hubspot_id
            and q.table_name = p_table
            and q.done_at is null
            and coalesce(q.dead_at, '-infinity') = '-infinity'
         offset 0) r
    ), covered as materialized (
      -- In the order of ids, as what was read closes them.
      select q.id, ids.lead
        from ids
        join hubspot_sync.webhook_inbox q on q.id = ids.id
       where (q.done_at is not null or q.dead_at is not null) is not true
       order by q.id
         for update of q
    ), leased as (
      update hubspot_sync.webhook_inbox q
         set epoch = v_epoch,
             next_attempt_at = v_now + p_lease,
             last_attempt_at = v_now,
             attempts = q.attempts + 1
        from covered
       where q.id = covered.id
      returning q.hubspot_id, covered.lead, q.lane, q.kind, q.attempts
    ), merged as (
      select l.hubspot_id, min(l.lead) as lead, max(l.lane) as lane,
             array_agg(distinct l.kind order by l.kind) as kinds, max(l.attempts) as attempts,
             bool_or(hubspot_sync.reads_links(p_table, l.kind)) as links
        from leased l
       group by l.hubspot_id
    )
    select m.hubspot_id, v_epoch, m.lane, m.kinds, m.attempts,
           coalesce(b.id, c.id, e.id),
           coalesce(b.booking_id, c.student_id),
           m.links or p_table = 'hubspot_bookings' and b.id is null
      from merged m
      left join hubspot_sync.hubspot_bookings b
        on p_table = 'hubspot_bookings' and b.hubspot_id = m.hubspot_id
      left join hubspot_sync.hubspot_contact_credits c
        on p_table = 'hubspot_contact_credits' and c.hubspot_id = m.hubspot_id
      left join hubspot_sync.hubspot_mock_exams e
        on p_table = 'hubspot_mock_exams' and e.hubspot_id = m.hubspot_id
     order by m.lane desc, m.lead;

  if not found and p_lane is distinct from 'urgent' then
    -- Rows of the future were written while the clock was ahead: they need not wait for it.
    update hubspot_sync.webhook_inbox q
       set next_attempt_at = v_now
     where q.table_name = p_table
       and q.done_at is null
       and q.dead_at is null
       and q.next_attempt_at > v_now
       and coalesce(q.last_attempt_at, q.received_at) > v_now + interval '1 minute';
  end if;
end;
$$;

comment on function hubspot_sync.claim_signals(text, integer, interval, text) is
  'Leases up to p_limit records of a table that are due to be read, for p_lease. p_lane: urgent '
  'takes records with an urgent signal only, bulk all, those first; null is bulk, or urgent while '
  'reads_now says that the rest may wait. Answers nothing while the table is paused. Answer with '
  'receive_records or fail_signals before the lease ends; else another worker reads them. Raises '
  '22023 for an unknown table, lane or impossible numbers.';
revoke execute on function hubspot_sync.claim_signals(text, integer, interval, text)
  from public, anon, authenticated;
grant execute on function hubspot_sync.claim_signals(text, integer, interval, text) to service_role;
