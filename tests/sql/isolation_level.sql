-- The level of a transaction is set before its first query, so this file is one of its own.
begin;
set transaction isolation level repeatable read;
select plan(4);

insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
values ('E-1', 'Situational Judgment', current_date + 30, '09:00', 2, 'true');
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email, sj_credits)
values ('C-1', 'S-1', 'ann@example.com', 2);
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, contact_id, student_id, student_email, is_active)
values ('B-1', 'OLD-1', 'E-1', 'C-1', 'S-1', 'ann@example.com', 'Active');

select throws_ok($$select api.create_booking('E-1', 'S-1', 'ann@example.com', 'key-1')$$,
                 'MBISO', null, 'create_booking refuses every level but read committed');
select throws_ok($$select api.cancel_booking('OLD-1')$$,
                 'MBISO', null, 'cancel_booking refuses every level but read committed');
select results_eq(
  $$select booking_id, is_active from hubspot_sync.hubspot_bookings$$,
  $$values ('OLD-1', 'Active')$$, 'neither changes anything');
select is((select sj_credits from hubspot_sync.hubspot_contact_credits), 2, 'nor any balance');

select * from finish();
rollback;
