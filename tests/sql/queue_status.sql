begin;
select plan(6);

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
  'select * from hubspot_sync.queue_status()',
  $$values ('hubspot_bookings', 1::bigint, 1::bigint, 1::bigint, '9 min'::interval),
           ('hubspot_mock_exams', 0, 0, 1, null)$$,
  'each table tells what is due, what waits, what is dead, and the age of the oldest open one');
set local test.later = '1 min';
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
