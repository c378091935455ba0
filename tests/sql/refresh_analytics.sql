begin;
select plan(12);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
-- As in a new database.
alter sequence hubspot_sync.supabase_audit_log_id_seq restart;
delete from hubspot_sync.sync_status;

select is(hubspot_sync.refresh_analytics(), true, 'the first refresh is one');
select is(hubspot_sync.refresh_analytics(), false, 'with nothing changed there is no second');
insert into hubspot_sync.hubspot_mock_exams (hubspot_id, mock_type, exam_date, capacity)
values ('E-1', 'Mini-mock', current_date + 30, 4);
select is(hubspot_sync.refresh_analytics(), true, 'the first exam is a change');
select is(hubspot_sync.refresh_analytics(), false, 'once it is in there is nothing to do');
select is((select total_bookings from hubspot_sync.booking_analytics), 0::bigint,
          'the exam is in the analytics');

insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email, is_active)
values ('B-1', '1', 'E-1', 'S-1', 'ann@example.com', 'Active');
select is((select total_bookings from hubspot_sync.booking_analytics), 0::bigint,
          'before the refresh a booking is not');
select is(hubspot_sync.refresh_analytics(), true, 'a booking is a change');
select is((select total_bookings from hubspot_sync.booking_analytics), 1::bigint, 'then it is');
select is((select last_run_at from hubspot_sync.sync_status where task = 'refresh_analytics'),
          now(), 'when it ran is kept');

select is(hubspot_sync.refresh_analytics(true), true, 'it can be forced');
set local test.later = '1 day';
select is(hubspot_sync.refresh_analytics(), true,
          'another day is a change: old weeks leave the analytics');
select is((select last_run_at from hubspot_sync.sync_status where task = 'refresh_analytics'),
          now() + interval '1 day', 'when it ran is kept each time');

select * from finish();
rollback;
