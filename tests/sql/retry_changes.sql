begin;
select plan(27);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
set local hubspot_sync.actor = 'ada';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
select pg_temp.id(n), 'BK-' || n, 'E-1', 'S-' || n, n || '@example.com'
  from generate_series(1, 5) n;
insert into hubspot_sync.hubspot_contact_credits (id, student_id, email)
values (pg_temp.id(6), 'S-6', 'ann@example.com');
create function pg_temp.change(p_number integer) returns bigint language sql as $$
  select min(q.id) from hubspot_sync.sync_queue q where q.record = pg_temp.id(p_number)
$$;
create function pg_temp.retry(variadic p_numbers integer[]) returns table (name text, outcome text)
  language sql as $$
  select r.name, r.outcome
    from hubspot_sync.retry_changes(array(select pg_temp.change(n) from unnest(p_numbers) n)) r
$$;
create temp view queue as
  select right(q.record::text, 1)::integer as number, q.*, hubspot_sync.change_state(q) as state
    from hubspot_sync.sync_queue q;

-- 1 dead, 2 waiting, 3 leased, 4 sent, 5 due, 6 a dead contact.
update hubspot_sync.sync_queue q
   set dead_at = now(), sync_attempts = 3, last_error = 'bad value', last_sync_attempt = now(),
       history = '[{"at": "2030-01-01", "attempt": 3, "error": "bad value"}]'
 where q.record in (pg_temp.id(1), pg_temp.id(6));
update hubspot_sync.sync_queue q
   set sync_attempts = 2, last_error = 'away', next_attempt_at = now() + interval '40 s'
 where q.record = pg_temp.id(2);
update hubspot_sync.sync_queue q
   set epoch = 7, sync_attempts = 1, next_attempt_at = now() + interval '2 min'
 where q.record = pg_temp.id(3);
update hubspot_sync.sync_queue q set synced = true, synced_at = now()
 where q.record = pg_temp.id(4);
insert into hubspot_sync.sync_queue (table_name, record, operation, new_data, next_attempt_at)
values ('hubspot_bookings', pg_temp.id(5), 'resend', '{"attendance": null}',
        now() + interval '60 s');

-- One by one
savepoint fresh;
set local test.later = '5 s';
select results_eq('select * from pg_temp.retry(1)', $$values ('BK-1', 'retried')$$,
                  'a dead letter is retried');
select row_eq('select state, sync_attempts, dead_at, next_attempt_at, last_error from queue
                where number = 1',
              row('due'::text, 0, null::timestamptz, now() + interval '5 s', 'bad value'::text),
              'it is due at once with all attempts before it, and keeps its last error');
select is((select history ->> 0 from queue where number = 1)::jsonb,
          '{"at": "2030-01-01", "attempt": 3, "error": "bad value"}', 'its history keeps all');
select is((select history -> 1 from queue where number = 1),
          jsonb_build_object('at', hubspot_sync.clock(), 'by', 'ada', 'action', 'retried',
                             'attempt', 3), 'and tells who retried it when');
select results_eq('select * from pg_temp.retry(2)', $$values ('BK-2', 'retried')$$,
                  'so is what waits for an attempt');
select is((select state from queue where number = 2), 'due', 'it waits no longer');
create temp table before as select * from hubspot_sync.sync_queue order by id;
select results_eq('select * from pg_temp.retry(3)', $$values ('BK-3', 'leased')$$,
                  'what a worker has is left to it');
select results_eq('select * from pg_temp.retry(4)', $$values ('BK-4', 'sent')$$,
                  'what was sent is not sent again');
select results_eq($$select r.id, r.name, r.outcome from hubspot_sync.retry_changes('{0,null,0}') r$$,
                  $$values (0::bigint, null::text, 'unknown')$$,
                  'a number nobody knows is told once');
select results_eq(
  $$select r.outcome from hubspot_sync.retry_changes(
      array(select id from queue where operation = 'resend')) r$$, $$values ('held')$$,
  'a second send waits until the first can no longer arrive');
select results_eq('select * from hubspot_sync.sync_queue order by id', 'table before',
                  'those are left as they were');
set local test.later = '3 min';
select results_eq('select name, outcome from pg_temp.retry(3)', $$values ('BK-3', 'retried')$$,
                  'what a worker lost is retried');
select row_eq('select state, epoch, sync_attempts from queue where number = 3',
              row('unanswered'::text, 7::bigint, 0), 'its late answer would still count');
set local test.later = '5 s';
select results_eq('select name, outcome from pg_temp.retry(5)', $$values ('BK-5', 'retried')$$,
                  'what is due stays due');
select is_empty($$select * from hubspot_sync.retry_changes('{}')$$, 'none are none');

-- It is sent like any other
select ok((select 'BK-1' = any (array_agg(c.unique_value))
             from hubspot_sync.claim_changes('hubspot_bookings') c),
          'the next claim takes what was retried');
select is((select sync_attempts from queue where number = 1), 1, 'as its first attempt');
select is((select jsonb_array_length(history) from queue where number = 1), 2,
          'and the history stays');
rollback to fresh;

-- A record of which another change is with a worker
insert into hubspot_sync.sync_queue (table_name, record, operation, new_data, dead_at)
values ('hubspot_bookings', pg_temp.id(3), 'update', '{"attendance": "Yes"}', now());
select is((select r.outcome
             from hubspot_sync.retry_changes(
               array(select max(id) from queue where number = 3)) r), 'retried',
          'a dead letter is retried while a worker has another change of its record');
select is((select array_agg(state order by id) from queue where number = 3), '{leased,behind}',
          'and waits for that one');
rollback to fresh;

-- All
select results_eq(
  $$select r.name, r.outcome from hubspot_sync.retry_changes(p_all => true) r$$,
  $$values ('BK-1', 'retried'), ('BK-2', 'retried'), ('S-6', 'retried'), ('BK-5', 'held')$$,
  'all takes what is dead or waiting, and tells what it had to leave');
rollback to fresh;
select results_eq(
  $$select r.name from hubspot_sync.retry_changes(p_table => 'contacts', p_all => true) r$$,
  $$values ('S-6')$$, 'all of one table');
select is((select state from queue where number = 1), 'dead', 'leaves the others');

-- Refusals
select throws_ok(format('select hubspot_sync.retry_changes(%s)', given), '22023', null, why)
  from (values
    ('', 'nothing is named'), ('''{1}'', null, true', 'some and all at once'),
    ('''{1}'', ''bookings''', 'some and a table'), ('null, ''settings'', true', 'no such table')
  ) as t (given, why);

select * from finish();
rollback;
