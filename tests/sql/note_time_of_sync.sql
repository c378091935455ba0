begin;
select plan(4);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable return '2030-01-01 12:00+00'::timestamptz;
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('1', 3), ('2', 3);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('1', 'S-1', 's@example.com');
insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('1', 'BK-1', '1', 'S-1', 's@example.com');
create temp view times as
  select 'exam ' || hubspot_id as name from hubspot_sync.hubspot_mock_exams
   where hubspot_last_sync_at = hubspot_sync.clock()
  union all
  select 'contact ' || hubspot_id from hubspot_sync.hubspot_contact_credits
   where hubspot_last_sync_at = hubspot_sync.clock()
  union all
  select 'booking ' || hubspot_id from hubspot_sync.hubspot_bookings
   where hubspot_last_sync_at = hubspot_sync.clock();

select hubspot_sync.note_time_of_sync('hubspot_mock_exams', '{1,9}');
select set_eq('table times', array['exam 1'], 'an exam is told when it was looked at, and no other');
select hubspot_sync.note_time_of_sync('hubspot_contact_credits', '{1}');
select set_eq('table times', array['exam 1', 'contact 1'], 'so is a contact');
select hubspot_sync.note_time_of_sync('hubspot_bookings', '{1}');
select set_eq('table times', array['exam 1', 'contact 1', 'booking 1'], 'and a booking');
select is_empty($$select from hubspot_sync.supabase_audit_log a
                   where 'hubspot_last_sync_at' = any (a.changed_fields)$$,
                'which is no change that anybody is told of');

select * from finish();
rollback;
