begin;
select plan(4);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return now() + current_setting('test.later')::interval;
set local test.later = '0';
select is_empty('select * from hubspot_sync.inbox_status()', 'an empty inbox has no rows');
select hubspot_sync.store_signals('hubspot_bookings', '{1,2,3,4}', 'poll'),
       hubspot_sync.store_signals('hubspot_mock_exams', '{5}', 'poll');
set local test.later = '1 hour';
select hubspot_sync.store_signals('hubspot_bookings', '{4,6}', 'poll', 'urgent');
update hubspot_sync.webhook_inbox set next_attempt_at = now() + interval '2 hours'
 where hubspot_id = '2';
update hubspot_sync.webhook_inbox set dead_at = now(), received_at = now() - interval '9 days'
 where hubspot_id = '3';
update hubspot_sync.webhook_inbox set done_at = now() where hubspot_id = '5';
select results_eq('select * from hubspot_sync.inbox_status()',
  $$values ('hubspot_bookings', 3::bigint, 1::bigint, 1::bigint, '1 hour'::interval, 2::bigint,
            '1 hour'::interval, false)$$,
  'open signals are counted, their dead letters, and how long they wait; what is done is not');
update hubspot_sync.webhook_inbox set lane = 'bulk' where hubspot_id = '4';
select is((select oldest_urgent from hubspot_sync.inbox_status()), '0',
          'the oldest urgent one has an age of its own');
select hubspot_sync.pause_sync('bookings', 'a test');
select is((select paused from hubspot_sync.inbox_status()), true, 'a pause is told');

select * from finish();
rollback;
