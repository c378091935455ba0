begin;
select plan(38);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';

create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, student_id, student_email)
select pg_temp.id(n), 'BK-' || n, 'E-1', 'S-' || n, n || '@example.com'
  from generate_series(1, 6) n;
create temp table claimed of hubspot_sync.claimed_change;
create function pg_temp.claim() returns text language sql as $$
  delete from claimed;
  insert into claimed select * from hubspot_sync.claim_changes('hubspot_bookings');
  select 'claimed'
$$;
create function pg_temp.fail(p_number integer, p_more jsonb default '{}') returns integer
  language sql as $$
  select hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(
           jsonb_build_object('record', c.record, 'epoch', c.epoch, 'error', 'it failed')
           || p_more))
    from claimed c where c.record = pg_temp.id(p_number)
$$;
create temp view queue as
  select right(q.record::text, 1)::integer as number, q.sync_attempts,
         q.next_attempt_at - hubspot_sync.clock() as wait, q.dead_at, q.last_error,
         q.unanswered, q.epoch
    from hubspot_sync.sync_queue q;

-- The wait doubles ---------------------------------------------------------------------------
select pg_temp.claim();
select is((select count(*) from claimed), 6::bigint, 'six records are in flight');
select is(pg_temp.fail(1), 0, 'a first failure makes no dead letter');
select row_eq('select sync_attempts, dead_at, last_error, unanswered, epoch from queue
                where number = 1',
              row(1, null::timestamptz, 'it failed'::text, false, null::bigint),
              'the queue keeps the count and the error, and lets go of the lease');
select ok((select wait between '5 seconds' and '10 seconds' from queue where number = 1),
          'the first wait is 10 seconds, less up to half');
select pg_temp.claim();
select is((select count(*) from claimed), 0::bigint, 'a record that failed waits');
set local test.later = '10 seconds';
select pg_temp.claim();
select is(pg_temp.fail(1), 0, 'a second failure makes no dead letter');
select ok((select wait between '10 seconds' and '20 seconds' from queue where number = 1),
          'the second wait is 20 seconds, less up to half');

-- Three and no more --------------------------------------------------------------------------
set local test.later = '30 seconds';
select pg_temp.claim();
select is(pg_temp.fail(1, '{"error": "the last straw"}'), 1,
          'the third failure makes a dead letter');
select row_eq('select sync_attempts, dead_at, last_error from queue where number = 1',
              row(3, hubspot_sync.clock(), 'the last straw'::text),
              'the dead letter keeps the count and the last error');
set local test.later = '60 seconds';
select pg_temp.claim();
select is_empty($$select record from claimed where record = pg_temp.id(1)$$,
                'a dead letter is not sent again');
select results_eq(
  $$select direction, entity, record, error_message, retry_count, resolved_at
      from hubspot_sync.sync_errors$$,
  $$values ('supabase_to_hubspot', 'hubspot_bookings', pg_temp.id(1), 'the last straw', 3,
            null::timestamptz)$$,
  'a failing record is one open error, with its last message and count');

-- A dead letter blocks no later change.
update hubspot_sync.hubspot_bookings set attendance = 'yes' where booking_id = 'BK-1';
select pg_temp.claim();
select is((select properties ->> 'student_id' from claimed where record = pg_temp.id(1)), 'S-1',
          'a later change of a dead letter''s record is sent, whole, as HubSpot lacks it');
select pg_temp.fail(1);

-- The other ways to fail ---------------------------------------------------------------------
delete from claimed;
insert into claimed (record, epoch)
select record, epoch from hubspot_sync.sync_queue where epoch is not null;
select is(pg_temp.fail(2, '{"permanent": true}'), 1,
          'a permanent failure is a dead letter at once');
select isnt((select dead_at from queue where number = 2), null,
            'whatever its count');
select is(pg_temp.fail(3, '{"retry_after": 7.5}'), 0, 'HubSpot may say how long to wait');
select is((select wait from queue where number = 3), '7.5 seconds', 'then exactly so long');
select is(pg_temp.fail(4, '{"charged": false}'), 0, 'an outage is no record''s fault');
select row_eq('select sync_attempts, dead_at from queue where number = 4',
              row(0, null::timestamptz), 'it does not count as an attempt');
select is(pg_temp.fail(5, '{"unanswered": true}'), 0, 'a time-out may have been applied');
select ok((select unanswered from queue where number = 5), 'the queue remembers that');

-- Outages without end ------------------------------------------------------------------------
select set_config('test.later', round || ' days', true), pg_temp.claim(),
       pg_temp.fail(4, '{"charged": false}')
  from generate_series(1, 5) round;
select row_eq('select sync_attempts, dead_at from queue where number = 4',
              row(0, null::timestamptz), 'no number of outages makes a dead letter');
set local test.later = '6 days';
select pg_temp.claim();
select is((select sync_attempts from queue where number = 4), 1,
          'after any number of outages the next send is the first attempt');
