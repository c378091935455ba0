begin;
select plan(11);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return '2030-01-01 12:00+00'::timestamptz + current_setting('test.later')::interval;
set local test.later = '0';
update hubspot_sync.settings set value = '100 minutes' where key = 'read_after';
create function pg_temp.signal(p_id text, p_event_key text) returns text language sql as $$
  insert into hubspot_sync.webhook_inbox
    (table_name, hubspot_id, kind, event_key, received_at, next_attempt_at)
  values ('hubspot_bookings', p_id, 'propertyChange', p_event_key, hubspot_sync.clock(),
          hubspot_sync.clock());
  select '# ' || p_id
$$;
-- What a worker that follows the profile claims.
create function pg_temp.claim() returns text[] language sql as $$
  select coalesce(array_agg(c.hubspot_id), '{}')
    from hubspot_sync.claim_signals('hubspot_bookings', 100, '2 minutes', null) c
$$;
select pg_temp.signal('1', 'a');

update hubspot_sync.settings set value = 'fast' where key = 'profile';
select is(hubspot_sync.reads_now('hubspot_bookings'), true, 'in profile fast all is read at once');
update hubspot_sync.settings set value = 'thrifty' where key = 'profile';
select is(hubspot_sync.reads_now('hubspot_bookings'), false,
          'in profile thrifty what a webhook told may wait');
select is(pg_temp.claim(), '{}', 'and does');
set local test.later = '99 minutes';
select is(pg_temp.claim(), '{}', 'for a while');
select pg_temp.signal('2', 'b');
set local test.later = '101 minutes';
select is(hubspot_sync.reads_now('hubspot_mock_exams'), false, 'each table by itself');
select is(pg_temp.claim(), '{1,2}', 'then all of it is read with what waited longest');
update hubspot_sync.webhook_inbox set done_at = hubspot_sync.clock();
select pg_temp.signal('3', 'c');
select is(hubspot_sync.reads_now('hubspot_bookings'), false, 'what was read is no reason');
select pg_temp.signal('4', null);
select is(pg_temp.claim(), '{3,4}', 'what a poll found is read at once, with all that waits');
update hubspot_sync.webhook_inbox set epoch = null, next_attempt_at = hubspot_sync.clock();
delete from hubspot_sync.webhook_inbox where hubspot_id <> '3';
select is(pg_temp.claim(), '{3}', 'so is what is read again after a failure');
update hubspot_sync.webhook_inbox set dead_at = hubspot_sync.clock();
select is(hubspot_sync.reads_now('hubspot_bookings'), false, 'a dead letter is no reason');
set local test.later = '1 day';
select pg_temp.signal('5', 'd');
set local test.later = '1 hour';
select is(hubspot_sync.reads_now('hubspot_bookings'), true,
          'a clock that was set back keeps nothing waiting');

select * from finish();
rollback;
