-- Checks every invariant of the system, in one snapshot.
create or replace function api.verify()
  returns setof api.check_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform hubspot_sync.require_administrator();
  return query
    -- The ledger is read once for its chains, each contact's each credit, and its sums.
    with chains as materialized (
      select l.contact, l.credit, sum(l.delta) as total,
             array_agg(l.id) filter (where l.balance_before <> l.balance_left) as broken
        from (select l.contact, l.credit, l.id, l.delta, l.balance_before,
                     lag(l.balance_after, 1, 0) over (
                       partition by l.contact, l.credit order by l.id) as balance_left
                from hubspot_sync.credit_ledger l) l
       group by l.contact, l.credit
    ), offenders as (
      select 'seats_counted' as name, s.exam::text as id
        from hubspot_sync.exam_seats s
        left join (select b.exam, count(*) as taken
                     from hubspot_sync.hubspot_bookings b
                    where b.is_active in ('Active', 'Completed') and b.exam is not null
                    group by b.exam) b on b.exam = s.exam
       where s.taken <> coalesce(b.taken, 0)
      union all
      select 'seats_exist', e.id::text
        from hubspot_sync.hubspot_mock_exams e
        left join hubspot_sync.exam_seats s on s.exam = e.id
       where s.exam is null
          or s.capacity <> coalesce(e.capacity, 0)
          or s.is_open <> (e.deleted_at is null and hubspot_sync.exam_is_active(e.is_active))
      union all
      select 'ledger_equals_balances', c.id::text
        from (select c.id, v.credit, v.balance
                from hubspot_sync.hubspot_contact_credits c
               cross join lateral (values
                  ('sj_credits', c.sj_credits), ('cs_credits', c.cs_credits),
                  ('sjmini_credits', c.sjmini_credits),
                  ('mock_discussion_token', c.mock_discussion_token),
                  ('shared_mock_credits', c.shared_mock_credits)) as v (credit, balance)) c
        full join chains l on l.contact = c.id and l.credit = c.credit
       where coalesce(c.balance, 0) <> coalesce(l.total, 0)
      union all
      select 'bookings_linked', b.booking_id
        from hubspot_sync.hubspot_bookings b
       where b.exam is null
         and exists (select from hubspot_sync.hubspot_mock_exams e
                      where e.hubspot_id = b.mock_exam_id)
          or b.contact is null
         and exists (select from hubspot_sync.hubspot_contact_credits c
                      where c.hubspot_id = b.contact_id)
      union all
      select 'one_active_per_exam', min(b.booking_id)
        from hubspot_sync.hubspot_bookings b
       where b.is_active = 'Active' and not b.exempt
       group by b.student_id, b.mock_exam_id
      having count(*) > 1
      union all
      select 'one_active_per_day', min(b.booking_id)
        from hubspot_sync.hubspot_bookings b
       where b.is_active = 'Active' and not b.exempt and b.mock_type is not null
         and b.exam_date is not null
       group by b.student_id, b.mock_type, b.exam_date::date
      having count(*) > 1
      union all
      -- A booking has at most one entry of each reason (credit_ledger_once_per_booking).
      select 'booking_paid_once', b.booking_id
        from hubspot_sync.hubspot_bookings b
        left join hubspot_sync.credit_ledger s on s.booking = b.id and s.reason = 'booking'
        left join hubspot_sync.credit_ledger r on r.booking = b.id and r.reason = 'refund'
       where s.delta <> -1
          or r.delta <> 1
          or s.id is not null
         and (r.id is not null) is distinct from (b.is_active is not distinct from 'Cancelled')
         and not exists (select from hubspot_sync.sync_conflicts c
                          where c.record = b.id and c.field = 'is_active')
      union all
      select 'booking_paid_once', l.booking::text
        from hubspot_sync.credit_ledger l
       where l.booking is not null
         and l.reason not in ('booking', 'refund')
      union all
      select 'refund_where_spent', r.booking::text
        from hubspot_sync.credit_ledger r
        join hubspot_sync.credit_ledger s on s.booking = r.booking and s.reason = 'booking'
        left join hubspot_sync.hubspot_contact_credits p on p.id = s.contact
        left join hubspot_sync.hubspot_contact_credits k on k.id = r.contact
       where r.reason = 'refund'
         and (s.credit <> r.credit
              or coalesce(p.merged_into, s.contact) <> coalesce(k.merged_into, r.contact))
      union all
      select 'ledger_chain', i.id::text
        from chains l
       cross join lateral unnest(l.broken) i (id)
      union all
      select 'bookings_match_exam', b.booking_id
        from hubspot_sync.hubspot_bookings b
        join hubspot_sync.hubspot_mock_exams e on e.id = b.exam
       where b.is_active in ('Active', 'Completed')
         and (b.mock_exam_id <> e.hubspot_id
              or e.mock_type is distinct from b.mock_type and e.mock_type is not null
              or e.exam_date is distinct from b.exam_date::date and e.exam_date is not null)
      union all
      select 'deleted_exams_empty', e.hubspot_id
        from hubspot_sync.hubspot_mock_exams e
       where e.deleted_at is not null
         and exists (select from hubspot_sync.hubspot_bookings b
                      where b.mock_exam_id = e.hubspot_id and b.is_active = 'Active')
      union all
      select 'contacts_unique', min(c.id::text)
        from hubspot_sync.hubspot_contact_credits c
       where not exists (select from hubspot_sync.migration_findings f where f.record = c.id)
       group by c.student_id, lower(c.email)
      having count(*) > 1
      union all
      select 'ids_present', b.id::text
        from hubspot_sync.hubspot_bookings b
       where not b.exempt
         and '' in (b.booking_id, b.student_id, b.student_email, b.mock_exam_id)
      union all
      select 'guards_in_place', g.name
        from hubspot_sync.missing_guards() g (name)
      union all
      select 'nothing_unprotected',
             case u.kind when 'function' then '' else u.schema_name || '.' end || u.object_name
        from hubspot_sync.unprotected() u
       where u.schema_name = 'api'
          or u.schema_name = 'hubspot_sync'
         and (u.kind <> 'function' or u.problem like 'may be run by%')
      union all
      select 'queue_consistent', q.id::text
        from hubspot_sync.sync_queue q
       where q.synced <> (q.synced_at is not null)
          or q.synced and (q.epoch is not null or q.dead_at is not null)
          or q.dead_at is not null and q.epoch is not null
          -- Longer than any lease, any answer of HubSpot or any setting makes it wait.
          or not q.synced and q.dead_at is null
         and q.next_attempt_at - greatest(q.created_at, q.last_sync_attempt) > (
               select interval '25 hours'
                      + greatest(hubspot_sync.setting('backoff_max')::interval,
                                 hubspot_sync.setting('longest_request')::interval))
      union all
      select 'inbox_consistent', q.id::text
        from hubspot_sync.webhook_inbox q
       where q.done_at is not null
         and (q.epoch is not null or q.dead_at is not null)
          or q.dead_at is not null and q.epoch is not null
          or q.done_at is null and q.dead_at is null
         and q.next_attempt_at - greatest(q.received_at, q.last_attempt_at) > (
               select interval '25 hours' + hubspot_sync.setting('backoff_max')::interval)
      union all
      select 'queued_until_synced', b.booking_id
        from hubspot_sync.hubspot_bookings b
       where b.hubspot_id is null
         and not exists (select from hubspot_sync.sync_queue q
                          where q.record = b.id and not q.synced)
         and not exists (select from hubspot_sync.sync_shadow h where h.record = b.id)
         and not exists (select from hubspot_sync.sync_errors r
                          where r.record = b.id and r.resolved_at is null)
      union all
      select 'queued_until_synced', c.student_id
        from hubspot_sync.hubspot_contact_credits c
       where c.hubspot_id is null
         and not exists (select from hubspot_sync.sync_queue q
                          where q.record = c.id and not q.synced)
         and not exists (select from hubspot_sync.sync_shadow h where h.record = c.id)
         and not exists (select from hubspot_sync.sync_errors r
                          where r.record = c.id and r.resolved_at is null)
      union all
      select 'queued_until_synced', n.id::text
        from hubspot_sync.sync_notes n
       where n.hubspot_id is null
         and not exists (select from hubspot_sync.sync_queue q
                          where q.record = n.id and not q.synced)
         and not exists (select from hubspot_sync.sync_shadow h where h.record = n.id)
         and not exists (select from hubspot_sync.sync_errors r
                          where r.record = n.id and r.resolved_at is null)
      union all
      select 'noted_once', n.id::text
        from hubspot_sync.sync_notes n
       cross join lateral unnest(n.entries) i (id)
        left join hubspot_sync.supabase_audit_log a on a.id = i.id
       where a.note is distinct from n.id
          or a.to_note
          or (a.hubspot_sent_at is null) <> (n.hubspot_id is null)
      union all
      -- Bookings that came by its name, or its HubSpot id, have the kept one's.
      select 'merged_empty', c.id::text
        from hubspot_sync.hubspot_contact_credits c
        join hubspot_sync.hubspot_contact_credits k on k.id = c.merged_into
       where c.hubspot_id is not null
          or c.deleted_at is null
          or k.merged_into is not null
          or (c.sj_credits, c.cs_credits, c.sjmini_credits, c.mock_discussion_token,
              c.shared_mock_credits) <> (0, 0, 0, 0, 0)
          or exists (select from hubspot_sync.hubspot_bookings b
                      where b.student_id = c.student_id and b.contact = c.id)
      union all
      select 'versions_ordered', h.record::text
        from hubspot_sync.sync_shadow h
       where greatest(h.read_version, h.acknowledged) > h.version
          or h.version is null and coalesce(h.read_version, h.acknowledged) is not null
      union all
      select 'budget_kept', s.limit_name || ' ' || s.slot
        from hubspot_sync.hubspot_slots s
        join hubspot_sync.hubspot_budget b on b.limit_name = s.limit_name
       where s.free_at > hubspot_sync.clock() + b.period * 2 + interval '1 hour'
                         + hubspot_sync.setting('longest_request')::interval
      union all
      select 'events_gapless', format('%s events up to %s', e.events, e.last_position)
        from (select count(*) as events, min(l.sequence_number) as first_position,
                     max(l.sequence_number) as last_position
                from hubspot_sync.event_log l) e
       where e.first_position <> 1
          or e.last_position <> e.events
      union all
      -- The newest alone: what was logged once stays (event_log_append_only).
      select 'events_logged', a.id::text
        from hubspot_sync.sync_status t
        join hubspot_sync.supabase_audit_log a
          on a.id > (t.state ->> 'settled')::bigint - 100000
         and a.id <= (t.state ->> 'settled')::bigint
       where t.task = 'append_events'
         and a.event_type is not null
         and not exists (select from hubspot_sync.event_log l where l.audit_id = a.id)
    ), counted as (
      select o.name, count(*) as violations, (array_agg(o.id order by o.id))[1:5] as sample
        from offenders o
       group by o.name
    )
    select r.name, coalesce(c.violations, 0), array_to_string(c.sample, ', '), r.meaning
      from (values
        ('seats_counted', 'taken of exam_seats is the number of bookings holding a seat'),
        ('seats_exist', 'every exam has its counter, with its capacity and state'),
        ('bookings_linked', 'a booking knows its exam and its contact, if they are here'),
        ('ledger_equals_balances', 'the ledger''s sum is every contact''s balance'),
        ('one_active_per_exam', 'one active booking per student and exam'),
        ('one_active_per_day', 'one active booking per student, mock type and date'),
        ('booking_paid_once', 'a booking spent one credit; a cancelled one has it back'),
        ('refund_where_spent', 'a refund went to the balance and contact that paid'),
        ('ledger_chain', 'every entry begins at the balance the one before it left'),
        ('bookings_match_exam', 'a booking with a seat has its exam''s type and date'),
        ('deleted_exams_empty', 'a deleted exam has no active booking'),
        ('contacts_unique', 'a student id with an email is one contact'),
        ('ids_present', 'a booking has its ids'),
        ('guards_in_place', 'no trigger, unique index or constraint is gone, disabled or invalid'),
        ('nothing_unprotected', 'no table, view or function of ours is open to clients'),
        ('queue_consistent',
         'an outbox row is open, synced or dead, leased only while open, and waits for no more '
         'than a day'),
        ('inbox_consistent',
         'a signal is open, done or dead, leased only while open, and waits for no more than a '
         'day'),
        ('queued_until_synced', 'what HubSpot does not have is queued, in error or given up'),
        ('merged_empty', 'a contact that was merged away has no balance, booking or HubSpot id'),
        ('versions_ordered', 'no state read or written is newer than the newest known'),
        ('budget_kept', 'no call to HubSpot takes its slot for ever'),
        ('noted_once', 'a change is told in one note, and has a time once HubSpot has that note'),
        ('events_gapless', 'the positions of the event log go from 1 to the last without a gap'),
        ('events_logged', 'what the audit log told of bookings lately is in the event log')
      ) as r (name, meaning)
      left join counted c on c.name = r.name
     order by r.name;
end;
$$;

comment on function api.verify() is
  'One row per invariant with its number of violations (0: it holds) and up to five offenders. '
  'Reads one snapshot and changes nothing. Overbooked exams are no violation: writers other '
  'than the booking functions may overbook. Raises 42501 (not allowed).';
revoke execute on function api.verify() from public, anon, authenticated;
grant execute on function api.verify() to authenticated, service_role;
