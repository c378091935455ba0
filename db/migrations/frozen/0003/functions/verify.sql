-- Checks every invariant of the system, in one snapshot.
create or replace function api.verify()
  returns setof api.check_result
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
    with offenders as (
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
          or s.is_open <> hubspot_sync.exam_is_active(e.is_active)
      union all
      select 'ledger_equals_balances', c.id::text
        from (select c.id, v.credit, v.balance
                from hubspot_sync.hubspot_contact_credits c
               cross join lateral (values
                  ('sj_credits', c.sj_credits), ('cs_credits', c.cs_credits),
                  ('sjmini_credits', c.sjmini_credits),
                  ('mock_discussion_token', c.mock_discussion_token),
                  ('shared_mock_credits', c.shared_mock_credits)) as v (credit, balance)) c
        full join (select l.contact, l.credit, sum(l.delta) as total
                     from hubspot_sync.credit_ledger l
                    group by l.contact, l.credit) l
          on l.contact = c.id and l.credit = c.credit
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
      select 'booking_paid_once', b.booking_id
        from hubspot_sync.hubspot_bookings b
        join (select l.booking,
                     sum(l.delta) as net,
                     count(*) filter (where l.reason = 'booking') as spent,
                     count(*) filter (where l.reason = 'refund') as refunded
                from hubspot_sync.credit_ledger l
               where l.booking is not null
               group by l.booking) l on l.booking = b.id
       where l.net <> l.refunded - l.spent
          or l.spent > 1
          or l.refunded > 1
          or l.spent = 1 and l.refunded <> case when b.is_active = 'Cancelled' then 1 else 0 end
      union all
      select 'queued_until_synced', b.booking_id
        from hubspot_sync.hubspot_bookings b
       where b.hubspot_id is null
         and not exists (select from hubspot_sync.sync_queue q
                          where q.record = b.id and not q.synced)
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
        ('queued_until_synced', 'a booking HubSpot does not have is in the outbox')
      ) as r (name, meaning)
      left join counted c on c.name = r.name
     order by r.name;
end;
$$;

comment on function api.verify() is
  'One row per invariant with its number of violations (0: it holds) and up to five offenders. '
  'Reads one snapshot and changes nothing. Overbooked exams are no violation: writers other '
  'than the booking functions may overbook.';
revoke execute on function api.verify() from public, anon, authenticated;
grant execute on function api.verify() to service_role;
