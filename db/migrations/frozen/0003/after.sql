-- From here on time is what our clock says.
alter table hubspot_sync.credit_ledger
  alter column created_at set default hubspot_sync.clock();
alter table hubspot_sync.supabase_audit_log
  alter column created_at set default hubspot_sync.clock();
alter table hubspot_sync.sync_queue
  alter column created_at set default hubspot_sync.clock(),
  alter column next_attempt_at set default hubspot_sync.clock();
alter table hubspot_sync.sync_shadow
  alter column updated_at set default hubspot_sync.clock();
alter table hubspot_sync.sync_pauses
  alter column paused_at set default hubspot_sync.clock();
alter table hubspot_sync.sync_notes
  alter column created_at set default hubspot_sync.clock();
alter table hubspot_sync.sync_errors
  alter column created_at set default hubspot_sync.clock();
alter table hubspot_sync.sync_conflicts
  alter column created_at set default hubspot_sync.clock();
alter table hubspot_sync.webhook_inbox
  alter column received_at set default hubspot_sync.clock(),
  alter column next_attempt_at set default hubspot_sync.clock();
alter table hubspot_sync.event_groups
  alter column updated_at set default hubspot_sync.clock();

-- Rows that were here before the triggers get what the triggers give every later one.
update hubspot_sync.hubspot_mock_exams e
   set starts_at = hubspot_sync.exam_starts_at(e.exam_date, e.start_time);

insert into hubspot_sync.exam_seats (exam, capacity, is_open, taken)
select e.id, coalesce(e.capacity, 0), hubspot_sync.exam_is_active(e.is_active),
       (select count(*) from hubspot_sync.hubspot_bookings b
         where b.exam = e.id and b.is_active in ('Active', 'Completed'))
  from hubspot_sync.hubspot_mock_exams e
on conflict do nothing;

-- What the new rules make of old exams, for a person to look at; nothing is changed.
insert into hubspot_sync.migration_findings (table_name, record, finding, old_value)
select 'hubspot_mock_exams', e.id, f.finding, f.old_value
  from hubspot_sync.hubspot_mock_exams e
  join hubspot_sync.exam_seats s on s.exam = e.id
 cross join lateral (values
    (e.start_time <> '' and hubspot_sync.readable_time(e.start_time) is null,
     'start_time cannot be read, counted as midnight', e.start_time),
    (e.mock_type is null
     or not exists (select from hubspot_sync.credit_types t where t.mock_type = e.mock_type),
     'no credit pays for its mock type', e.mock_type),
    (s.taken > s.capacity, 'more bookings than seats', format('%s of %s', s.taken, s.capacity))
  ) as f (odd, finding, old_value)
 where f.odd;

insert into hubspot_sync.credit_ledger
  (contact, credit, delta, balance_before, balance_after, reason, actor)
select c.id, v.credit, v.balance, 0, v.balance, 'opening', hubspot_sync.actor()
  from hubspot_sync.hubspot_contact_credits c
 cross join lateral (values
    ('sj_credits', c.sj_credits), ('cs_credits', c.cs_credits),
    ('sjmini_credits', c.sjmini_credits), ('mock_discussion_token', c.mock_discussion_token),
    ('shared_mock_credits', c.shared_mock_credits)) as v (credit, balance)
 where v.balance <> 0;

refresh materialized view hubspot_sync.booking_analytics;
