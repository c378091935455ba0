begin;
select plan(26);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_number integer) returns uuid language sql immutable as
  $$select ('00000000-0000-4000-8000-' || lpad(p_number::text, 12, '0'))::uuid$$;
create function pg_temp.numbers(
  p_state text default null, p_table text default null, p_limit integer default 100,
  p_after bigint default null
) returns integer[] language sql as $$
  select coalesce(array_agg(right(l.record::text, 2)::integer order by l.id), '{}')
    from hubspot_sync.list_queue(p_state, p_table, p_limit, p_after) l
$$;

select is(pg_temp.numbers(), '{}', 'an empty outbox has nothing to list');

insert into hubspot_sync.hubspot_mock_exams (id, hubspot_id, exam_date, capacity)
values (pg_temp.id(1), 'E-1', '2030-02-01', 3);
insert into hubspot_sync.hubspot_bookings (id, booking_id, mock_exam_id, student_id, student_email)
select pg_temp.id(n), 'BK-' || n, 'E-1', 'S-' || n, n || '@example.com'
  from generate_series(2, 6) n;
insert into hubspot_sync.hubspot_contact_credits (id, student_id, email)
values (pg_temp.id(7), 'S-7', 'ann@example.com');
update hubspot_sync.hubspot_mock_exams set total_bookings = 2;
insert into hubspot_sync.sync_queue (table_name, record, operation, synced, synced_at)
values ('hubspot_bookings', pg_temp.id(8), 'update', true, now());
insert into hubspot_sync.sync_queue (table_name, record, operation, old_data, created_at)
values ('hubspot_bookings', pg_temp.id(9), 'delete', '{"booking_id": "BK-gone"}',
        now() - interval '2 hours');

select is(pg_temp.numbers(), '{2,3,4,5,6,7,1,9}', 'all that is open is listed, oldest first');
select row_eq(
  'select table_name, name, operation, lane, state, attempts, age, last_error
     from hubspot_sync.list_queue() l where l.record = pg_temp.id(2)',
  row('hubspot_bookings'::text, 'BK-2'::text, 'insert'::text, 'bulk'::text, 'due'::text, 0,
      '0'::interval, null::text), 'a booking has its booking_id, a new one is due at once');
select is((select name from hubspot_sync.list_queue() l where l.record = pg_temp.id(7)), 'S-7',
          'a contact has its student_id');
select is((select name from hubspot_sync.list_queue() l where l.record = pg_temp.id(1)), 'E-1',
          'an exam its HubSpot id');
select row_eq('select name, age from hubspot_sync.list_queue() l where l.record = pg_temp.id(9)',
              row('BK-gone'::text, '2 hours'::interval),
              'a deleted booking the booking_id it had');

-- Tables
select is(pg_temp.numbers(p_table => 'contacts'), '{7}', 'a table can be chosen as people call it');
select is(pg_temp.numbers(p_table => 'hubspot_mock_exams'), '{1}', 'or by its own name');
select is(pg_temp.numbers(p_table => 'notes'), '{}', 'one without changes lists none');

-- States
update hubspot_sync.sync_queue set dead_at = now(), last_error = 'bad', sync_attempts = 3
 where record = pg_temp.id(2);
update hubspot_sync.sync_queue set next_attempt_at = now() + interval '5 s', last_error = 'away'
 where record = pg_temp.id(3);
update hubspot_sync.sync_queue set epoch = 7, next_attempt_at = now() + interval '2 min'
 where record = pg_temp.id(4);
update hubspot_sync.sync_queue set epoch = 6, next_attempt_at = now() - interval '1 s'
 where record = pg_temp.id(5);
insert into hubspot_sync.sync_queue (table_name, record, operation, new_data)
values ('hubspot_bookings', pg_temp.id(4), 'update', '{"attendance": "Yes"}'),
       ('hubspot_bookings', pg_temp.id(3), 'update', '{"attendance": "Yes"}');
insert into hubspot_sync.sync_queue (table_name, record, operation, new_data, next_attempt_at)
values ('hubspot_bookings', pg_temp.id(6), 'resend', '{"attendance": "Yes"}',
        now() + interval '1 min');
select is(pg_temp.numbers(t.state), t.numbers, format('%s: %s', t.state, t.why))
  from (values
    ('due', '{6,7,1,9}'::integer[], 'what the next claim takes; a second send holds nothing up'),
    ('waiting', '{3,6}', 'what failed, and a second send'),
    ('leased', '{4}', 'what a worker has'),
    ('behind', '{4,3}', 'later changes of those'),
    ('unanswered', '{5}', 'what a worker had, without an answer'),
    ('dead', '{2}', 'what was given up'),
    ('paused', '{}', 'nothing')
  ) as t (state, numbers, why);
select is(pg_temp.numbers('dead', 'contacts'), '{}', 'state and table can be chosen together');
select is(array(select right(c.record::text, 2)::integer
                  from hubspot_sync.claim_changes('hubspot_bookings') c
                 order by 1), '{5,6,9}',
          'a claim takes exactly what is due or unanswered of its table')
  from (values (1)) as once;

select hubspot_sync.pause_sync('bookings', 'a campaign');
select is(pg_temp.numbers('paused'), '{3,4,3,6}', 'a pause holds what is not in a worker''s hands');
select is(pg_temp.numbers('dead'), '{2}', 'the dead stay dead');
select is(pg_temp.numbers('due'), '{7,1}', 'other tables go on');
select hubspot_sync.resume_sync('bookings');

-- Pages
select is(pg_temp.numbers(p_limit => 3), '{2,3,4}', 'a page ends at its limit');
select is(pg_temp.numbers(p_limit => 3, p_after => (
            select max(l.id) from hubspot_sync.list_queue(p_limit => 3) l)), '{5,6,7}',
          'the next one begins after its last id');

-- Refusals
select throws_ok($$select hubspot_sync.list_queue('lost')$$, '22023', null, 'no such state');
select throws_ok($$select hubspot_sync.list_queue(p_table => 'settings')$$, '22023', null,
                 'no such table');
select throws_ok(format('select hubspot_sync.list_queue(p_limit => %L)', n), '22023', null,
                 format('no page of %s', n))
  from (values (0)) as t (n);

select * from finish();
rollback;