select is((select count(*) from hubspot_sync.sync_errors where record = pg_temp.id(4)), 1::bigint,
          'and all of them are one error');

-- Settings -----------------------------------------------------------------------------------
update hubspot_sync.settings set value = v.value
  from (values ('max_sync_attempts', '20'), ('backoff_base', '1 minute'),
               ('backoff_max', '3 minutes')) as v (key, value)
 where settings.key = v.key;
select pg_temp.fail(4);
select ok((select wait between '30 seconds' and '1 minute' from queue where number = 4),
          'the first wait is a setting');
set local test.later = '7 days';
select pg_temp.claim();
select pg_temp.fail(4);
set local test.later = '8 days';
select pg_temp.claim();
select pg_temp.fail(4);
select ok((select wait between '90 seconds' and '3 minutes' from queue where number = 4),
          'the longest wait is a setting, too');
select is((select dead_at from queue where number = 4), null,
          'and the number of attempts');

-- Stale and foreign answers ------------------------------------------------------------------
set local test.later = '9 days';
select pg_temp.claim();
create temp table before as select * from hubspot_sync.sync_queue order by id;
create temp table errors_before as select * from hubspot_sync.sync_errors order by id;
select is(hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
            'record', pg_temp.id(6), 'epoch', 1, 'error', 'late', 'permanent', true))), 0,
          'a failure of a lease that passed on counts for nothing');
select is(hubspot_sync.fail_changes('hubspot_mock_exams', jsonb_build_array(jsonb_build_object(
            'record', c.record, 'epoch', c.epoch, 'error', 'wrong table'))), 0,
          'a failure for another table counts for nothing')
  from claimed c where c.record = pg_temp.id(6);
select is(hubspot_sync.fail_changes('hubspot_bookings', '[]'), 0, 'no failures are none');
select results_eq('select * from hubspot_sync.sync_queue order by id', 'table before',
                  'they leave the queue as it is');
select results_eq('select * from hubspot_sync.sync_errors order by id', 'table errors_before',
                  'and the errors');
select pg_temp.fail(6, '{"permanent": true}');
select is(hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
            'record', c.record, 'epoch', c.epoch, 'error', 'again'))), 0,
          'the same failure told twice counts once')
  from claimed c where c.record = pg_temp.id(6);

-- One error a record, for all its changes.
select is((select count(*) from hubspot_sync.sync_errors where record = pg_temp.id(6)), 1::bigint,
          'a record has one open error');

-- A late failure of a record that was deleted meanwhile ----------------------------------------
set local test.later = '10 days';
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
values (pg_temp.id(7), 'BK-7', 'E-1', 'S-7', '7@example.com');
select pg_temp.claim();
create temp table late as select * from claimed where record = pg_temp.id(7);
delete from hubspot_sync.hubspot_bookings where booking_id = 'BK-7';
delete from hubspot_sync.sync_queue where record = pg_temp.id(7);
select is(hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
            'record', record, 'epoch', epoch, 'error', 'time-out', 'unanswered', true,
            'charged', false, 'unique_value', unique_value))), 0, 'it makes no dead letter')
  from late;
set local test.later = '11 days';
select pg_temp.claim();
select row_eq('select operation, unique_value from claimed where record = pg_temp.id(7)',
              row('archive'::text, 'BK-7'::text),
              'what it may have made is looked for by its booking id and archived');

-- What is told badly.
set local test.later = '12 days';
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
values (pg_temp.id(8), 'BK-8', 'E-1', 'S-8', '8@example.com');
select pg_temp.claim();
update hubspot_sync.sync_queue set sync_attempts = 0 where record = pg_temp.id(8);
select is(pg_temp.fail(8, '{"error": null, "charged": false, "retry_after": -5}'), 0,
          'a failure without a reason is taken, whatever somebody wrote into its row meanwhile');
select row_eq('select sync_attempts, wait, last_error from queue where number = 8',
              row(0, interval '0', 'no reason was told'::text),
              'and a wait of less than nothing is none');

-- A late link ----------------------------------------------------------------------------------
insert into hubspot_sync.hubspot_bookings
  (id, booking_id, mock_exam_id, student_id, student_email, is_active)
values (gen_random_uuid(), 'BK-LATE', 'E-1', 'S-LATE', 'late@example.com', 'Cancelled');
select hubspot_sync.fail_changes('hubspot_bookings', jsonb_build_array(jsonb_build_object(
  'record', b.id, 'epoch', -1, 'error', 'late', 'written', true, 'exam', 'E-7')))
  from hubspot_sync.hubspot_bookings b where b.booking_id = 'BK-LATE';
select is((select count(*) from hubspot_sync.sync_queue q
            where q.operation = 'resend' and q.old_data ->> '@exam' = 'E-7' and not q.synced
              and q.record = (select b.id from hubspot_sync.hubspot_bookings b
                            where b.booking_id = 'BK-LATE')),
          1::bigint, 'what a late worker linked is not left behind');

select * from finish();
rollback;
