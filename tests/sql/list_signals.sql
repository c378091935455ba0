begin;
select plan(20);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
create function pg_temp.ids(
  p_state text default null, p_table text default null, p_limit integer default 100,
  p_after bigint default null
) returns text[] language sql as $$
  select coalesce(array_agg(l.hubspot_id order by l.id), '{}')
    from hubspot_sync.list_signals(p_state, p_table, p_limit, p_after) l
$$;

select throws_ok($$select hubspot_sync.list_signals('sent')$$, '22023', null,
                 'an unknown state is refused');
select throws_ok($$select hubspot_sync.list_signals(p_table => 'cats')$$, '22023', null,
                 'so is an unknown table');
select throws_ok($$select hubspot_sync.list_signals(p_limit => 0)$$, '22023', null,
                 'a page of nothing');
select throws_ok($$select hubspot_sync.list_signals(p_limit => null)$$, '22023', null,
                 'and one without end');
select is(pg_temp.ids(), '{}', 'an empty inbox has nothing to list');

insert into hubspot_sync.hubspot_mock_exams (hubspot_id, capacity) values ('1', 3);
insert into hubspot_sync.hubspot_contact_credits (hubspot_id, student_id, email)
values ('2', 'S-2', 'ann@example.com');
select hubspot_sync.store_signals('hubspot_mock_exams', '{1}', 'poll'),
       hubspot_sync.store_signals('hubspot_contact_credits', '{2}', 'demand', 'urgent'),
       hubspot_sync.store_signals('hubspot_bookings', '{3,4,5,6,7}', 'poll');
insert into hubspot_sync.webhook_inbox (kind, done_at, last_error)
values ('creation', now(), 'no object');
set local test.later = '2 hours';

select is(pg_temp.ids(), '{1,2,3,4,5,6,7}', 'all that is open is listed, oldest first');
select row_eq(
  $$select table_name, name, kind, lane, state, attempts, age, last_error
      from hubspot_sync.list_signals() l where l.hubspot_id = '2'$$,
  row('hubspot_contact_credits'::text, 'S-2'::text, 'demand'::text, 'urgent'::text, 'due'::text, 0,
      '2 hours'::interval, null::text), 'a contact has its student_id');
select is((select name from hubspot_sync.list_signals() l where l.hubspot_id = '1'), '1',
          'an exam its HubSpot id');
select is((select name from hubspot_sync.list_signals() l where l.hubspot_id = '3'), null,
          'what is not known here has no name');
select is(pg_temp.ids(p_table => 'contacts'), '{2}', 'a table can be chosen as people call it');
select is(pg_temp.ids(p_table => 'hubspot_mock_exams'), '{1}', 'or by its own name');

-- States -------------------------------------------------------------------------------------
update hubspot_sync.webhook_inbox set dead_at = now(), last_error = 'bad' where hubspot_id = '3';
update hubspot_sync.webhook_inbox set next_attempt_at = hubspot_sync.clock() + interval '5 s'
 where hubspot_id = '4';
update hubspot_sync.webhook_inbox
   set epoch = 7, next_attempt_at = hubspot_sync.clock() + interval '2 min'
 where hubspot_id = '5';
update hubspot_sync.webhook_inbox set epoch = 6 where hubspot_id = '6';
insert into hubspot_sync.webhook_inbox (table_name, hubspot_id, kind)
values ('hubspot_bookings', '5', 'propertyChange');
select is(pg_temp.ids('dead'), '{3}', 'dead letters can be listed alone');
select is(pg_temp.ids('waiting'), '{4}', 'what waits for its next attempt');
select is(pg_temp.ids('leased'), '{5}', 'what a worker has');
select is(pg_temp.ids('behind'), '{5}', 'what waits for that worker');
select is(pg_temp.ids('due'), '{1,2,6,7}', 'what is due, a lease that ended among it');
select hubspot_sync.pause_sync('bookings', 'a test');
select is(pg_temp.ids('paused'), '{4,6,7,5}', 'and what a pause holds up');

-- Pages --------------------------------------------------------------------------------------
select is(pg_temp.ids(p_limit => 3), '{1,2,3}', 'a page ends where it is told to');
select is(pg_temp.ids(p_limit => 3, p_after => (
            select max(l.id) from hubspot_sync.list_signals(p_limit => 3) l)), '{4,5,6}',
          'the next one goes on there');
update hubspot_sync.webhook_inbox set done_at = now(), epoch = null, dead_at = null;
select is(pg_temp.ids(), '{}', 'what is done is not listed');

select * from finish();
rollback;
