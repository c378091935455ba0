begin;
select plan(32);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create temp table claimed of hubspot_sync.claimed_signal;
create function pg_temp.claim() returns text language sql as $$
  delete from claimed;
  insert into claimed select * from hubspot_sync.claim_signals('hubspot_mock_exams');
  select 'claimed'
$$;
create function pg_temp.fail(p_id text, p_more jsonb default '{}') returns integer
  language sql as $$
  select hubspot_sync.fail_signals('hubspot_mock_exams', jsonb_build_array(
           jsonb_build_object('hubspot_id', p_id, 'epoch', c.epoch, 'error', 'it failed')
           || p_more))
    from claimed c where c.hubspot_id = p_id
$$;
create temp view inbox as
  select q.hubspot_id, q.attempts, q.next_attempt_at - hubspot_sync.clock() as wait, q.dead_at,
         q.last_error, q.epoch, q.outdated
    from hubspot_sync.webhook_inbox q;
select hubspot_sync.store_signals('hubspot_mock_exams', '{1,2,3,4,5,6}', 'poll');

-- Bad input ----------------------------------------------------------------------------------
select throws_ok($$select hubspot_sync.fail_signals('sync_notes', '[]')$$, '22023', null,
                 'notes are not read from HubSpot');
select throws_ok(format($$select hubspot_sync.fail_signals('hubspot_mock_exams', %L)$$, v), '22023',
                 null, d)
  from (values (1, '{}', 'what is no array is refused'),
               (2, '[1]', 'so is what holds no objects'),
               (3, '[{"hubspot_id": "1"}]', 'a failure without an epoch'),
               (4, '[{"epoch": 1}]', 'one without an id'),
               (5, '[{"hubspot_id": "1", "epoch": 1}, {"hubspot_id": "1", "epoch": 2}]',
                'a record named twice'),
               (6, '[{"hubspot_id": "1", "epoch": "x"}]', 'an epoch that is no number')) x (n, v, d)
 order by n;
select is(hubspot_sync.fail_signals('hubspot_mock_exams', null), 0, 'no failure is none');
select is(hubspot_sync.fail_signals('hubspot_mock_exams', '[]'), 0, 'so is an empty array');

-- The wait doubles ---------------------------------------------------------------------------
select pg_temp.claim();
select is(pg_temp.fail('1'), 0, 'a first failure makes no dead letter');
select row_eq($$select attempts, dead_at, last_error, epoch from inbox where hubspot_id = '1'$$,
              row(1, null::timestamptz, 'it failed'::text, null::bigint),
              'the inbox keeps the count and the error, and lets go of the lease');
select ok((select wait between '5 seconds' and '10 seconds' from inbox where hubspot_id = '1'),
          'the first wait is 10 seconds, less up to half');
set local test.later = '10 seconds';
select pg_temp.claim();
select is(pg_temp.fail('1'), 0, 'a second failure makes no dead letter');
select ok((select wait between '10 seconds' and '20 seconds' from inbox where hubspot_id = '1'),
          'the second wait is 20 seconds, less up to half');
set local test.later = '30 seconds';
select pg_temp.claim();
select is(pg_temp.fail('1', '{"error": "the last straw"}'), 1,
          'the third failure makes a dead letter');
select row_eq($$select attempts, dead_at, last_error from inbox where hubspot_id = '1'$$,
              row(3, hubspot_sync.clock(), 'the last straw'::text),
              'the dead letter keeps the count and the last error');
select is((select jsonb_path_query_array(history, '$[*].error')
             from hubspot_sync.webhook_inbox where hubspot_id = '1'),
          '["it failed", "it failed", "the last straw"]', 'and its history all of them');
select results_eq(
  $$select direction, entity, record, hubspot_id, error_message, retry_count, resolved_at
      from hubspot_sync.sync_errors$$,
  $$values ('hubspot_to_supabase', 'hubspot_mock_exams', null::uuid, '1', 'the last straw', 3,
            null::timestamptz)$$,
  'a failing record is one open error, with its last message and count');

-- The other ways to fail ---------------------------------------------------------------------
delete from claimed;
insert into claimed (hubspot_id, epoch)
select hubspot_id, epoch from hubspot_sync.webhook_inbox where epoch is not null;
select is(pg_temp.fail('2', '{"retry_after": 7.5}'), 0, 'HubSpot may say how long to wait');
select is((select wait from inbox where hubspot_id = '2'), '7.5 seconds', 'then exactly so long');
select is(pg_temp.fail('3', '{"charged": false}'), 0, 'an outage is no record''s fault');
select row_eq($$select attempts, dead_at from inbox where hubspot_id = '3'$$,
              row(0, null::timestamptz), 'it does not count as an attempt');
select set_config('test.later', round || ' days', true), pg_temp.claim(),
       pg_temp.fail('3', '{"charged": false}')
  from generate_series(1, 5) round;
select row_eq($$select attempts, dead_at from inbox where hubspot_id = '3'$$,
              row(0, null::timestamptz), 'no number of outages makes a dead letter');
select pg_temp.fail('4', '{"retry_after": 1e9}'), pg_temp.fail('5', '{"retry_after": -5}');
select row_eq($$select max(wait), min(wait) from inbox where hubspot_id in ('4', '5')$$,
              row('1 day'::interval, '0'::interval), 'nothing waits for more than a day');

-- Older than what is known -------------------------------------------------------------------
set local test.later = '10 days';
select pg_temp.claim(), pg_temp.fail('6', '{"outdated": true}');
select row_eq($$select attempts, outdated, wait, epoch from inbox where hubspot_id = '6'$$,
              row((select attempts - 1 from claimed where hubspot_id = '6'), 1, '0'::interval,
                  null::bigint),
              'a record answered in an older state is due again at once, without charge');
select pg_temp.claim(), pg_temp.fail('6', '{"outdated": true}');
select is((select wait from inbox where hubspot_id = '6'), '0', 'twice');
select pg_temp.claim(), pg_temp.fail('6', '{"outdated": true}');
select ok((select wait between '5 seconds' and '10 seconds' from inbox where hubspot_id = '6'),
          'the third time in a row it waits');
set local test.later = '11 days';
select pg_temp.claim(), pg_temp.fail('6', '{"outdated": true}');
select ok((select wait between '10 seconds' and '20 seconds' from inbox where hubspot_id = '6'),
          'and then longer');
set local test.later = '12 days';
select pg_temp.claim(), pg_temp.fail('6', '{"charged": false}');
select is((select outdated from inbox where hubspot_id = '6'), 0, 'another failure ends the row');
select is((select count(*) from hubspot_sync.sync_errors where hubspot_id = '6'
              and error_message = 'it failed'), 1::bigint, 'which alone is an error');

-- Too late -----------------------------------------------------------------------------------
set local test.later = '13 days';
select pg_temp.claim();
create temp table late as select * from claimed;
set local test.later = '14 days';
select pg_temp.claim();
select is(hubspot_sync.fail_signals('hubspot_mock_exams', jsonb_build_array(jsonb_build_object(
            'hubspot_id', '6', 'epoch', l.epoch, 'error', 'late'))), 0,
          'a worker whose lease another has now')
  from late l where l.hubspot_id = '6';
select is((select epoch from inbox where hubspot_id = '6'),
          (select epoch from claimed where hubspot_id = '6'), 'takes nothing from that one');

select * from finish();
rollback;
