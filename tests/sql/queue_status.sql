begin;
select plan(9);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';

select is_empty('select * from hubspot_sync.queue_status()', 'an empty queue has no status');

insert into hubspot_sync.sync_queue
  (table_name, record, operation, synced, next_attempt_at, dead_at, created_at)
values
  ('hubspot_bookings', gen_random_uuid(), 'update', false, now(), null, now() - interval '5 min'),
  ('hubspot_bookings', gen_random_uuid(), 'update', false, now() + interval '1 min', null,
   now() - interval '9 min'),
  ('hubspot_bookings', gen_random_uuid(), 'update', false, now(), now(), now() - interval '1 day'),
  ('hubspot_bookings', gen_random_uuid(), 'update', true, now(), null, now() - interval '2 days'),
  ('hubspot_mock_exams', gen_random_uuid(), 'update', false, now(), now(), now()),
  ('hubspot_contact_credits', gen_random_uuid(), 'update', true, now(), null, now());
select results_eq(
  'select table_name, due, waiting, dead, oldest from hubspot_sync.queue_status()',
  $$values ('hubspot_bookings', 1::bigint, 1::bigint, 1::bigint, '9 min'::interval),
           ('hubspot_mock_exams', 0, 0, 1, null)$$,
  'each table tells what is due, what waits, what is dead, and the age of the oldest open one');
select results_eq(
  'select table_name, urgent, oldest_urgent, paused from hubspot_sync.queue_status()',
  $$values ('hubspot_bookings', 0::bigint, null::interval, false),
           ('hubspot_mock_exams', 0, null, false)$$,
  'none is urgent, nothing is paused');
update hubspot_sync.sync_queue set lane = 'urgent' where table_name = 'hubspot_bookings';
select hubspot_sync.pause_sync('bookings', 'a campaign', interval '30 s');
select results_eq(
  'select table_name, urgent, oldest_urgent, paused from hubspot_sync.queue_status()',
  $$values ('hubspot_bookings', 2::bigint, '9 min'::interval, true),
           ('hubspot_mock_exams', 0, null, false)$$,
  'open changes are counted as urgent, dead and sent ones are not; a pause is told');
set local test.later = '1 min';
select is((select bool_or(paused) from hubspot_sync.queue_status()), false,
          'a pause whose time is over is none');
select results_eq(
  $$select due, waiting, oldest from hubspot_sync.queue_status()
     where table_name = 'hubspot_bookings'$$,
  $$values (2::bigint, 0::bigint, '10 min'::interval)$$, 'what waited is due in time');

select hubspot_sync.claim_changes('hubspot_bookings');
select results_eq(
  $$select due, waiting from hubspot_sync.queue_status() where table_name = 'hubspot_bookings'$$,
  $$values (0::bigint, 2::bigint)$$, 'what is leased waits');

insert into hubspot_sync.hubspot_bookings (booking_id, mock_exam_id, student_id, student_email)
values ('1', 'E-1', 'S-1', 'ann@example.com');
select is((select due from hubspot_sync.queue_status() where table_name = 'hubspot_bookings'),
          1::bigint, 'a new booking is due at once');
update hubspot_sync.sync_queue set synced = true;
select is_empty('select * from hubspot_sync.queue_status()', 'with all sent there is no status');

select * from finish();
rollback;
