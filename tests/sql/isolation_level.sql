-- The level of a transaction is set before its first query, so this file is one of its own.
begin;
set transaction isolation level repeatable read;
select plan(26);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', current_date + 30, '09:00', 2, 'true'),
       ('E-2', 'Situational Judgment', current_date + 31, '09:00', 2, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 2);
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-1', 'OLD-1', 'E-1', 'C-1', 'S-1', 'ann@example.com', 'Active');
create temp table calls (function text, arguments text);
insert into calls values
  ('activate_due_exams', ''),
  ('activate_exam', $$'E-1'$$),
  ('adjust_credits', $$'S-1', 'ann@example.com', 'sj_credits', 1, 'why'$$),
  ('cancel_booking', $$'OLD-1'$$),
  ('cancel_bookings', $$array['OLD-1']$$),
  ('complete_past_bookings', ''),
  ('create_booking', $$'E-2', 'S-1', 'ann@example.com', 'key-1'$$),
  ('deactivate_exam', $$'E-1'$$),
  ('delete_exam', $$'E-1'$$),
  ('grant_credits', $$'S-1', 'ann@example.com', 'sj_credits', 1, 'why'$$),
  ('mark_attendance', $$'OLD-1', 'Yes'$$),
  ('move_booking', $$'OLD-1', 'E-2'$$),
  ('request_sync', $$'booking', 'OLD-1'$$),
  ('set_exam_capacity', $$'E-1', 5$$),
  ('upsert_contact', $$'S-2', 'bob@example.com'$$),
  ('upsert_exam', $$'E-3', 'Third', 'Mini-mock'$$);
create temp table before as
  select (select max(id) from hubspot_sync.supabase_audit_log) as audited,
         (select max(id) from hubspot_sync.sync_queue) as queued,
         (select count(*) from hubspot_sync.credit_ledger) as entries;

select set_eq(
  $$select p.proname::text from pg_proc p
     where p.pronamespace = 'api'::regnamespace and p.provolatile = 'v'$$,
  'select function from calls', 'these are all functions of api that write');
select throws_ok(format('select * from api.%s(%s)', c.function, c.arguments), 'MBISO',
                 'isolation level repeatable read is not supported, read committed is',
                 c.function || ' refuses every level but read committed')
  from calls c order by c.function;
select throws_ok(format('select * from api.%s()', f.name), 'MBISO', null,
                 f.name || ' looks at the level before its arguments')
  from unnest(array['create_booking', 'cancel_booking', 'cancel_bookings', 'move_booking',
                    'mark_attendance']) as f (name);
select results_eq(
  $$select (select max(id) from hubspot_sync.supabase_audit_log),
           (select max(id) from hubspot_sync.sync_queue),
           (select count(*) from hubspot_sync.credit_ledger)$$,
  'table before', 'none of them changes anything');
select results_eq(
  $$select booking_id, is_active from hubspot_sync.hubspot_bookings$$,
  $$values ('OLD-1', 'Active')$$, 'no booking');
select is((select sj_credits from hubspot_sync.hubspot_contact_credits), 2, 'no balance');
select is((api.get_booking(p_booking_id => 'OLD-1')).is_active, 'Active',
          'reading is allowed at every level');

select * from finish();
rollback;
