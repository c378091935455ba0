begin;
select plan(13);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.id(p_hubspot_id text) returns bigint language sql as $$
  select id from hubspot_sync.webhook_inbox where hubspot_id = p_hubspot_id
$$;
create function pg_temp.state(p_hubspot_id text) returns text language sql as $$
  select hubspot_sync.signal_state(q) from hubspot_sync.webhook_inbox q
   where q.hubspot_id = p_hubspot_id
$$;

select throws_ok('select hubspot_sync.retry_signals()', '22023', null, 'nothing named is refused');
select throws_ok($$select hubspot_sync.retry_signals('{1}', p_all => true)$$, '22023', null,
                 'so are signals and all of them');
select throws_ok($$select hubspot_sync.retry_signals('{1}', 'bookings')$$, '22023', null,
                 'and signals of a table');

insert into hubspot_sync.hubspot_bookings
  (hubspot_id, booking_id, mock_exam_id, student_id, student_email)
values ('1', 'BK-1', '9', 'S-1', 'ann@example.com');
select hubspot_sync.store_signals('hubspot_bookings', '{1,2,3,4}', 'poll'),
       hubspot_sync.store_signals('hubspot_mock_exams', '{5}', 'poll');
update hubspot_sync.webhook_inbox
   set dead_at = now(), attempts = 3, outdated = 2, last_error = 'bad'
 where hubspot_id in ('1', '5');
update hubspot_sync.webhook_inbox set next_attempt_at = now() + interval '1 hour', attempts = 2
 where hubspot_id = '2';
update hubspot_sync.webhook_inbox set next_attempt_at = now() + interval '1 min', epoch = 7
 where hubspot_id = '3';
update hubspot_sync.webhook_inbox set done_at = now() where hubspot_id = '4';

select results_eq(
  $$select table_name, hubspot_id, name, outcome from hubspot_sync.retry_signals(
      array[pg_temp.id('1'), pg_temp.id('3'), pg_temp.id('4'), 0, null])$$,
  $$values (null::text, null::text, null::text, 'unknown'),
           ('hubspot_bookings', '1', 'BK-1', 'retried'), ('hubspot_bookings', '3', null, 'leased'),
           ('hubspot_bookings', '4', null, 'done')$$,
  'each signal is answered for; what a worker has is left to it');
select is(pg_temp.state('1'), 'due', 'a dead letter is due at once');
select row_eq(
  $$select attempts, outdated, history -> -1 ->> 'action', history -> -1 ->> 'by',
           history -> -1 ->> 'attempt'
      from hubspot_sync.webhook_inbox where hubspot_id = '1'$$,
  row(0, 0, 'retried'::text, hubspot_sync.actor(), '3'::text),
  'with all its attempts before it, and tells by whom');
select is(pg_temp.state('3'), 'leased', 'what a worker has stays with it');
select is(pg_temp.state('5'), 'dead', 'what was not named stays dead');
select bag_eq(
  $$select hubspot_id, outcome from hubspot_sync.retry_signals(p_table => 'bookings', p_all => true)$$,
  $$values ('2', 'retried')$$, 'all of a table are those that are dead or wait');
select is(pg_temp.state('2'), 'due', 'what waited is due');
select bag_eq($$select hubspot_id, outcome from hubspot_sync.retry_signals(p_all => true)$$,
              $$values ('5', 'retried')$$, 'all are those of every table');
set local test.later = '1 hour';
select is((select outcome from hubspot_sync.retry_signals(array[pg_temp.id('3')])), 'retried',
          'a lease that ended holds no retry up');
select is((select epoch from hubspot_sync.webhook_inbox where hubspot_id = '3'), null,
          'and its late worker closes nothing');

select * from finish();
rollback;
